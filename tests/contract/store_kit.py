"""A store with its workflows' part played by hand: `yard.ship()` is a whole deploy, one transaction after another."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select

from turnout.domain.documents import InstanceReport, RegionReport
from turnout.domain.plans import NewDeployment, SwitchRequest, SwitchResult, UnsentOperation
from turnout.domain.records import (
    Backend,
    GitData,
    HealthCheck,
    Project,
    Resources,
    Workspace,
)
from turnout.domain.statuses import DeploymentStatus, InstanceStatus
from turnout.store import Store
from turnout.store.schema import metadata

APEX = "turn.example"
REGION = "north"


class Clock:
    """Moves by a millisecond at each look, so that what comes later has a later time."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Shipped:
    """A deploy that has switched."""

    operation_id: str
    id: str
    result: SwitchResult


class Yard:
    """Speaks to one store as the API, the workflows and a krane do."""

    def __init__(self, store: Store, clock: Clock, workspace: Workspace) -> None:
        self.store = store
        self.clock = clock
        self.workspace = workspace
        self._numbers = itertools.count(1)

    async def admit(self, **wanted: Any) -> UnsentOperation:
        """Ask for a deploy of project `shop`, production, branch `main`, unless told otherwise."""
        new = NewDeployment(
            workspace_id=self.workspace.id,
            project="shop",
            environment="production",
            image="shop:v1",
            source_id=None,
            backend=Backend.DOCKER,
            git=GitData(branch="main", commit_sha=self.sha()),
            command=("serve", "$PORT"),
            build_command=(),
            resources=Resources(),
            health=HealthCheck(),
            openapi_path=None,
            key_auth_id=None,
            regions=(REGION,),
            actor="alice",
        )
        return await self.store.admit_deploy(new=replace(new, **wanted), deadline_seconds=600)

    async def start(self, deploy: UnsentOperation) -> None:
        """From pending to a network of running, registered instances."""
        store, deployment_id = self.store, deploy.deployment_id
        await store.begin_operation(operation_id=deploy.operation_id)
        await store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.BUILDING)
        await store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.DEPLOYING)
        plan = await store.load_deploy_plan(deployment_id=deployment_id)
        await store.place(spec=plan.run_spec(), regions=plan.deployment.regions)
        await self.report(deployment_id, InstanceStatus.RUNNING)
        await store.register_instances(deployment_id=deployment_id)
        await store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.NETWORK)

    def request(self, asked: UnsentOperation, **other: Any) -> SwitchRequest:
        """The switch that belongs to an operation."""
        request = SwitchRequest(
            operation_id=asked.operation_id,
            kind=asked.kind,
            project_id=asked.project_id,
            target_id=asked.deployment_id,
            source_id=asked.source_deployment_id,
            apex=APEX,
            awakeable_id=f"awk-{asked.operation_id}",
            wait_deadline_seconds=30,
        )
        return replace(request, **other)

    async def switch(self, asked: UnsentOperation) -> SwitchResult:
        """Carry an operation's switch out."""
        return await self.store.switch(self.request(asked))

    async def ship(self, **wanted: Any) -> Shipped:
        """A whole deploy."""
        deploy = await self.admit(**wanted)
        await self.start(deploy)
        return Shipped(deploy.operation_id, deploy.deployment_id, await self.switch(deploy))

    async def ask_rollback(self, to: str | None = None, source: str | None = None, project: str = "shop"):
        """Ask for a rollback, and leave it at that."""
        return await self.store.admit_rollback(
            workspace_id=self.workspace.id,
            project=project,
            source_id=source,
            target_id=to,
            actor="bob",
            deadline_seconds=60,
        )

    async def rollback(self, to: str | None = None) -> SwitchResult:
        """A whole rollback."""
        return await self.switch(await self.ask_rollback(to))

    async def ask_promote(self, target: str, project: str = "shop") -> UnsentOperation:
        """Ask for a promote, and leave it at that."""
        return await self.store.admit_promote(
            workspace_id=self.workspace.id, project=project, target_id=target, actor="bob", deadline_seconds=60
        )

    async def promote(self, target: str) -> SwitchResult:
        """A whole promote."""
        return await self.switch(await self.ask_promote(target))

    async def report(
        self,
        deployment_id: str,
        status: InstanceStatus,
        *,
        slot: int = 0,
        address: str | None = None,
        region: str = REGION,
        **other: Any,
    ) -> str:
        """What a krane says of one instance. Returns the instance's id."""
        instance = InstanceReport(
            id=f"ins-{deployment_id}-{slot}",
            deployment_id=deployment_id,
            slot=slot,
            status=status,
            address=address or f"{deployment_id[-6:]}.internal:{8000 + slot}",
        ).model_copy(update=other)
        report = RegionReport(complete=False, backends=(Backend.DOCKER,), instances=(instance,))
        await self.store.apply_region_report(region=region, report=report)
        return instance.id

    async def project(self, slug: str = "shop") -> Project:
        """As it now is."""
        return await self.store.find_project(workspace_id=self.workspace.id, slug=slug)

    async def serves(self, slug: str = "shop") -> dict[str, str]:
        """Every domain of a project, without the apex, and the deployment it leads to."""
        routes = await self.store.routes_of(project_id=(await self.project(slug)).id)
        return {route.fqdn.removesuffix(f".{APEX}"): route.deployment_id for route in routes}

    async def status(self, deployment_id: str) -> DeploymentStatus:
        """A deployment's."""
        return (await self.store.load_deploy_plan(deployment_id=deployment_id)).deployment.status

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table: two equal dumps mean that nothing was written."""
        async with self.store._db.read() as tx:
            return {
                table.name: sorted((tuple(row) for row in await tx.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

    def sha(self) -> str:
        """A commit that nobody has deployed yet."""
        return hashlib.sha1(str(next(self._numbers)).encode(), usedforsecurity=False).hexdigest()

    @asynccontextmanager
    async def failing_at(self, number: int) -> AsyncIterator[list[str]]:
        """Raise in place of the statement of that number (the commit is the last one); yields what was run."""
        engine, ran = self.store._db.engine.sync_engine, list[str]()

        def count(what: str) -> None:
            ran.append(what)
            if len(ran) == number:
                raise Crash(f"at statement {number}: {what}")

        def on_statement(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            count(statement)

        def on_commit(_conn: Any) -> None:
            count("COMMIT")

        event.listen(engine, "before_cursor_execute", on_statement)
        event.listen(engine, "commit", on_commit)
        try:
            yield ran
        finally:
            event.remove(engine, "before_cursor_execute", on_statement)
            event.remove(engine, "commit", on_commit)


class Crash(Exception):
    """Stands for the end of the process."""


LIVE = "shop-acme"
ENVIRONMENT = "shop-production-acme"
BRANCH = "shop-git-main-acme"
