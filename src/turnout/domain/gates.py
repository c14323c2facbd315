"""Gates: may this happen? Facts in, None or a refusal out.

The API asks them for courtesy before it writes an operation down; the switch transaction asks them again,
with the facts it has locked, and its answer alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from turnout.domain.errors import Invalid, NotFound, TurnoutError
from turnout.domain.records import PRODUCTION, Deployment, Environment, Project, Route, Sticky
from turnout.domain.statuses import DeploymentStatus

MOVES_WITH_LIVE = frozenset({Sticky.ENVIRONMENT, Sticky.LIVE})
"""The routes that a rollback or a promote moves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchFacts:
    """What the gates look at: one project and, where they exist, the two deployments of a switch."""

    project: Project
    source: Deployment | None
    target: Deployment | None
    target_environment: Environment | None
    target_running: int
    """Instances of the target that run and pass their health check."""
    routes: tuple[Route, ...]
    """The routes of the target's environment."""


def may_rollback(facts: SwitchFacts, *, source_id: str, target_id: str) -> TurnoutError | None:
    """From the live deployment to an earlier one that still runs."""
    if facts.source is None or facts.target is None:
        return NotFound(f"cannot roll back: there is no deployment {source_id if facts.source is None else target_id}")
    return (
        _are_a_pair(facts.project, facts.source, facts.target)
        or _is_live(facts.project, source_id)
        or _may_take_live("roll back to", facts, facts.target)
    )


def may_promote(facts: SwitchFacts, *, target_id: str) -> TurnoutError | None:
    """Any deployment that is ready and runs may take the live domains."""
    if facts.target is None or facts.target.project_id != facts.project.id:
        return NotFound(f"cannot promote: this project has no deployment {target_id}")
    if facts.project.live_deployment_id == target_id:
        return Invalid(f"cannot promote {target_id}: it is live already")
    if facts.target_environment is None or facts.target_environment.slug != PRODUCTION:
        return Invalid(f"cannot promote {target_id}: only deployments of {PRODUCTION} can be live")
    return _may_take_live("promote", facts, facts.target)


def _are_a_pair(project: Project, source: Deployment, target: Deployment) -> TurnoutError | None:
    if source.id == target.id:
        return Invalid(f"cannot roll back: source and target are both {source.id}; name another target")
    if {source.project_id, target.project_id} != {project.id}:
        return Invalid("cannot roll back: source and target have to be deployments of the same project")
    if source.environment_id != target.environment_id:
        return Invalid("cannot roll back: source and target have to be in the same environment")
    return None


def _is_live(project: Project, source_id: str) -> TurnoutError | None:
    if project.live_deployment_id is None:
        return Invalid("cannot roll back: the project has no live deployment; deploy one first")
    if project.live_deployment_id != source_id:
        return Invalid(f"cannot roll back from {source_id}: it is not live; {project.live_deployment_id} is")
    return None


def _may_take_live(verb: str, facts: SwitchFacts, target: Deployment) -> TurnoutError | None:
    if target.status is not DeploymentStatus.READY:
        return Invalid(f"cannot {verb} {target.id}: it is {target.status}, and only a ready deployment can be live")
    if facts.target_running == 0:
        return Invalid(f"cannot {verb} {target.id}: it has no running instances")
    if not any(route.sticky in MOVES_WITH_LIVE for route in facts.routes):
        return Invalid(f"cannot {verb} {target.id}: the project has no sticky domains to move; deploy first")
    return None


def may_go_live(project: Project, environment: Environment) -> bool:
    """Whether a new deployment takes its environment's domains: always, but in a rolled-back production."""
    return not (environment.slug == PRODUCTION and project.rolled_back)
