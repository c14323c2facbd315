"""What happens to a request between the client's socket and the router. Pure data for the bootstrap.

Forwarded headers belong to the gateway: what a client sends under those names never reaches an app, and
nothing a client sends steers Envoy.
"""

from __future__ import annotations

from typing import Any, Final

from turnout.domain.errors import Invalid
from turnout.gateway import challenges, policies, trace_context
from turnout.gateway.access_log import AccessLog, access_log

ROUTING_HOST: Final = ":authority"
"""The header that picks the scope, so the project: the host name, without port and trailing dot by then."""

_LOWER_CASE_LUA: Final = """
function envoy_on_request(handle)
  local headers = handle:headers()
  headers:replace(":authority", string.lower(headers:get(":authority")))
  handle:clearRouteCache()
end
"""

_CLAIMS: Final = ("forwarded", "x-forwarded-port", "x-real-ip")
"""Headers in which a client could claim to be somebody else, or to have asked for another host."""

_PROBLEMS: Final = (
    # Envoy's response flags, status, title, what a person can do.
    ("NR", 404, "No such domain", "No deployment answers for this host name. Check its spelling, and `turnout ls`."),
    ("NC", 503, "Not ready", "The deployment behind this domain is not known to this gateway yet."),
    ("UH", 503, "No instance", "No instance of the deployment behind this domain runs. See `turnout ls`."),
    ("UF", 503, "Instance not reachable", "The deployment's instances take no connections. See `turnout logs`."),
    ("UC", 502, "Instance hung up", "The instance closed the connection without an answer. See `turnout logs`."),
)


def listener(
    *, addresses: tuple[str, ...], port: int, trusted_proxies: int, access_log: AccessLog | None
) -> dict[str, Any]:
    """Return the listener for plain HTTP. Raises Invalid without an address."""
    first, others = socket_addresses(addresses, port)
    return {
        "name": "gateway",
        "address": first,
        "additional_addresses": others,
        "per_connection_buffer_limit_bytes": 256 * 1024,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": connection_manager(trusted_proxies, access_log),
                    }
                ]
            }
        ],
    }


