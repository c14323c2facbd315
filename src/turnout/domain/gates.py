"""Gates: may this happen? Facts in, None or a refusal out.

The API asks them for courtesy before it writes an operation down; the switch transaction asks them again,
with the facts it has locked, and its answer alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from turnout.domain.errors import Conflict, Invalid, NotFound, TurnoutError
from turnout.domain.records import PRODUCTION, Deployment, Environment, Operation, OperationKind, Project, Route, Sticky
from turnout.domain.statuses import ACTIVE, OPERATION_TERMINAL, TERMINAL, DeploymentStatus, OperationStatus

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

    def wakes(self) -> bool:
        """Whether the target is stopped and can be started again."""
        return self.target is not None and self.target.status is DeploymentStatus.STOPPED


def may_rollback(facts: SwitchFacts, *, source_id: str, target_id: str, will_wake: bool = False) -> TurnoutError | None:
    """From the live deployment to an earlier one that runs; with `will_wake` one that is stopped will do."""
    if facts.source is None or facts.target is None:
        return NotFound(f"cannot roll back: there is no deployment {source_id if facts.source is None else target_id}")
    return (
        _are_a_pair(facts.project, facts.source, facts.target)
        or _is_live(facts.project, source_id)
        or _may_take_live("roll back to", facts, facts.target, will_wake=will_wake)
    )


def may_promote(facts: SwitchFacts, *, target_id: str, will_wake: bool = False) -> TurnoutError | None:
    """Any deployment that is ready and runs may take the live domains; with `will_wake` a stopped one too."""
    if facts.target is None or facts.target.project_id != facts.project.id:
        return NotFound(f"cannot promote: this project has no deployment {target_id}")
    if facts.project.live_deployment_id == target_id:
        mark = "; deploy and promote another one to let new ones go live again" if facts.project.rolled_back else ""
        return Invalid(f"cannot promote {target_id}: it is live already{mark}")
    if facts.target_environment is None or facts.target_environment.slug != PRODUCTION:
        return Invalid(f"cannot promote {target_id}: only deployments of {PRODUCTION} can be live")
    return _may_take_live("promote", facts, facts.target, will_wake=will_wake)


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


def _may_take_live(verb: str, facts: SwitchFacts, target: Deployment, *, will_wake: bool) -> TurnoutError | None:
    wakes = will_wake and facts.wakes()
    if target.status is not DeploymentStatus.READY and not wakes:
        return Invalid(f"cannot {verb} {target.id}: it is {target.status}, and only a ready deployment can be live")
    if facts.target_running == 0 and not wakes:
        return Invalid(f"cannot {verb} {target.id}: it has no running instances")
    if not any(route.sticky in MOVES_WITH_LIVE for route in facts.routes):
        return Invalid(f"cannot {verb} {target.id}: the project has no sticky domains to move; deploy first")
    return None


def may_go_live(project: Project, environment: Environment) -> bool:
    """Whether a new deployment takes its environment's domains: always, but in a rolled-back production."""
    return not (environment.slug == PRODUCTION and project.rolled_back)


def may_cancel(operation: Operation, deployment: Deployment, *, switched: bool) -> TurnoutError | None:
    """Anything that has neither ended nor switched; what was cancelled already may be cancelled again.

    A deploy whose deployment has failed is only cleaning up: it ends as what it came to, whoever asks for what.
    """
    if switched:
        return Conflict(
            f"cannot cancel {operation.id}: too late, the switch is committed; roll back with `turnout rollback`"
        )
    if operation.status in OPERATION_TERMINAL and operation.status is not OperationStatus.CANCELLED:
        return Conflict(f"cannot cancel {operation.id}: it has ended, it is {operation.status}")
    came_to = deployment.status
    if operation.kind is OperationKind.DEPLOY and came_to in TERMINAL and came_to is not DeploymentStatus.CANCELLED:
        return Conflict(
            f"cannot cancel {operation.id}: too late, it is {came_to}, and what it started is being removed"
        )
    return None


def may_stop(
    deployment: Deployment, project: Project, *, leading: tuple[Route, ...], wanted_by: str | None
) -> TurnoutError | None:
    """A ready deployment to which nothing leads but its own address. One that is stopped already may be."""
    if deployment.status in ACTIVE:
        return Conflict(
            f"cannot stop {deployment.id}: it is {deployment.status}, on its way; end that with `turnout cancel`"
        )
    if deployment.status not in {DeploymentStatus.READY, DeploymentStatus.STOPPED}:
        return Invalid(f"cannot stop {deployment.id}: it is {deployment.status}, and nothing of it runs")
    return _is_free("stop", deployment, project, leading=leading, wanted_by=wanted_by)


def may_start(deployment: Deployment) -> TurnoutError | None:
    """A stopped deployment; one that is ready is started already."""
    if deployment.status in {DeploymentStatus.STOPPED, DeploymentStatus.READY}:
        return None
    return Invalid(f"cannot start {deployment.id}: it is {deployment.status}; deploy again")


def may_remove(
    deployment: Deployment,
    project: Project,
    *,
    leading: tuple[Route, ...],
    wanted_by: str | None,
    with_domains: bool = False,
) -> TurnoutError | None:
    """Whatever has ended, or is ready and nothing leads to it but its own address.

    `with_domains`: a branch's and an environment's domains go with it, but never the live ones.
    """
    if deployment.status in ACTIVE:
        return Conflict(
            f"cannot remove {deployment.id}: it is {deployment.status}, on its way; end that with `turnout cancel`"
        )
    leads = () if with_domains else leading
    refusal = _is_free("remove", deployment, project, leading=leads, wanted_by=wanted_by)
    if refusal is not None and leads and project.live_deployment_id != deployment.id:
        return Conflict(f"{refusal.detail}, or remove it --with-domains")
    return refusal


def may_remove_project(project: Project, *, under_way: str | None) -> TurnoutError | None:
    """Also while something is live, but not while an operation is under way: it would be left without its project."""
    if under_way is None:
        return None
    return Conflict(
        f"cannot remove {project.slug}: {under_way} is under way; end it with `turnout cancel {under_way}`, or wait"
    )


def _is_free(
    verb: str, deployment: Deployment, project: Project, *, leading: tuple[Route, ...], wanted_by: str | None
) -> TurnoutError | None:
    if project.live_deployment_id == deployment.id:
        return Conflict(f"cannot {verb} {deployment.id}: it is live; promote or roll back to another one first")
    if leading:
        return Conflict(
            f"cannot {verb} {deployment.id}: {leading[0].fqdn} leads to it; deploy or promote another one there first"
        )
    if wanted_by is not None:
        return Conflict(f"cannot {verb} {deployment.id}: {wanted_by} is about to use it; cancel that, or wait")
    return None
