"""What a switch writes. Pure: a scene in, moves or a refusal out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from turnout.domain.errors import Conflict
from turnout.domain.gates import MOVES_WITH_LIVE, may_go_live, may_promote, may_rollback
from turnout.domain.openapi_gate import held_back
from turnout.domain.records import PRODUCTION, OperationKind, Route, Sticky
from turnout.domain.routing import Assignment, assign_for_deploy, assign_for_live
from turnout.domain.statuses import TERMINAL, DeploymentStatus, check_transition
from turnout.store.switch_scene import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One name that leads to the target from now on."""

    assignment: Assignment
    before: Route | None
    """Where it led; None for a new name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """All that a switch changes."""

    names: tuple[Move, ...]
    """Also those that lead to the target already: their sentinel configs are written anew."""
    takes_live: bool
    why_not_live: str | None
    rolled_back: bool
    """The project's flag afterwards."""
    released: tuple[str, ...]
    """Deployments that lose a branch, environment or live route."""


def plan_moves(scene: Scene) -> Moves:
    """Ask the gate, then choose. Raises the gate's refusal, or Conflict for a name that somebody else owns."""
    kind = scene.operation.kind
    if kind is OperationKind.DEPLOY:
        return _plan_deploy(scene)
    if kind is OperationKind.ROLLBACK:
        refusal = may_rollback(scene.facts, source_id=scene.source_id or "", target_id=scene.target.id)
    else:
        refusal = may_promote(scene.facts, target_id=scene.target.id)
    if refusal is not None:
        raise refusal
    return _moves(
        scene,
        assign_for_live(scene.facts.routes),
        takes_live=True,
        why_not_live=None,
        rolled_back=kind is OperationKind.ROLLBACK,
    )


def _plan_deploy(scene: Scene) -> Moves:
    _check_ready_to_serve(scene)
    held = held_back(scene.api)
    takes = held is None and may_go_live(scene.project, scene.environment)
    wanted = [each for each in scene.candidates if takes or each.sticky not in MOVES_WITH_LIVE]
    assignments = assign_for_deploy(wanted, scene.owned, scene.target)
    if takes:
        # Custom domains, and names made under an earlier apex: whatever follows the environment or the live
        # deployment moves along.
        named = {assignment.fqdn for assignment in assignments}
        following = [route for route in scene.facts.routes if route.fqdn not in named]
        assignments += assign_for_live(following)
    is_production = scene.environment.slug == PRODUCTION
    why_not_live = None
    if not is_production:
        why_not_live = f"only {PRODUCTION} is live"
    elif held is not None:
        why_not_live = held
    elif not takes:
        why_not_live = "the project is rolled back; promote a deployment to let new ones go live again"
    return _moves(
        scene,
        assignments,
        takes_live=why_not_live is None,
        why_not_live=why_not_live,
        rolled_back=scene.project.rolled_back,
    )


def _check_ready_to_serve(scene: Scene) -> None:
    status = scene.target.status
    if status in TERMINAL or status is DeploymentStatus.STOPPED:
        raise Conflict(f"cannot route to {scene.target.id}: it is {status}; deploy again")
    check_transition(status, DeploymentStatus.READY)
    if scene.facts.target_running == 0:
        raise Conflict(f"cannot route to {scene.target.id}: it has no running instances; deploy again")


def _moves(
    scene: Scene,
    assignments: Iterable[Assignment],
    *,
    takes_live: bool,
    why_not_live: str | None,
    rolled_back: bool,
) -> Moves:
    existing = {route.fqdn: route for route in scene.facts.routes} | scene.owned
    names = tuple(
        Move(assignment=assignment, before=existing.get(assignment.fqdn))
        for assignment in sorted(assignments, key=lambda assignment: assignment.fqdn)
    )
    losers = {
        move.before.deployment_id for move in names if move.before is not None and move.before.sticky is not Sticky.NONE
    }
    return Moves(
        names=names,
        takes_live=takes_live,
        why_not_live=why_not_live,
        rolled_back=rolled_back,
        released=tuple(sorted(losers - {scene.target.id})),
    )
