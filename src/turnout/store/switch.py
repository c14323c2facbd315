"""The switch: the one transaction that writes routes, live pointers and flags.

Read `Switching.switch` as a list of sentences. Everything it decides with is read after the project is
locked, so that nothing can change between the decision and the commit. The deciding itself is done by
`domain.gates`, `domain.hostnames` and `domain.routing`; here it is only carried out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.ids import new_id
from turnout.domain.plans import SwitchRequest, SwitchResult
from turnout.domain.records import OperationKind
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, StepStatus, check_transition
from turnout.domain.waits import Wait, WaitKind
from turnout.store import rows
from turnout.store.audit import write_audit
from turnout.store.counters import mark_changed, take_number
from turnout.store.lookups import lock_project
from turnout.store.moments import next_moment
from turnout.store.observations import write_observation
from turnout.store.part import Part
from turnout.store.schema import deployments, instances, operations, projects, switches
from turnout.store.switch_plan import Moves, plan_moves
from turnout.store.switch_routes import write_routes, write_sentinel_configs
from turnout.store.switch_scene import Scene, load_scene
from turnout.store.timeline import Line, write_lines
from turnout.store.waits import find_result, write_wait


class Switching(Part):
    """Moves live traffic from one version to another."""

    async def switch(self, request: SwitchRequest) -> SwitchResult:
        """Do the whole of it, or raise and do nothing. A repeat finds its own result and changes nothing.

        Raises what the gates say; NotFound for what is not there; Conflict when the operation or the
        deployment has ended, when nothing of the target runs, or when a name belongs to somebody else; NotCompared
        (`domain.openapi_gate`) when two OpenAPI documents have to be compared first.
        """
        async with self._db.write() as tx:
            project = await lock_project(tx, request.project_id)
            earlier = await find_result(tx, request.operation_id)
            if earlier is not None:
                return earlier
            now = await next_moment(tx, project.id, self._db.now())
            scene = await load_scene(tx, project, request)
            moves = plan_moves(scene)
            await _register_instances(tx, scene)
            await write_routes(tx, scene, moves)
            await write_sentinel_configs(tx, scene, moves)
            await _tell_the_timeline(tx, scene, moves, now)
            result = await _number(tx, scene, moves, now)
            await _write_project(tx, scene, moves, result)
            await _write_deployment(tx, scene)
            await _write_operation(tx, result)
            await _write_history(tx, scene, moves, result)
            await write_wait(tx, _wait_for_gateways(request, result))
            await _begin_to_observe(tx, request, scene, moves, now)
            await mark_changed(tx, [project.id])
            return result


async def _register_instances(tx: AsyncConnection, scene: Scene) -> None:
    """One that was restarted since the workflow registered them takes part too."""
    running = (instances.c.deployment_id == scene.target.id, instances.c.status == InstanceStatus.RUNNING)
    await tx.execute(update(instances).where(*running).values(registered=True))


async def _tell_the_timeline(tx: AsyncConnection, scene: Scene, moves: Moves, now: datetime) -> None:
    lines = [Line(name="domains", status=StepStatus.DONE)]
    if scene.operation.kind is OperationKind.DEPLOY:
        lines.append(Line(name="ready", status=StepStatus.DONE))
    live = StepStatus.DONE if moves.takes_live else StepStatus.SKIPPED
    lines.append(Line(name="live", status=live, detail=moves.why_not_live))
    await write_lines(tx, scene.operation.id, lines, at=now)


async def _number(tx: AsyncConnection, scene: Scene, moves: Moves, now: datetime) -> SwitchResult:
    """Take the generation: what is written from here on carries it (see `counters`)."""
    previous = scene.project.live_deployment_id
    return SwitchResult(
        operation_id=scene.operation.id,
        generation=await take_number(tx, "generation"),
        previous_deployment_id=previous,
        live_deployment_id=scene.target.id if moves.takes_live else previous,
        took_live=moves.takes_live,
        released=moves.released,
        committed_at=now,
    )


async def _write_project(tx: AsyncConnection, scene: Scene, moves: Moves, result: SwitchResult) -> None:
    await tx.execute(
        update(projects)
        .where(projects.c.id == scene.project.id)
        .values(
            live_deployment_id=result.live_deployment_id,
            rolled_back=moves.rolled_back,
            generation=result.generation,
        )
    )


async def _write_deployment(tx: AsyncConnection, scene: Scene) -> None:
    if check_transition(scene.target.status, DeploymentStatus.READY):
        ready = update(deployments).where(deployments.c.id == scene.target.id)
        await tx.execute(ready.values(status=DeploymentStatus.READY))


async def _write_operation(tx: AsyncConnection, result: SwitchResult) -> None:
    await tx.execute(
        update(operations)
        .where(operations.c.id == result.operation_id)
        .values(
            generation=result.generation,
            previous_deployment_id=result.previous_deployment_id,
            live=result.took_live,
        )
    )


async def _write_history(tx: AsyncConnection, scene: Scene, moves: Moves, result: SwitchResult) -> None:
    moved = [
        {
            "fqdn": move.assignment.fqdn,
            "from": None if move.before is None else move.before.deployment_id,
            "to": scene.target.id,
        }
        for move in moves.names
        if move.before is None or move.before.deployment_id != scene.target.id
    ]
    await tx.execute(
        insert(switches).values(
            id=new_id("sw"),
            operation_id=result.operation_id,
            generation=result.generation,
            kind=scene.operation.kind,
            project_id=scene.project.id,
            from_deployment_id=result.previous_deployment_id,
            to_deployment_id=result.live_deployment_id,
            rolled_back=moves.rolled_back,
            routes=moved,
            actor=scene.actor,
            result=rows.result_to_json(result),
            committed_at=result.committed_at,
        )
    )
    await write_audit(
        tx,
        at=result.committed_at,
        workspace_id=scene.project.workspace_id,
        project_id=scene.project.id,
        actor=scene.actor,
        action=f"{scene.operation.kind}.switched",
        subject=result.operation_id,
        detail={
            "generation": result.generation,
            "from": result.previous_deployment_id,
            "to": result.live_deployment_id,
            "target": scene.target.id,
        },
    )


async def _begin_to_observe(
    tx: AsyncConnection, request: SwitchRequest, scene: Scene, moves: Moves, now: datetime
) -> None:
    """A rollback or promote goes to a version that has shown itself; a new one has still to do that."""
    if scene.operation.kind is OperationKind.DEPLOY and request.observe_seconds > 0:
        await write_observation(
            tx,
            operation_id=scene.operation.id,
            deployment=scene.target,
            took_live=moves.takes_live,
            seconds=request.observe_seconds,
            at=now,
        )


def _wait_for_gateways(request: SwitchRequest, result: SwitchResult) -> Wait:
    return Wait(
        awakeable_id=request.awakeable_id,
        operation_id=request.operation_id,
        kind=WaitKind.GENERATION,
        deployment_id=request.target_id,
        generation=result.generation,
        wanted=0,
        created_at=result.committed_at,
        deadline_at=result.committed_at + timedelta(seconds=request.wait_deadline_seconds),
    )
