"""What a switch writes, as data. The store's switch transaction executes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from turnout.domain.errors import Conflict
from turnout.domain.gates import MOVES_WITH_LIVE
from turnout.domain.hostnames import Candidate
from turnout.domain.records import Deployment, Route, Sticky


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """This name leads to the target from now on."""

    fqdn: str
    sticky: Sticky


def assign_for_deploy(
    wanted: Iterable[Candidate], owned: Mapping[str, Route], deployment: Deployment
) -> tuple[Assignment, ...]:
    """Choose the names of a new deployment; `owned` holds the existing routes among the candidates' names.

    Raises Conflict when a name belongs to another project or environment and there is no second choice:
    nothing is ever taken over.
    """
    return tuple(_choose(candidate, owned, deployment) for candidate in wanted)


def assign_for_live(routes: Iterable[Route]) -> tuple[Assignment, ...]:
    """The environment's and the live domains, all of them, for a rollback or a promote."""
    return tuple(
        Assignment(fqdn=route.fqdn, sticky=route.sticky)
        for route in sorted(routes, key=lambda route: route.fqdn)
        if route.sticky in MOVES_WITH_LIVE
    )


def _choose(candidate: Candidate, owned: Mapping[str, Route], deployment: Deployment) -> Assignment:
    for name in candidate.names:
        route = owned.get(name)
        if route is None or _may_take(route, candidate.sticky, deployment):
            return Assignment(fqdn=name, sticky=candidate.sticky)
    raise Conflict(
        f"cannot give {deployment.id} the domain {candidate.names[0]}: another project or environment owns it; "
        "rename the project or the environment"
    )


def _may_take(route: Route, sticky: Sticky, deployment: Deployment) -> bool:
    if route.sticky is Sticky.NONE or sticky is Sticky.NONE:
        return route.deployment_id == deployment.id and route.sticky is sticky
    return (
        route.sticky is sticky
        and route.project_id == deployment.project_id
        and route.environment_id == deployment.environment_id
    )


def live_before(switches: Iterable[tuple[bool, str]]) -> tuple[str, ...]:
    """The deployments a rollback goes back to when it names none, nearest first.

    `switches` are the switches that changed the live pointer, oldest first: whether it was a rollback, and
    what was live after it. Going back takes away what was gone back from: after deploys of v1, v2, v3 one
    rollback leads to v2, and the next one to v1, not to v3 again.
    """
    stack: list[str] = []
    for is_rollback, live in switches:
        if is_rollback and live in stack:
            while stack[-1] != live:
                stack.pop()
        elif not stack or stack[-1] != live:
            stack.append(live)
    return tuple(dict.fromkeys(each for each in reversed(stack[:-1]) if each != stack[-1]))
