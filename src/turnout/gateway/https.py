"""The listener for HTTPS: the same requests, the same routes, behind TLS. Pure data for the bootstrap.

Certificates are asked for when a client names a host (`handshakes`), so one more of them changes nothing here. Before
anything is asked, the name that the client sends has to look like a host name: the control plane's protocol carries
text, and a name of other bytes would end its stream, again at every attempt to begin a new one.
"""

from __future__ import annotations

from typing import Any, Final

from turnout.gateway.listener import AccessLog, connection_manager, socket_addresses
from turnout.gateway.policies.https import HSTS_FILTER

CIPHERS: Final = (
    # Mozilla's "intermediate", for TLS 1.2; those of TLS 1.3 are all good and are not chosen. Names in one pair of
    # brackets are equal, and the client's wish decides: ChaCha20 is for those without AES in hardware.
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
CURVES: Final = ("X25519MLKEM768", "X25519", "P-256", "P-384")
HANDSHAKE: Final = "10s"
"""A client that has not finished by then is cut. So is one that waits for a certificate while the control plane is
away."""

_HOST_NAME: Final = r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*"
_NO_NAME: Final = "*"
"""What would be asked for in the place of no name at all. No host is called that."""

_MISDIRECTED_LUA: Final = """
local function covers(name, host)
  if name == host then
    return true
  end
  local dot = string.find(host, ".", 1, true)
  return dot ~= nil and string.sub(name, 1, 2) == "*." and string.sub(host, dot) == string.sub(name, 2)
end

function envoy_on_request(handle)
  local host = handle:headers():get(":authority")
  for _, name in ipairs(handle:streamInfo():downstreamSslConnection():dnsSansLocalCertificate()) do
    if covers(string.lower(name), host) then
      return
    end
  end
  handle:respond({[":status"] = "421"}, "This connection is for another host name. Open one for this one.")
end
"""


def https_listener(
    *, addresses: tuple[str, ...], port: int, trusted_proxies: int, access_log: AccessLog | None
) -> dict[str, Any]:
    """Return the listener for HTTPS. Raises Invalid without an address."""
    first, others = socket_addresses(addresses, port)
    return {
        "name": "gateway-https",
        "address": first,
        "additional_addresses": others,
        "per_connection_buffer_limit_bytes": 256 * 1024,
        "listener_filters": [
            {
                "name": "tls-inspector",
                "typed_config": {"@type": _type("filters.listener.tls_inspector.v3.TlsInspector")},
            }
        ],
        "listener_filters_timeout": HANDSHAKE,
        "filter_chain_matcher": _only_host_names(),
        "filter_chains": [
            {
                "name": "tls",
                "transport_socket_connect_timeout": HANDSHAKE,
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": _tls()},
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _manager(trusted_proxies, access_log),
                    }
                ],
            }
        ],
    }


def _manager(trusted_proxies: int, access_log: AccessLog | None) -> dict[str, Any]:
    """What happens to plain requests, with two filters more."""
    manager = connection_manager(trusted_proxies, access_log)
    lower_case, *others = manager["http_filters"]
    return {**manager, "http_filters": [lower_case, _misdirected(), _hsts(), *others]}


def _tls() -> dict[str, Any]:
    over_ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "@type": _type("transport_sockets.tls.v3.DownstreamTlsContext"),
        # Envoy wants it so for certificates that it asks for one by one: a ticket of one host must not open another.
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
                "cipher_suites": list(CIPHERS),
                "ecdh_curves": list(CURVES),
            },
            "custom_tls_certificate_selector": {
                "name": "envoy.tls.certificate_selectors.on_demand_secret",
                "typed_config": {
                    "@type": _type("transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config"),
                    "config_source": {**over_ads, "initial_fetch_timeout": "0s"},
                    "certificate_mapper": {
                        "name": "envoy.tls.certificate_mappers.sni",
                        "typed_config": {
                            "@type": _type("transport_sockets.tls.cert_mappers.sni.v3.SNI"),
                            "default_value": _NO_NAME,
                        },
                    },
                },
            },
        },
    }


def _only_host_names() -> dict[str, Any]:
    """Take the one chain for what looks like a host name; nothing matches else, and the connection is closed."""
    looks_right = {
        "input": {
            "name": "server-name",
            "typed_config": {"@type": _type("matching.common_inputs.network.v3.ServerNameInput")},
        },
        "value_match": {"safe_regex": {"google_re2": {}, "regex": _HOST_NAME}},
    }
    chain = {
        "name": "tls",
        "typed_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "tls"},
    }
    return {
        "matcher_list": {
            "matchers": [{"predicate": {"single_predicate": looks_right}, "on_match": {"action": chain}}],
        }
    }


def _misdirected() -> dict[str, Any]:
    """421 for a host that the certificate of the connection is not good for (RFC 9110, 7.4): its visitors have seen
    another site's name in their address bar."""
    return {
        "name": "misdirected",
        "typed_config": {
            "@type": _type("filters.http.lua.v3.Lua"),
            "default_source_code": {"inline_string": _MISDIRECTED_LUA},
        },
    }


def _hsts() -> dict[str, Any]:
    """Does nothing by itself: domains that want it say so with their routes."""
    return {
        "name": HSTS_FILTER,
        "typed_config": {"@type": _type("filters.http.header_mutation.v3.HeaderMutation")},
    }


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"
