"""The newest known configuration of all projects, and what a feed changes in it.

Applying a feed costs what the feed contains. Nothing here knows of streams, disks or time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from turnout.domain.errors import Invalid
from turnout.domain.views import GatewayFeed, ProjectView
from turnout.gateway.certificates import Certificates, Touched
from turnout.gateway.planner import plan_project
from turnout.gateway.resources import Key, Kind, ProjectPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What one feed did to the state."""

    generation: int
    """The newest routing transaction that is now in the state."""
    dropped: Mapping[str, tuple[Key, ...]]
    """By project that changed, in order: the clusters and scopes it no longer has. May be empty for each."""
    unplannable: Mapping[str, str] = field(default_factory=dict)
    """By project, why its new view cannot be served; the old plan stays."""
    certificates: Touched = field(default_factory=Touched)
    """The hosts that another certificate may serve now."""


class State:
    """All plans, by project, and who owns which resource; and the certificates."""

    def __init__(self, to_https: Callable[[ProjectView, Certificates], ProjectView] = lambda view, _: view) -> None:
        """`to_https` tells a view which of its domains are sent to HTTPS, by the certificates that there are."""
        self.change = 0
        self.generation = 0
        self.loaded = False
        """False until the first feed or snapshot: an empty state means nothing before that."""
        self.views: dict[str, ProjectView] = {}
        self.certificates = Certificates()
        self._to_https = to_https
        self._planned: dict[str, ProjectView] = {}
        self._plans: dict[str, ProjectPlan] = {}
        self._owners: dict[Key, str] = {}

    def apply(self, feed: GatewayFeed, *, whole: bool = False) -> Changes:
        """Take a feed in. With `whole`, projects that the feed does not have are gone.

        Applying the same feed again changes nothing.
        """
        touched = self.certificates.apply(feed.certificates, whole=whole)
        views = list(feed.projects)
        present = {view.project_id for view in views}
        if not whole:  # else they are all there anyway
            views += self._concerned(touched, but=present)
        else:
            gone = sorted(self._plans.keys() - present)
            views += [ProjectView(project_id=project_id, routes=(), targets=()) for project_id in gone]
        dropped: dict[str, tuple[Key, ...]] = {}
        unplannable: dict[str, str] = {}
        for view in views:
            complete = self._to_https(view, self.certificates)
            try:
                plan = plan_project(complete)
            except Invalid as error:
                unplannable[view.project_id] = error.detail
                continue
            if plan != self.plan(view.project_id):
                dropped[view.project_id] = self._replace(plan)
            self._keep_view(view, complete)
        self.change, self.generation, self.loaded = feed.change, feed.generation, True
        return Changes(generation=feed.generation, dropped=dropped, unplannable=unplannable, certificates=touched)

    def plan(self, project_id: str) -> ProjectPlan:
        """What Envoy should have of this project: nothing, when nobody knows it."""
        return self._plans.get(project_id) or ProjectPlan(project_id=project_id)

    def projects(self) -> tuple[str, ...]:
        """Every project that answers for at least one domain."""
        return tuple(self._plans)

    def owner(self, key: Key) -> str | None:
        """The project that has this resource now."""
        return self._owners.get(key)

    def _concerned(self, touched: Touched, *, but: set[str]) -> list[ProjectView]:
        """The projects of which a domain is now sent to HTTPS, or no longer, because of a certificate."""
        if not touched:
            return []
        if touched.local or any(name.startswith("*") for name in touched.names):
            domains = ((name, each) for (kind, name), each in self._owners.items() if kind is Kind.SCOPE)
            owners = {each for name, each in domains if touched.concerns(name)}
        else:
            found = (self._owners.get((Kind.SCOPE, name)) for name in touched.names)
            owners = {each for each in found if each is not None}
        views = (self.views[project_id] for project_id in sorted(owners - but))
        return [view for view in views if self._to_https(view, self.certificates) != self._planned[view.project_id]]

    def _keep_view(self, view: ProjectView, complete: ProjectView) -> None:
        if view.routes or view.challenges:
            self.views[view.project_id] = view
            self._planned[view.project_id] = complete
        else:
            self.views.pop(view.project_id, None)
            self._planned.pop(view.project_id, None)

    def _replace(self, plan: ProjectPlan) -> tuple[Key, ...]:
        """Put the plan in the place of the old one and return the clusters and scopes that fell out."""
        project_id = plan.project_id
        old = {resource.key for resource in self.plan(project_id).resources()}
        new = {resource.key for resource in plan.resources()}
        for key in old - new:
            # A domain may have moved to another project of the same feed: then it is that one's already.
            if self._owners.get(key) == project_id:
                del self._owners[key]
        for key in new:
            self._owners[key] = project_id
        if new:
            self._plans[project_id] = plan
        else:
            self._plans.pop(project_id, None)
        return tuple(sorted(key for key in old - new if key[0] in (Kind.CLUSTER, Kind.SCOPE)))
