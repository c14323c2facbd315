"""What stands in front of an app, one module a policy. Pure: a route in, what Envoy is told of it out.

A policy has two halves: the filter that the listener carries for everybody (`FILTERS`, in the order in which a
request meets them), and what it writes into the route of a domain (`GUARDS`). The second half travels in the
same resource as the target of the route, so no request is checked by one version's policy and served by another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from turnout.domain.views import ProjectView, RouteView
from turnout.gateway.policies import https

Guard = Callable[[Any, RouteView, ProjectView], None]
"""Writes into the `VirtualHost` of a domain, whose one route leads to the app already."""

GUARDS: Final[tuple[Guard, ...]] = (https.guard,)


def filters() -> list[dict[str, Any]]:
    """The filters of the listener, first to last, without the router."""
    return []
