"""The file an Envoy is started with. Pure: settings in, a dictionary out, which Envoy reads as JSON.

Everything that changes while Envoy runs comes over ADS; the listener and the limits are here. `listener`
has what happens to a request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from turnout.domain.errors import Invalid
from turnout.gateway.https import https_listener
from turnout.gateway.listener import AccessLog, listener

ADS_CLUSTER: Final = "turnout-ads"

_LONGEST_SOCKET_PATH: Final = 103
"""What both Linux (107) and macOS (103) take."""

_FAST_RECONNECT: Final = {"base_interval": "0.1s", "max_interval": "1s"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BootstrapSettings:
    """How one Envoy is set up."""

    gateway_id: str
    """Names this gateway in operations and acknowledgements; unique among all gateways."""
    region: str
    """Where it stands."""
    ads: str
    """Where its control plane answers: `host:port` or `unix:/path`."""
    admin: str
    """A Unix socket's path, or `127.0.0.1:port`. The admin interface can stop Envoy and has no password: a
    socket lets only the same user in, whereas any app on the machine reaches a port."""
    listen: tuple[str, ...] = ("127.0.0.1",)
    """Addresses to listen on. `("127.0.0.1", "::1")` for both families on this machine, `("::",)` for all."""
    port: int = 8000
    tls_port: int | None = None
    """Where HTTPS answers; None: nowhere."""
    ads_token: str | None = None
    """Brought to the control plane as a bearer token."""
    ads_tls: bool = False
    """Whether the control plane is reached over TLS; its certificate is checked against the system's roots."""
    max_connections: int = 20_000
    """Downstream connections; one more is refused."""
    max_heap_mib: int = 1024
    """At 90 % memory is given back, at 97 % new requests are answered 503."""
    trusted_proxies: int = 0
    """How many proxies of your own stand in front. 0: what a client claims in forwarded headers is dropped."""
    access_log: AccessLog | None = None
    """Off by default."""


def bootstrap(settings: BootstrapSettings) -> dict[str, Any]:
    """Return Envoy's bootstrap. Raises Invalid for an admin address that others could reach."""
    return {
        "node": {
            "id": settings.gateway_id,
            "cluster": "turnout-gateway",
            "locality": {"region": settings.region},
        },
        "admin": {"address": _admin_address(settings.admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [_ads_service(settings)],
            },
            # Without a limit on the first answer Envoy waits, and is not ready, instead of answering 404.
            "cds_config": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
        },
        "static_resources": {
            "listeners": _listeners(settings),
            "clusters": [_ads_cluster(settings)],
        },
        "overload_manager": _overload(settings),
        "stats_config": {
            # Statistics of every cluster would cost more memory than the clusters themselves.
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [
                        {"prefix": prefix}
                        for prefix in (
                            "cluster_manager.",
                            "control_plane.",
                            "http.gateway.",
                            "listener.",
                            "listener_manager.",
                            "overload.",
                            "server.",
                        )
                    ]
                }
            }
        },
    }


def _listeners(settings: BootstrapSettings) -> list[dict[str, Any]]:
    shared: dict[str, Any] = {
        "addresses": settings.listen,
        "trusted_proxies": settings.trusted_proxies,
        "access_log": settings.access_log,
    }
    plain = listener(port=settings.port, **shared)
    return [plain] if settings.tls_port is None else [plain, https_listener(port=settings.tls_port, **shared)]


def as_json(document: dict[str, Any]) -> bytes:
    """The bytes of the file, the same for the same settings."""
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _admin_address(admin: str) -> dict[str, Any]:
    if admin.startswith("/"):
        return {"pipe": {"path": _socket_path(admin), "mode": 0o600}}
    host, port = _host_and_port(admin)
    if host not in ("127.0.0.1", "::1"):
        raise Invalid(f"cannot put Envoy's admin interface on {admin}: others could reach it, and stop Envoy")
    return {"socket_address": {"address": host, "port_value": port}}


def _ads_service(settings: BootstrapSettings) -> dict[str, Any]:
    service: dict[str, Any] = {
        # Envoy's own pause between attempts grows to 30 seconds: far too long to be without news.
        "envoy_grpc": {
            "cluster_name": ADS_CLUSTER,
            "retry_policy": {"retry_back_off": _FAST_RECONNECT},
        },
    }
    if settings.ads_token is not None:
        service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {settings.ads_token}"}]
    return service


def _ads_cluster(settings: BootstrapSettings) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "name": ADS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "2s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    # A control plane whose machine vanished is noticed by its silence, within 15 seconds.
                    "http2_protocol_options": {"connection_keepalive": {"interval": "10s", "timeout": "5s"}}
                },
            }
        },
    }
    if settings.ads.startswith("unix:"):
        address: dict[str, Any] = {"pipe": {"path": _socket_path(settings.ads.removeprefix("unix:"))}}
    else:
        host, port = _host_and_port(settings.ads)
        address = {"socket_address": {"address": host, "port_value": port}}
        cluster["type"] = "STRICT_DNS"
        if settings.ads_tls:
            cluster["transport_socket"] = _tls(host)
    cluster["load_assignment"] = {
        "cluster_name": ADS_CLUSTER,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }
    return cluster


def _tls(host: str) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": host,
            "auto_sni_san_validation": True,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "validation_context": {"system_root_certs": {}},
            },
        },
    }


def _overload(settings: BootstrapSettings) -> dict[str, Any]:
    def action(name: str, threshold: float) -> dict[str, Any]:
        return {
            "name": f"envoy.overload_actions.{name}",
            "triggers": [{"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}],
        }

    return {
        "refresh_interval": "0.5s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": settings.max_heap_mib * 1024 * 1024,
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors"
                    ".downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": settings.max_connections,
                },
            },
        ],
        "actions": [action("shrink_heap", 0.9), action("stop_accepting_requests", 0.97)],
    }


def _socket_path(path: str) -> str:
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        raise Invalid(f"cannot put a socket at {path}: the system takes {_LONGEST_SOCKET_PATH} bytes at most")
    return path


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise Invalid(f"cannot use {address!r} as an address: write host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)
