# ruff: noqa: INP001  # beside the script that uses it
"""The other ways to ask for keys, as Envoy would be set up for them. Only `key_auth.py` uses this."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import multiprocessing
import socket
import time
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

from turnout.domain.views import ProjectView
from turnout.gateway import protos
from turnout.gateway.listener import listener
from turnout.gateway.planner import plan_project

BODY: Final = b"hello"
_MANAGER: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager"
_HTTP: Final = "type.googleapis.com/envoy.extensions.filters.http"
_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def app(port: int) -> dict[str, Any]:
    """An Envoy that answers by itself: an app that costs next to nothing."""
    manager = {
        "@type": f"{_MANAGER}.v3.HttpConnectionManager",
        "stat_prefix": "app",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "app",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": "/"},
                            "direct_response": {"status": 200, "body": {"inline_string": BODY.decode()}},
                        }
                    ],
                }
            ]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"static_resources": {"listeners": [{"address": address, "filter_chains": [chain]}]}}


def gateway(
    listeners: list[tuple[int, ProjectView, list[dict[str, Any]] | None]],
    app_port: int,
    authorisation: Any,
) -> dict[str, Any]:
    """The product's listener for each port, with its routes in it, and other filters where some are given."""
    made = []
    for port, view, others in listeners:
        one = listener(addresses=("127.0.0.1",), port=port, trusted_proxies=0, access_log=None)
        one["name"] = f"on {port}"
        manager = one["filter_chains"][0]["filters"][0]["typed_config"]
        del manager["scoped_routes"]
        (routes,) = plan_project(view).routes
        message = protos.RouteConfiguration.FromString(routes.body)
        manager["route_config"] = protos.message_to_dict(message, preserving_proto_field_name=True)
        if others is not None:
            first, *_, last = manager["http_filters"]
            manager["http_filters"] = [first, *others, last]
        made.append(one)
    (cluster,) = plan_project(listeners[0][1]).clusters
    upstream = protos.message_to_dict(protos.Cluster.FromString(cluster.body), preserving_proto_field_name=True)
    del upstream["eds_cluster_config"]
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": app_port}}}
    upstream["load_assignment"] = {"cluster_name": "dep_1", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]}
    upstream["type"] = "STATIC"
    return {"static_resources": {"listeners": made, "clusters": [upstream, authorisation.cluster()]}}


class Authorisation:
    """An ext_authz service in one Python process, over a Unix socket."""

    def __init__(self, known: set[str], folder: Path) -> None:
        self._known = known
        self._path = folder / "authz.sock"

    def start(self) -> Any:
        """Run it."""
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(self._known, str(self._path)))
        process.start()
        return process

    def filter(self) -> dict[str, Any]:
        """How Envoy asks it."""
        service = {"envoy_grpc": {"cluster_name": "authz"}, "timeout": "5s"}
        config = {"@type": f"{_HTTP}.ext_authz.v3.ExtAuthz", "grpc_service": service, "transport_api_version": "V3"}
        return {"name": "authz", "typed_config": config}

    def cluster(self) -> dict[str, Any]:
        """Where Envoy finds it."""
        options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        endpoint = {"address": {"pipe": {"path": str(self._path)}}}
        return {
            "name": "authz",
            "type": "STATIC",
            "typed_extension_protocol_options": {
                options: {
                    "@type": f"type.googleapis.com/{options}",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }
            },
            "load_assignment": {"cluster_name": "authz", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        }


def serve(known: set[str], path: str) -> None:
    """The process of the service: looks the key up by its hash, as the Lua filter does."""
    yes, no = external_auth_pb2.CheckResponse(), external_auth_pb2.CheckResponse()
    yes.ok_response.headers.add().header.key = "x-turnout-key-id"
    yes.ok_response.headers[0].header.value = "key_1"
    no.status.code = 16

    class Check(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc, name-defined]  # untyped
        async def Check(self, request: Any, _context: Any) -> Any:  # noqa: N802  # gRPC's name
            secret = request.attributes.request.http.headers["authorization"].removeprefix("Bearer ")
            return yes if hashlib.sha256(secret.encode()).hexdigest() in known else no

    async def run() -> None:
        server = protos.aio.server()
        external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Check(), server)
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        await server.wait_for_termination()

    asyncio.run(run())


def signed_filter(*, cached: bool) -> dict[str, Any]:
    """jwt_authn with the public key in its configuration."""
    numbers = _KEY.public_key().public_numbers()
    jwk = {"kty": "RSA", "alg": "RS256", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}
    provider: dict[str, Any] = {
        "issuer": "turnout",
        "local_jwks": {"inline_string": json.dumps({"keys": [jwk]})},
        "forward": False,
        "claim_to_headers": [{"header_name": "x-turnout-key-id", "claim_name": "sub"}],
    }
    if cached:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000}
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "turnout"}}
    config = {"@type": f"{_HTTP}.jwt_authn.v3.JwtAuthentication", "providers": {"turnout": provider}, "rules": [rule]}
    return {"name": "signed", "typed_config": config}


def signed() -> str:
    """A key that says itself whose it is."""
    claims = {"iss": "turnout", "sub": "key_1", "exp": int(time.time()) + 86400}
    body = f"{_base64(json.dumps({'alg': 'RS256', 'kid': '1'}).encode())}.{_base64(json.dumps(claims).encode())}"
    return f"{body}.{_base64(_KEY.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _number(number: int) -> str:
    return _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
