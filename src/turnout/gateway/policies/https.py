"""Plain requests are sent to HTTPS, where a certificate serves the domain; and browsers told to remember that.

The redirect is a route in front of the app's own, for requests that came in plainly. What proves to others that a
domain is ours must be answered as it is asked, so those paths are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from turnout.domain.hostnames import is_local
from turnout.domain.views import HttpsView, ProjectView, RouteView
from turnout.gateway import protos
from turnout.gateway.certificates import Certificates

Mode = Literal["auto", "on", "off"]

LEFT_ALONE: Final = ("/.well-known/acme-challenge/", "/.well-known/turnout/")
"""Prefixes of paths that are never redirected."""

HSTS_FILTER: Final = "hsts"
"""The listener for HTTPS has a filter of this name. The plain one has not: there the header must not be sent."""

_ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirect:
    """Which domains are sent to HTTPS, and where it answers."""

    mode: Mode
    """`auto`: those with a certificate that are not local names. `on`: those, and local names. `off`: none."""
    port: int
    """As clients see it."""
    hsts_seconds: int = 0
    """For domains that are redirected and are not local names; 0: browsers are not told to remember."""

    def complete(self, view: ProjectView, certificates: Certificates) -> ProjectView:
        """The view, telling of each domain whether it is sent to HTTPS.

        One without a certificate never is: its visitors would find nothing there. One whose certificate has expired
        still is: a warning is better than going back to what anybody can read.
        """
        if self.mode == "off":
            return view
        routes = tuple(self._complete(route, view.workspace_id, certificates) for route in view.routes)
        return view if routes == view.routes else replace(view, routes=routes)

    def _complete(self, route: RouteView, workspace_id: str, certificates: Certificates) -> RouteView:
        local = is_local(route.fqdn)
        if local and self.mode == "auto":
            return route
        if certificates.find(route.fqdn, workspace_id=workspace_id, now=_ANY_TIME) is None:
            return route
        return replace(route, https=HttpsView(port=self.port, hsts_seconds=0 if local else self.hsts_seconds))


def guard(host: Any, route: RouteView, _project: ProjectView) -> None:
    """Put the redirect in front of the routes of a domain, and say what its answers over HTTPS carry."""
    if route.https is None:
        return
    redirect = protos.RouteConfiguration().virtual_hosts.add().routes.add()
    redirect.match.prefix = "/"
    came_plainly = redirect.match.headers.add(name="x-forwarded-proto")
    came_plainly.string_match.exact = "http"
    for prefix in LEFT_ALONE:
        elsewhere = redirect.match.headers.add(name=":path", invert_match=True)
        elsewhere.string_match.prefix = prefix
    redirect.redirect.https_redirect = True
    redirect.redirect.port_redirect = route.https.port
    # 308: a POST stays a POST.
    redirect.redirect.response_code = protos.RedirectAction.PERMANENT_REDIRECT
    host.routes.insert(0, redirect)
    if route.https.hsts_seconds:
        header = protos.HeaderMutationPerRoute()
        told = header.mutations.response_mutations.add().append
        told.header.key, told.header.value = "strict-transport-security", f"max-age={route.https.hsts_seconds}"
        told.append_action = protos.HeaderValueOption.ADD_IF_ABSENT
        host.typed_per_filter_config[HSTS_FILTER].Pack(header, deterministic=True)
