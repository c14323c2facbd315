"""What Envoy is told, as frozen data: named resources of five kinds, and the plan of one project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The xDS resource types, in the order in which Envoy must learn of them. Values are type URLs."""

    CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    SCOPE = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration"
    SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105  # a type
    """A certificate with its key, named by the host that a client asks for. In no project's plan: see `handshakes`."""


Key = tuple[Kind, str]
"""Names one resource: its kind and its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One Envoy resource, ready to be sent."""

    kind: Kind
    name: str
    version: str
    """A hash of the content: equal content has the same version on every server and after every restart."""
    body: bytes = field(repr=False)
    """The serialised protobuf message; with `kind` as its type URL this is a protobuf `Any`."""

    @property
    def key(self) -> Key:
        """What identifies it, whatever its version."""
        return (self.kind, self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectPlan:
    """Everything Envoy has to know of one project. Closed: nothing in it names anything outside it."""

    project_id: str
    clusters: tuple[Resource, ...] = ()
    """One per routed deployment, named by the deployment's id."""
    endpoints: tuple[Resource, ...] = ()
    """One per cluster, of the same name."""
    routes: tuple[Resource, ...] = ()
    """The project's route configuration, named by the project's id; none when the project has no domain."""
    scopes: tuple[Resource, ...] = ()
    """One per domain, named by it, pointing to the route configuration."""

    def resources(self) -> Iterator[Resource]:
        """All of them, in the order in which Envoy must learn of them."""
        yield from self.clusters
        yield from self.endpoints
        yield from self.routes
        yield from self.scopes
