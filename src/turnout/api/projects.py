"""Projects: what there is, and the three operations on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from turnout.api.parts import Caller
from turnout.api.present import project_document
from turnout.domain.documents import (
    DeployBody,
    OperationAccepted,
    ProjectDocument,
    ProjectList,
    ProjectSummary,
    PromoteBody,
    RollbackBody,
    Slug,
)
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.hostnames import check_environment
from turnout.domain.plans import NewDeployment, UnsentOperation
from turnout.domain.records import Backend, GitData
from turnout.domain.validation import Validation

LISTED: Final = 50
"""The newest deployments of a project that one answer lists."""


async def list_projects(caller: Caller) -> ProjectList:
    """The projects of the caller's workspace, by name."""
    return ProjectList(
        projects=tuple(
            ProjectSummary(
                project=project.slug,
                live_deployment_id=project.live_deployment_id,
                rolled_back=project.rolled_back,
            )
            for project in await caller.store.list_projects(workspace_id=caller.workspace_id)
        )
    )


async def show_project(caller: Caller, project: Slug) -> ProjectDocument:
    """One project with its newest deployments."""
    found = await caller.store.find_project(workspace_id=caller.workspace_id, slug=project)
    return project_document(
        found,
        deployments=await caller.store.list_deployments(project_id=found.id, limit=LISTED),
        environments=await caller.store.environments_of(project_id=found.id),
        routes=await caller.store.routes_of(project_id=found.id),
        running=await caller.store.running_instances(project_id=found.id),
        gateway_url=caller.parts.gateway_url,
        observations=await caller.store.observations_of(project_id=found.id),
    )


async def deploy(caller: Caller, project: Slug, body: DeployBody) -> OperationAccepted:
    """Write down a new deployment and the operation that deploys it; the workflow does the rest."""
    check_environment(body.environment)
    backend = await _backend_for(caller, body)
    accepted = await caller.store.admit_deploy(
        new=NewDeployment(
            workspace_id=caller.workspace_id,
            project=project,
            environment=body.environment,
            image=body.image,
            source_id=body.source_id,
            backend=backend,
            git=GitData(
                branch=body.git.branch,
                commit_sha=body.git.commit_sha,
                commit_message=body.git.commit_message,
                dirty=body.git.dirty,
            ),
            command=body.run_command,
            build_command=body.build_command,
            build=body.build,
            resources=body.resources,
            health=body.health,
            openapi_path=body.openapi_path,
            key_auth_id=body.key_auth_id,
            regions=caller.parts.settings.regions,
            actor=caller.signed_in.name,
            release=body.release,
            auto_rollback=body.auto_rollback,
            openapi_breaking=body.openapi_breaking,
            validation=_validation(caller, body),
        ),
        deadline_seconds=caller.parts.settings.deploy.deadline_seconds,
    )
    return _accepted(accepted)


async def rollback(caller: Caller, project: Slug, body: RollbackBody) -> OperationAccepted:
    """Write down a rollback; refused at once when the gates already say no."""
    return _accepted(
        await caller.store.admit_rollback(
            workspace_id=caller.workspace_id,
            project=project,
            source_id=body.source_deployment_id,
            target_id=body.target_deployment_id,
            actor=caller.signed_in.name,
            deadline_seconds=caller.parts.settings.deploy.deadline_seconds,
        )
    )


async def promote(caller: Caller, project: Slug, body: PromoteBody) -> OperationAccepted:
    """Write down a promote; refused at once when the gates already say no."""
    return _accepted(
        await caller.store.admit_promote(
            workspace_id=caller.workspace_id,
            project=project,
            target_id=body.target_deployment_id,
            actor=caller.signed_in.name,
            deadline_seconds=caller.parts.settings.deploy.deadline_seconds,
        )
    )


def _validation(caller: Caller, body: DeployBody) -> Validation:
    """As it was asked for, with the limit of this server where none was."""
    limit = body.validation.max_body_kib or caller.parts.settings.gateway.checked_body_kib
    return replace(body.validation, max_body_kib=limit) if body.validation.enabled else Validation()


async def _backend_for(caller: Caller, body: DeployBody) -> Backend:
    """What will run it: an image and a Dockerfile need Docker, a plain folder runs as processes."""
    if (body.image is None) == (body.source_id is None):
        raise Invalid("cannot deploy: give either a source or an image")
    if body.source_id is not None and not await caller.store.has_source(
        workspace_id=caller.workspace_id, source_id=body.source_id
    ):
        raise NotFound(f"cannot deploy: there is no source {body.source_id[:12]}…; upload it first")
    offered = await _offered(caller)
    if body.image is not None and body.backend is Backend.PROCESS:
        raise Invalid(f"cannot deploy the image {body.image} as processes: an image runs on Docker")
    if body.image is not None or (body.dockerfile and body.backend is None) or body.backend is Backend.DOCKER:
        if Backend.DOCKER not in offered:
            what = f"the image {body.image}" if body.image is not None else "a folder as an image"
            raise Invalid(
                f"cannot deploy {what}: no Docker Engine answers krane here; start Docker and try again in a moment, "
                "or deploy a folder with a [run] command in its turnout.toml and no Dockerfile"
            )
        return Backend.DOCKER
    if Backend.PROCESS not in offered and body.backend is None:
        return Backend.DOCKER  # with a Dockerfile that the build generates
    if Backend.PROCESS not in offered:
        raise Invalid(
            "cannot deploy as processes: krane runs containers only here; leave out [build] backend, or start with "
            "`turnout up --backend auto`"
        )
    if not body.run_command:
        raise Invalid('cannot deploy: nothing says how to run it; write [run] command = "…" into turnout.toml')
    return Backend.PROCESS


async def _offered(caller: Caller) -> set[Backend]:
    """The backends that every region of this deployment has."""
    wanted = caller.parts.settings.regions
    regions = {region.name: set(region.backends) for region in await caller.store.regions()}
    if missing := [name for name in wanted if name not in regions]:
        raise Invalid(f"cannot deploy to region {missing[0]}: no krane has ever connected for it; start one")
    return set.intersection(*(regions[name] for name in wanted))


def _accepted(operation: UnsentOperation) -> OperationAccepted:
    return OperationAccepted(operation_id=operation.operation_id, deployment_id=operation.deployment_id)
