"""From one project, as the store sees it, to Envoy resources. Pure: equal views give equal bytes.

A project becomes a cluster and its endpoints per routed deployment, one route configuration with a virtual
host per domain, and one small scope per domain. Scopes make a switch cheap: Envoy finds the scope by host
name, so a switch sends one project's route configuration, however many projects there are.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from datetime import timedelta
from typing import Any, Final

from turnout.domain.errors import Invalid
from turnout.domain.views import ProjectView, TargetView
from turnout.gateway import protos
from turnout.gateway.challenges import answer_challenges
from turnout.gateway.policies import GUARDS
from turnout.gateway.resources import Kind, ProjectPlan, Resource

CONNECT_TIMEOUT: Final = timedelta(seconds=2)
"""An instance is on this machine or one hop away; one that takes longer is better tried elsewhere."""

UPSTREAM_IDLE: Final = timedelta(seconds=1.5)
"""How long an unused connection to an instance is kept. Shorter than the keep-alive of common app servers
(gunicorn 2 s, Node and uvicorn 5 s): we must be the one who closes, or a request now and then is sent into
a connection that the app is closing, and fails."""

STREAM_IDLE: Final = timedelta(hours=1)
"""A request, stream or WebSocket on which nothing at all moves for this long is cut. Nothing else cuts it."""

CEILING: Final = 1_000_000
"""Circuit breakers, per deployment. Envoy's own 1,024 would turn long polls and WebSockets away; downstream
connections are limited for the whole gateway, in the bootstrap."""

RETRY_ON: Final = "connect-failure,refused-stream"
"""Only what proves that the instance never saw the request. Anything wider could run a POST twice."""

_NO_LIMIT: Final = timedelta(0)
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_FQDN: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


def plan_project(view: ProjectView) -> ProjectPlan:
    """Return all resources of a project; an empty plan when nothing routes to it and it answers no challenge.

    Raises Invalid when a domain or an address in the view cannot be given to Envoy, or a route names a
    deployment that the view does not have: the gateway then keeps what it had for this project.
    """
    if not (view.routes or view.challenges):
        return ProjectPlan(project_id=view.project_id)
    known = {target.deployment_id for target in view.targets}
    for route in view.routes:
        if route.deployment_id not in known:
            raise Invalid(f"cannot route {route.fqdn}: {route.deployment_id} is not among the targets")
    return ProjectPlan(
        project_id=view.project_id,
        clusters=tuple(_cluster(target) for target in view.targets),
        endpoints=tuple(_endpoints(target) for target in view.targets),
        routes=(_routes(view),),
        scopes=tuple(_scope(fqdn, view.project_id) for fqdn in _names(view)),
    )


def _cluster(target: TargetView) -> Resource:
    cluster = protos.Cluster()
    cluster.CopyFrom(_CLUSTER_TEMPLATE)
    cluster.name = target.deployment_id
    return _resource(Kind.CLUSTER, target.deployment_id, cluster)


def _endpoints(target: TargetView) -> Resource:
    assignment = protos.ClusterLoadAssignment(cluster_name=target.deployment_id)
    if target.addresses:
        locality = assignment.endpoints.add()
        for address in target.addresses:
            host, port = _split(address)
            socket = locality.lb_endpoints.add().endpoint.address.socket_address
            socket.address, socket.port_value = host, port
    return _resource(Kind.ENDPOINTS, target.deployment_id, assignment)


def _routes(view: ProjectView) -> Resource:
    configuration = protos.RouteConfiguration(name=view.project_id)
    # The client's address is in x-forwarded-for; an app need not know by which proxy.
    configuration.request_headers_to_remove.append("x-envoy-external-address")
    for route in view.routes:
        host = configuration.virtual_hosts.add(name=_checked(route.fqdn), domains=[route.fqdn])
        entry = host.routes.add()
        entry.CopyFrom(_ROUTE_TEMPLATE)
        entry.route.cluster = route.deployment_id
        for guard in GUARDS:
            guard(host, route, view)
    answer_challenges(configuration, view)
    return _resource(Kind.ROUTES, view.project_id, configuration)


def _names(view: ProjectView) -> tuple[str, ...]:
    """Every host name the project answers for, routed or only challenged."""
    routed = {route.fqdn for route in view.routes}
    challenged = {_checked(challenge.fqdn) for challenge in view.challenges}
    return tuple(sorted(routed | challenged))


def _scope(fqdn: str, project_id: str) -> Resource:
    scope = protos.ScopedRouteConfiguration(name=fqdn, route_configuration_name=project_id)
    scope.key.fragments.add(string_key=fqdn)
    return _resource(Kind.SCOPE, fqdn, scope)


def _checked(fqdn: str) -> str:
    """Refuse what would mean more to Envoy than one host name, `*` above all."""
    if not _FQDN.fullmatch(fqdn):
        raise Invalid(f"cannot route {fqdn!r}: it is not a host name in lower case")
    return fqdn


def _split(address: str) -> tuple[str, int]:
    """`127.0.0.1:8001` or `[::1]:8001`, taken apart. Envoy takes no host names here."""
    host, _, port = address.rpartition(":")
    try:
        parsed = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        raise Invalid(f"cannot send traffic to {address!r}: it is not an IP address and a port") from None
    if not 0 < number < 65536:
        raise Invalid(f"cannot send traffic to {address!r}: there is no such port")
    return str(parsed), number


def _resource(kind: Kind, name: str, message: Any) -> Resource:
    body = message.SerializeToString(deterministic=True)
    return Resource(kind=kind, name=name, version=hashlib.sha256(body).hexdigest()[:16], body=body)


def _cluster_template() -> Any:
    """What all clusters share; built once, since building it costs more than copying it."""
    cluster = protos.Cluster(
        type=protos.Cluster.EDS,
        connect_timeout=CONNECT_TIMEOUT,
        # Least loaded of two drawn at random: one slow instance does not collect every request.
        lb_policy=protos.Cluster.LEAST_REQUEST,
        # An instance that left the store gets no new request, health check or not; what it is busy with ends
        # in peace, because connections are only drained, never closed.
        ignore_health_on_host_removal=True,
        close_connections_on_host_health_failure=False,
    )
    cluster.eds_cluster_config.eds_config.ads.SetInParent()
    cluster.eds_cluster_config.eds_config.resource_api_version = 2
    limits = cluster.circuit_breakers.thresholds.add()
    for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
        getattr(limits, name).value = CEILING
    # Our own checks decide who is in the list; Envoy must not throw everybody out by its own guess.
    cluster.common_lb_config.healthy_panic_threshold.value = 0
    options = protos.HttpProtocolOptions()
    options.explicit_http_config.http_protocol_options.SetInParent()
    options.common_http_protocol_options.idle_timeout.FromTimedelta(UPSTREAM_IDLE)
    key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    cluster.typed_extension_protocol_options[key].Pack(options, deterministic=True)
    return cluster


def _route_template() -> Any:
    """What all routes share: every path, no time limit on an answer that keeps moving, and safe retries."""
    configuration = protos.RouteConfiguration()
    entry = configuration.virtual_hosts.add().routes.add()
    entry.match.prefix = "/"
    entry.route.timeout.FromTimedelta(_NO_LIMIT)
    entry.route.idle_timeout.FromTimedelta(STREAM_IDLE)
    entry.route.upgrade_configs.add(upgrade_type="websocket")
    retry = entry.route.retry_policy
    retry.retry_on = RETRY_ON
    retry.num_retries.value = 2
    other_host = retry.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    other_host.typed_config.Pack(protos.PreviousHosts())
    retry.host_selection_retry_max_attempts = 3
    return entry


_CLUSTER_TEMPLATE: Final = _cluster_template()
_ROUTE_TEMPLATE: Final = _route_template()
