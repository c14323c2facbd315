"""What stands in front of an app, one module a policy. Pure: a route in, what Envoy is told of it out.

A policy has two halves: the filter that the listener carries for everybody (`filters`, in the order in which a
request meets them), and what it writes into the route of a domain (`GUARDS`) or, once, into the route configuration
of a project (`PROJECT_GUARDS`). The second half travels in the same resource as the target of the route, so no
request is checked by one version's policy and served by another. For the same reason no filter here may clear the
route cache: the request would be given to whatever the route leads to by then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from turnout.domain.views import ProjectView, RouteView
from turnout.gateway.policies import https, identity, keys, protection, validation

Guard = Callable[[Any, RouteView, ProjectView], None]
"""Writes into the `VirtualHost` of a domain, whose one route leads to the app already."""

ProjectGuard = Callable[[Any, ProjectView], None]
"""Writes into the `RouteConfiguration` of a project, when all its domains are in it."""

GUARDS: Final[tuple[Guard, ...]] = (
    https.guard,
    validation.guard,  # makes several routes of the one to the app
    # Last, so that no route to the app that another one makes stays open or nobody's.
    identity.guard,
    protection.guard,
)
PROJECT_GUARDS: Final[tuple[ProjectGuard, ...]] = (
    validation.guard_project,
    keys.guard_project,
)

RESERVED: Final = (keys.KEY_ID_HEADER,)
"""Headers that only the gateway may send to an app: a client's own are dropped before anything looks at them."""


def filters() -> list[dict[str, Any]]:
    """The filters of the listener, first to last, without the router."""
    return [*protection.filters(), *keys.filters(), *validation.filters()]


def replies() -> list[dict[str, Any]]:
    """How the answers of policies are told (mappers of local replies); the first that fits is taken."""
    return [*protection.replies(), *keys.replies(), *validation.replies()]
