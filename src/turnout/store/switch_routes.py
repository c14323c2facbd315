"""The rows of the names that a switch moves: routes, and the sentinel config in front of each."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict
from turnout.domain.ids import new_id
from turnout.domain.records import Sticky
from turnout.domain.sentinel import SentinelConfig, SentinelInstance, needs_sentinel, to_json
from turnout.domain.statuses import InstanceStatus
from turnout.store.database import insert_into
from turnout.store.schema import deployments, instances, routes, sentinel_configs
from turnout.store.switch_plan import Move, Moves
from turnout.store.switch_scene import Scene


async def write_routes(tx: AsyncConnection, scene: Scene, moves: Moves) -> None:
    """Every name leads to the target. Raises Conflict when somebody has taken a new one at this moment."""
    moved = [move.assignment.fqdn for move in moves.names if move.before is not None]
    if moved:
        leads = update(routes).where(routes.c.fqdn.in_(moved))
        await tx.execute(leads.values(deployment_id=scene.target.id))
    new = [_new_route(scene, move) for move in moves.names if move.before is None]
    if not new:
        return
    try:
        await tx.execute(insert(routes), new)
    except IntegrityError as error:
        raise Conflict(
            f"cannot give {scene.target.id} its domains: another project has just taken one of "
            f"{', '.join(str(row['fqdn']) for row in new)}; deploy again to see which"
        ) from error


async def write_sentinel_configs(tx: AsyncConnection, scene: Scene, moves: Moves) -> None:
    """The same policy before each of the names that need one, and none before the others."""
    names = [move.assignment.fqdn for move in moves.names]
    guarded = [name for name in names if needs_sentinel(name, apex=scene.apex)]
    bare = [name for name in names if name not in guarded]
    if bare:
        await tx.execute(delete(sentinel_configs).where(sentinel_configs.c.fqdn.in_(bare)))
    if not guarded:
        return
    config = to_json(await _policy(tx, scene))
    statement = insert_into(tx, sentinel_configs).values(
        [
            {
                "fqdn": name,
                "project_id": scene.project.id,
                "deployment_id": scene.target.id,
                "config": config,
            }
            for name in guarded
        ]
    )
    fresh = {column: statement.excluded[column] for column in ("deployment_id", "config")}
    await tx.execute(statement.on_conflict_do_update(index_elements=["fqdn"], set_=fresh))


def _new_route(scene: Scene, move: Move) -> dict[str, str | None]:
    sticky = move.assignment.sticky
    return {
        "id": new_id("rte"),
        "fqdn": move.assignment.fqdn,
        "project_id": scene.project.id,
        "environment_id": scene.target.environment_id,
        "deployment_id": scene.target.id,
        "sticky": sticky,
        "branch": scene.target.git.branch if sticky is Sticky.BRANCH else None,
    }


async def _policy(tx: AsyncConnection, scene: Scene) -> SentinelConfig:
    spec_id = select(deployments.c.openapi_spec_id).where(deployments.c.id == scene.target.id)
    serving = (
        select(instances.c.id, instances.c.address, instances.c.region)
        .where(
            instances.c.deployment_id == scene.target.id,
            instances.c.status == InstanceStatus.RUNNING,
            instances.c.registered,
            instances.c.address.is_not(None),
        )
        .order_by(instances.c.id)
    )
    return SentinelConfig(
        deployment_id=scene.target.id,
        instances=tuple(
            SentinelInstance(id=row.id, address=row.address, region=row.region) for row in await tx.execute(serving)
        ),
        key_auth_id=scene.target.key_auth_id,
        openapi_spec_id=(await tx.execute(spec_id)).scalar_one(),
        validation=scene.target.validation,
    )
