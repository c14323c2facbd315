"""What is asked for is written down here, whole, before anybody acts on it.

The operation is the outbox: `unsent_operations` tells the dispatcher what the workflows may not have heard
of, and `mark_sent` that they have.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import gates
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.hostnames import check_environment
from turnout.domain.ids import new_id
from turnout.domain.plans import NewDeployment, UnsentOperation
from turnout.domain.records import BuildOptions, Environment, OperationKind, Project
from turnout.domain.statuses import DeploymentStatus, OperationStatus
from turnout.store.audit import write_audit
from turnout.store.facts import rollback_target, switch_facts
from turnout.store.first_use import ensure_environment, ensure_project, require_source, require_workspace
from turnout.store.keyspace_rows import find_keyspace
from turnout.store.lookups import find_deployment, find_project_by_slug, lock_project
from turnout.store.moments import next_moment
from turnout.store.outbox import asked_operations
from turnout.store.part import Part
from turnout.store.schema import build_options, deployments, operations
from turnout.store.variables import take_snapshot

BY_WORKFLOWS: Final = "workflows"
"""The actor of an operation that nobody admitted."""
_ADOPTED_SECONDS: Final = 600.0
"""Its deadline."""


class Admission(Part):
    """Asked for, checked for courtesy, written down."""

    async def admit_deploy(self, *, new: NewDeployment, deadline_seconds: float) -> UnsentOperation:
        """Write down a deploy: its deployment and operation, and on first use its project and environment.

        Raises Invalid for a reserved environment name, and NotFound for a workspace or a source that is not
        there or is somebody else's, as for a keyspace, which may be given by its name.
        """
        check_environment(new.environment)
        async with self._db.write() as tx:
            await require_workspace(tx, new.workspace_id)
            if new.key_auth_id is not None:
                keyspace = await find_keyspace(tx, new.workspace_id, new.key_auth_id, to_name=True)
                new = replace(new, key_auth_id=keyspace.id)
            if new.source_id is not None:
                await require_source(tx, new.workspace_id, new.source_id)
            project = await ensure_project(tx, new.workspace_id, new.project)
            environment = await ensure_environment(tx, project, new.environment)
            deployment_id = await self._write_deployment(tx, new, environment)
            return await self._write_operation(
                tx,
                kind=OperationKind.DEPLOY,
                project=project,
                environment_id=environment.id,
                deployment_id=deployment_id,
                source_id=None,
                actor=new.actor,
                deadline_seconds=deadline_seconds,
                from_source=new.image is None,
            )

    async def admit_rollback(
        self,
        *,
        workspace_id: str,
        project: str,
        source_id: str | None,
        target_id: str | None,
        actor: str,
        deadline_seconds: float,
    ) -> UnsentOperation:
        """Write down a rollback from `source_id` (the live deployment) to `target_id` (what was live before).

        A target that is stopped will be started first. Raises what the gate says, and Invalid when nothing that
        was live before is left; then nothing is written. The switch asks the gate again: this is a courtesy.
        """
        async with self._db.write() as tx:
            found = await find_project_by_slug(tx, workspace_id, project)
            source_id = source_id or found.live_deployment_id
            if source_id is None:
                raise Invalid("cannot roll back: the project has no live deployment; deploy one first")
            source = await find_deployment(tx, source_id, workspace_id=workspace_id)
            if target_id is None and source is not None:
                target_id = await rollback_target(tx, found)
            target = await find_deployment(tx, target_id, workspace_id=workspace_id) if target_id else None
            facts = await switch_facts(tx, found, source, target)
            refusal = gates.may_rollback(facts, source_id=source_id, target_id=target_id or "", will_wake=True)
            if refusal is not None:
                raise refusal
            assert target is not None, "the gate refuses a target that does not exist"  # noqa: S101
            return await self._write_operation(
                tx,
                kind=OperationKind.ROLLBACK,
                project=found,
                environment_id=target.environment_id,
                deployment_id=target.id,
                source_id=source_id,
                actor=actor,
                deadline_seconds=deadline_seconds,
                wakes=facts.wakes(),
            )

    async def admit_promote(
        self, *, workspace_id: str, project: str, target_id: str, actor: str, deadline_seconds: float
    ) -> UnsentOperation:
        """Write down a promote; a target that is stopped will be started first. Raises what the gate says."""
        async with self._db.write() as tx:
            found = await find_project_by_slug(tx, workspace_id, project)
            target = await find_deployment(tx, target_id, workspace_id=workspace_id)
            facts = await switch_facts(tx, found, None, target)
            refusal = gates.may_promote(facts, target_id=target_id, will_wake=True)
            if refusal is not None:
                raise refusal
            assert target is not None, "the gate refuses a target that does not exist"  # noqa: S101
            return await self._write_operation(
                tx,
                kind=OperationKind.PROMOTE,
                project=found,
                environment_id=target.environment_id,
                deployment_id=target_id,
                source_id=None,
                actor=actor,
                deadline_seconds=deadline_seconds,
                wakes=facts.wakes(),
            )

    async def admit_start(
        self, *, workspace_id: str, deployment_id: str, actor: str, deadline_seconds: float
    ) -> UnsentOperation:
        """Write down a start. Raises NotFound, and what the gate says; then nothing is written."""
        async with self._db.write() as tx:
            deployment = await find_deployment(tx, deployment_id, workspace_id=workspace_id)
            if deployment is None:
                raise NotFound(f"there is no deployment {deployment_id}")
            if (refusal := gates.may_start(deployment)) is not None:
                raise refusal
            return await self._write_operation(
                tx,
                kind=OperationKind.START,
                project=await lock_project(tx, deployment.project_id),
                environment_id=deployment.environment_id,
                deployment_id=deployment_id,
                source_id=None,
                actor=actor,
                deadline_seconds=deadline_seconds,
                wakes=True,
            )

    async def unsent_operations(self, *, older_than_seconds: float) -> tuple[UnsentOperation, ...]:
        """Pending operations that nobody has marked as sent, oldest first. 0 seconds: however old, by any clock."""
        unsent = [operations.c.status == OperationStatus.PENDING, operations.c.sent_at.is_(None)]
        if older_than_seconds > 0:
            unsent.append(operations.c.created_at <= self._db.now() - timedelta(seconds=older_than_seconds))
        async with self._db.read() as tx:
            return await asked_operations(tx, *unsent)

    async def mark_sent(self, *, operation_id: str) -> None:
        """The workflows have the operation."""
        statement = update(operations).where(operations.c.id == operation_id, operations.c.sent_at.is_(None))
        async with self._db.write() as tx:
            await tx.execute(statement.values(sent_at=self._db.now()))

    async def adopt_operation(
        self,
        *,
        operation_id: str,
        kind: OperationKind,
        project_id: str,
        deployment_id: str,
        source_deployment_id: str | None,
    ) -> None:
        """Write down a rollback or promote that was asked of the workflows directly; they have it already.

        Does nothing when the operation is known. Raises NotFound for a deployment that this project has
        not; everything else is for the switch to refuse, so that the refusal stands in the timeline.
        """
        async with self._db.write() as tx:
            if await _is_known(tx, operation_id):
                return
            project = await lock_project(tx, project_id)
            target = await find_deployment(tx, deployment_id, workspace_id=project.workspace_id)
            if target is None or target.project_id != project_id:
                raise NotFound(f"cannot {kind}: this project has no deployment {deployment_id}")
            if source_deployment_id is not None:
                source = await find_deployment(tx, source_deployment_id, workspace_id=project.workspace_id)
                if source is None:
                    raise NotFound(f"cannot {kind}: there is no deployment {source_deployment_id}")
            await self._write_operation(
                tx,
                kind=kind,
                project=project,
                environment_id=target.environment_id,
                deployment_id=deployment_id,
                source_id=source_deployment_id,
                actor=BY_WORKFLOWS,
                deadline_seconds=_ADOPTED_SECONDS,
                operation_id=operation_id,
                sent=True,
            )

    async def _write_deployment(self, tx: AsyncConnection, new: NewDeployment, environment: Environment) -> str:
        deployment_id = new_id("dep")
        await tx.execute(
            insert(deployments).values(
                id=deployment_id,
                project_id=environment.project_id,
                environment_id=environment.id,
                status=DeploymentStatus.PENDING,
                image=new.image,
                source_id=new.source_id,
                backend=new.backend,
                git_branch=new.git.branch,
                git_commit_sha=new.git.commit_sha,
                git_commit_message=new.git.commit_message,
                git_dirty=new.git.dirty,
                command=list(new.command),
                build_command=list(new.build_command),
                resources=asdict(new.resources),
                health=asdict(new.health),
                openapi_path=new.openapi_path,
                key_auth_id=new.key_auth_id,
                regions=list(new.regions),
                env_snapshot=await take_snapshot(tx, environment.id),
                created_at=await next_moment(tx, environment.project_id, self._db.now()),
                release=asdict(new.release) if new.release.command else None,
                auto_rollback=new.auto_rollback,
                openapi_breaking=new.openapi_breaking,
                validation=new.validation.to_document() if new.validation.enabled else None,
            )
        )
        if new.build != BuildOptions():
            await tx.execute(insert(build_options).values(deployment_id=deployment_id, options=asdict(new.build)))
        return deployment_id

    async def _write_operation(
        self,
        tx: AsyncConnection,
        *,
        kind: OperationKind,
        project: Project,
        environment_id: str,
        deployment_id: str,
        source_id: str | None,
        actor: str,
        deadline_seconds: float,
        from_source: bool = False,
        wakes: bool = False,
        operation_id: str | None = None,
        sent: bool = False,
    ) -> UnsentOperation:
        now = self._db.now()
        operation_id = operation_id or new_id("op")
        await tx.execute(
            insert(operations).values(
                id=operation_id,
                workspace_id=project.workspace_id,
                project_id=project.id,
                environment_id=environment_id,
                kind=kind,
                status=OperationStatus.PENDING,
                deployment_id=deployment_id,
                source_deployment_id=source_id,
                actor=actor,
                wakes=wakes,
                created_at=await next_moment(tx, project.id, now),
                sent_at=now if sent else None,
                deadline_at=now + timedelta(seconds=deadline_seconds),
            )
        )
        await write_audit(
            tx,
            at=now,
            workspace_id=project.workspace_id,
            project_id=project.id,
            actor=actor,
            action=f"{kind}.asked",
            subject=operation_id,
            detail={"deployment_id": deployment_id, "source_deployment_id": source_id},
        )
        return UnsentOperation(
            operation_id=operation_id,
            kind=kind,
            project_id=project.id,
            deployment_id=deployment_id,
            source_deployment_id=source_id,
            from_source=from_source,
            wakes=wakes,
        )


async def _is_known(tx: AsyncConnection, operation_id: str) -> bool:
    known = select(operations.c.id).where(operations.c.id == operation_id)
    return (await tx.execute(known)).first() is not None
