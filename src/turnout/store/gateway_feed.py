"""What the gateways serve, and what they have acknowledged (domain.views: GatewaySource, GatewayJournal)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import protection, sentinel
from turnout.domain.protection import Protection
from turnout.domain.statuses import InstanceStatus
from turnout.domain.views import GatewayFeed, GuardView, KeyView, ProjectView, RouteView, TargetView
from turnout.store.certificates import changed_certificates
from turnout.store.challenges import served_challenges
from turnout.store.counters import read_number
from turnout.store.database import insert_into
from turnout.store.keyspace_rows import keys_of_changed
from turnout.store.part import Part
from turnout.store.schema import gateways, instances, project_changes, projects, protections, routes, sentinel_configs


class GatewayFeeds(Part):
    """Both directions between the store and the gateways."""

    async def gateway_feed(self, *, since: int) -> GatewayFeed:
        """All that changed after `since`, each project whole, from one moment.

        A `since` from the future (the store was restored from a backup) gets everything.
        """
        async with self._db.read() as tx:
            change = await read_number(tx, "change")
            after = since if since <= change else 0
            return GatewayFeed(
                change=change,
                generation=await read_number(tx, "generation"),
                projects=await _changed_projects(tx, after, at=self._db.now()) if change > after else (),
                certificates=await changed_certificates(tx, after, gone=since > 0) if change > after else (),
            )

    async def wait_for_change(self, *, timeout: float, breath: float = 0.0) -> None:
        """Return soon after something was committed, and after `timeout` seconds at the latest.

        Not sooner than `breath` seconds after the task's last return: who looks at much then looks once at all that
        came meanwhile, and at a change that comes alone without any delay.

        Each task is told of every commit since its own last return, so nothing that happens between two
        calls is slept through; its first call returns at once. It may also return for nothing.
        """
        await self._changes.wait(timeout=timeout, breath=breath)

    async def gateway_connected(self, *, gateway_id: str, region: str, at: datetime) -> None:
        """A gateway opened its stream. It may have restarted empty, so it has acknowledged nothing yet."""
        values = {
            "region": region,
            "connected": True,
            "connected_at": at,
            "acknowledged_generation": 0,
            "acknowledged_at": None,
            "error": None,
            "error_generation": None,
            "seen_at": at,
        }
        async with self._db.write() as tx:
            statement = insert_into(tx, gateways).values(id=gateway_id, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    async def gateway_disconnected(self, *, gateway_id: str, at: datetime) -> None:
        """Its stream ended. The end of an older stream, told after the next one began, is ignored."""
        statement = update(gateways).where(gateways.c.id == gateway_id, gateways.c.connected_at <= at)
        async with self._db.write() as tx:
            await tx.execute(statement.values(connected=False, disconnected_at=at))

    async def gateways_seen(self, *, gateway_ids: Sequence[str], at: datetime) -> None:
        """Their streams are open. One that was taken for away is connected after all."""
        async with self._db.write() as tx:
            seen = update(gateways).where(gateways.c.id.in_(sorted(gateway_ids)))
            await tx.execute(seen.values(seen_at=at, connected=True))

    async def gateway_acknowledged(
        self, *, gateway_id: str, generation: int, at: datetime, whole: bool = False
    ) -> None:
        """Everything up to `generation` is applied there, but for what it refused: its last error stays.

        Until it is `whole`: then it goes by all that is wanted. A new stream clears the error too; the gateway then
        refuses again or does not.
        """
        newer = (gateways.c.id == gateway_id, gateways.c.acknowledged_generation < generation)
        async with self._db.write() as tx:
            told = {"acknowledged_generation": generation, "acknowledged_at": at}
            over = {"error": None, "error_generation": None} if whole else {}
            await tx.execute(update(gateways).where(*newer).values(told | over))

    async def gateway_rejected(self, *, gateway_id: str, generation: int, error: str, at: datetime) -> None:
        """It refused the configuration of that generation and goes on with the old one."""
        statement = update(gateways).where(gateways.c.id == gateway_id)
        async with self._db.write() as tx:
            await tx.execute(statement.values(error=error, error_generation=generation))


async def _changed_projects(tx: AsyncConnection, after: int, *, at: datetime) -> tuple[ProjectView, ...]:
    changed = project_changes.c.change > after
    named = select(project_changes.c.project_id).where(changed)
    owners = select(projects.c.id, projects.c.workspace_id).where(projects.c.id.in_(named))
    workspace_of = {row.id: row.workspace_id for row in await tx.execute(owners)}
    of_changed = project_changes.c.project_id == routes.c.project_id
    found = await tx.execute(
        select(
            routes.c.project_id,
            routes.c.fqdn,
            routes.c.deployment_id,
            sentinel_configs.c.config,
            protections.c.config.label("protection"),
        )
        .join(project_changes, of_changed)
        .outerjoin(sentinel_configs, sentinel_configs.c.fqdn == routes.c.fqdn)
        .outerjoin(protections, protections.c.environment_id == routes.c.environment_id)
        .where(changed)
        .order_by(routes.c.fqdn)
    )
    routes_of: dict[str, list[RouteView]] = defaultdict(list)
    for row in found:
        routes_of[row.project_id].append(
            RouteView(
                fqdn=row.fqdn,
                deployment_id=row.deployment_id,
                guard=_guard(row.config),
                protection=_protection(row.protection),
            )
        )
    addresses = await _addresses(tx, after)
    keys = await keys_of_changed(tx, after, at)
    answers = await served_challenges(tx, named, at=at)
    return tuple(
        _complete(
            ProjectView(
                project_id=project_id,
                workspace_id=workspace_of[project_id],
                routes=tuple(routes_of.get(project_id, ())),
                targets=(),
                challenges=answers.get(project_id, ()),
            ),
            addresses,
            keys,
        )
        for project_id in sorted(workspace_of)
    )


def _guard(config: str | None) -> GuardView | None:
    """The policy travels with the route, so that a gateway takes both in one instant."""
    if config is None:
        return None
    policy = sentinel.from_json(config)
    return GuardView(
        key_auth_id=policy.key_auth_id, openapi_spec_id=policy.openapi_spec_id, validation=policy.validation
    )


@lru_cache(maxsize=256)
def _protection(config: str | None) -> Protection | None:
    """Every route of an environment has the same text, and is given the same object."""
    if config is None:
        return None
    found = protection.from_json(config)
    return None if found.is_off else found


async def _addresses(tx: AsyncConnection, after: int) -> dict[str, list[str]]:
    """Where the routed deployments of the changed projects answer."""
    routed = (
        select(routes.c.deployment_id)
        .join(project_changes, project_changes.c.project_id == routes.c.project_id)
        .where(project_changes.c.change > after)
    )
    found = await tx.execute(
        select(instances.c.deployment_id, instances.c.address)
        .where(
            instances.c.deployment_id.in_(routed),
            instances.c.status == InstanceStatus.RUNNING,
            instances.c.registered,
            instances.c.address.is_not(None),
        )
        .order_by(instances.c.address)
    )
    answers: dict[str, list[str]] = defaultdict(list)
    for row in found:
        answers[row.deployment_id].append(row.address)
    return answers


def _complete(
    view: ProjectView, addresses: Mapping[str, Sequence[str]], keys: Mapping[str, Sequence[KeyView]]
) -> ProjectView:
    """The view, with what its routes name."""
    targets = sorted({route.deployment_id for route in view.routes})
    keyspaces = {route.guard.key_auth_id for route in view.routes if route.guard and route.guard.key_auth_id}
    admitted = (key for keyspace in keyspaces for key in keys.get(keyspace, ()))
    return replace(
        view,
        targets=tuple(
            TargetView(deployment_id=target, addresses=tuple(sorted(addresses.get(target, ())))) for target in targets
        ),
        keys=tuple(sorted(admitted, key=lambda key: key.id)),
    )