def socket_addresses(addresses: tuple[str, ...], port: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The address of a listener, and its additional ones. Raises Invalid without any."""
    if not addresses:
        raise Invalid("cannot start a gateway that listens on no address")
    first, *others = (
        {"socket_address": {"address": address, "port_value": port, "ipv4_compat": address == "::"}}
        for address in addresses
    )
    return first, [{"address": other} for other in others]


def connection_manager(trusted_proxies: int, log: AccessLog | None) -> dict[str, Any]:
    """What every request goes through, whichever way it came in."""
    return {
        "@type": _type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "gateway",
        "codec_type": "AUTO",
        "scoped_routes": _scoped_routes(),
        "http_filters": [_lower_case_host(), *trace_context.filters(), *policies.filters(), _router()],
        **_host_and_path(),
        **_identity(trusted_proxies),
        **_limits(),
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        # The app's own `server` header passes; Envoy adds none.
        "server_header_transformation": "PASS_THROUGH",
        "local_reply_config": _local_replies(),
        "access_log": [access_log(log)] if log else [],
    }


def _scoped_routes() -> dict[str, Any]:
    over_ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "name": "domains",
        "scope_key_builder": {
            "fragments": [
                # The default separator would cut a host name in pieces at commas; there is to be one piece.
                {"header_value_extractor": {"name": ROUTING_HOST, "element_separator": "", "index": 0}}
            ]
        },
        "rds_config_source": over_ads,
        # No limit on the first answer: not ready is better than 404 for everybody.
        "scoped_rds": {"scoped_rds_config_source": {**over_ads, "initial_fetch_timeout": "0s"}},
    }


def _host_and_path() -> dict[str, Any]:
    """One spelling for each host and path, before anything is decided by them."""
    return {
        "strip_any_host_port": True,
        "strip_trailing_host_dot": True,
        "normalize_path": True,
        # Apps tell `a//b` from `a/b`, and `%2F` from `/`, and have a right to.
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "http_protocol_options": {"accept_http_10": True, "allow_chunked_length": False},
        "http2_protocol_options": {
            "allow_connect": True,
            "max_concurrent_streams": 128,
            "initial_stream_window_size": 256 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
    }


def _identity(trusted_proxies: int) -> dict[str, Any]:
    """Who the client is: the other end of the connection, or what our own proxies in front say."""
    mutations = [_overwrite("x-forwarded-host", "%REQ(:AUTHORITY)%"), trace_context.draw_seed()]
    mutations += [{"remove": name} for name in policies.RESERVED]
    # Envoy's own words, of which it drops only some by itself.
    mutations.append({"remove_on_match": {"key_matcher": {"prefix": "x-envoy-", "ignore_case": True}}})
    if not trusted_proxies:
        # Written by ourselves: Envoy would append to the client's claim, and would put this machine's own
        # address in the place of a client on the loopback interface.
        mutations += [{"remove": name} for name in _CLAIMS]
        mutations.append(_overwrite("x-forwarded-for", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"))
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": trusted_proxies,
        "skip_xff_append": trusted_proxies == 0,
        "early_header_mutation_extensions": [
            {
                "name": "forwarded",
                "typed_config": {
                    "@type": _type("http.early_header_mutation.header_mutation.v3.HeaderMutation"),
                    "mutations": mutations,
                },
            }
        ],
        # Nobody counts as internal: Envoy would obey `x-envoy-*` headers of clients on private addresses.
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": []},
        # A request id is for finding one's request again, so a client's own is kept; otherwise one is made.
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
    }


def _overwrite(header: str, value: str) -> dict[str, Any]:
    return {
        "append": {
            "header": {"key": header, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    }


def _limits() -> dict[str, Any]:
    """Against clients that take without end. What an app may take is stated with its routes."""
    return {
        "request_headers_timeout": "10s",
        "max_request_headers_kb": 64,
        "common_http_protocol_options": {
            "idle_timeout": "600s",
            "max_headers_count": 128,
            # `X_Forwarded_For` and `X-Forwarded-For` are the same to a WSGI app.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "stream_idle_timeout": "3600s",
        "request_timeout": "0s",
        "drain_timeout": "2s",
    }


def _lower_case_host() -> dict[str, Any]:
    """Lower-case the host name and choose the scope again; only for names that need it, which are few.

    Scopes are compared byte by byte, so `Shop.Example` would not find `shop.example`. The matcher in front
    keeps everybody else from paying for Lua.
    """
    return {
        "name": "lower-case-host",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {
                "name": "envoy.filters.http.lua",
                "typed_config": {
                    "@type": _type("filters.http.lua.v3.Lua"),
                    "default_source_code": {"inline_string": _LOWER_CASE_LUA},
                },
            },
            "xds_matcher": {
                "matcher_list": {
                    "matchers": [
                        {
                            "predicate": {
                                "single_predicate": {
                                    "input": {
                                        "name": "host",
                                        "typed_config": {
                                            "@type": "type.googleapis.com/"
                                            "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                                            "header_name": ":authority",
                                        },
                                    },
                                    "value_match": {"safe_regex": {"google_re2": {}, "regex": "[^A-Z]*"}},
                                }
                            },
                            "on_match": {
                                "action": {
                                    "name": "skip",
                                    "typed_config": {"@type": _type("filters.common.matcher.action.v3.SkipFilter")},
                                }
                            },
                        }
                    ]
                }
            },
        },
    }


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": _type("filters.http.router.v3.Router"),
            # Neither apps nor clients are told how the gateway works.
            "suppress_envoy_headers": True,
        },
    }


def _local_replies() -> dict[str, Any]:
    """Answers of the gateway itself, as RFC 9457 problems that say what is wrong and what can be done."""
    return {
        "mappers": [
            *policies.replies(),
            challenges.unwrapped(),
            *(
                {
                    "filter": {"response_flag_filter": {"flags": [flag]}},
                    "status_code": status,
                    "body_format_override": _problem("%RESPONSE_CODE%", title, detail),
                }
                for flag, status, title, detail in _PROBLEMS
            ),
        ],
        "body_format": _problem("%RESPONSE_CODE%", "The gateway refused the request", "%LOCAL_REPLY_BODY%"),
    }


def _problem(status: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "json_format": {"type": "about:blank", "title": title, "status": status, "detail": detail},
        "content_type": "application/problem+json",
    }


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"
