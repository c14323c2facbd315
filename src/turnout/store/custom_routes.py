"""A custom domain's route and sentinel config: written when its name is proved, deleted when it is given up.

Between the two the switch moves it, like every route that follows the live deployment.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.ids import new_id
from turnout.domain.records import Project, Sticky
from turnout.domain.sentinel import needs_sentinel
from turnout.store.database import insert_into
from turnout.store.schema import deployments, projects, routes, sentinel_configs


async def lead_to_live(tx: AsyncConnection, project: Project, fqdn: str, *, apex: str) -> str | None:
    """Route the name to the live deployment of a locked project. Returns that deployment; None: nothing is live yet.

    The sentinel config is that of the project's other live names, word for word: whatever the last switch put before
    them stands before this one too. Where there is none to copy, nothing is routed, so that no name is ever open that
    should be guarded; the next switch routes it. The caller takes the generation. Raises IntegrityError when the name
    is somebody else's.
    """
    live = project.live_deployment_id
    if live is None:
        return None
    config = await _config_of_live(tx, project, live)
    guarded = needs_sentinel(fqdn, apex=apex)
    if guarded and config is None:
        return None
    environment = select(deployments.c.environment_id).where(deployments.c.id == live)
    await tx.execute(
        insert(routes).values(
            id=new_id("rte"),
            fqdn=fqdn,
            project_id=project.id,
            environment_id=(await tx.execute(environment)).scalar_one(),
            deployment_id=live,
            sticky=Sticky.LIVE,
        )
    )
    if guarded:
        await tx.execute(
            insert_into(tx, sentinel_configs).values(
                fqdn=fqdn, project_id=project.id, deployment_id=live, config=config
            )
        )
    return live


async def lead_nowhere(tx: AsyncConnection, project: Project, fqdn: str) -> bool:
    """Delete the name's route, and what stands before it. Returns whether there was one."""
    mine = (routes.c.fqdn == fqdn, routes.c.project_id == project.id)
    if (await tx.execute(select(routes.c.id).where(*mine))).first() is None:
        return False
    await tx.execute(delete(sentinel_configs).where(sentinel_configs.c.fqdn == fqdn))
    await tx.execute(delete(routes).where(*mine))
    return True


async def number_project(tx: AsyncConnection, project: Project, generation: int) -> None:
    """This routing transaction was the project's last one."""
    await tx.execute(update(projects).where(projects.c.id == project.id).values(generation=generation))


async def _config_of_live(tx: AsyncConnection, project: Project, live: str) -> str | None:
    statement = (
        select(sentinel_configs.c.config)
        .join(routes, routes.c.fqdn == sentinel_configs.c.fqdn)
        .where(routes.c.project_id == project.id, routes.c.deployment_id == live, routes.c.sticky == Sticky.LIVE)
        .order_by(routes.c.fqdn)
        .limit(1)
    )
    found: str | None = (await tx.execute(statement)).scalar_one_or_none()
    return found
