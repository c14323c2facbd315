"""Stop, start, remove and collect: deployments that are not live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from turnout.api.deployments import show_deployment
from turnout.api.operations import document_of
from turnout.api.parts import Caller, DeploymentId, Parts
from turnout.domain.documents import (
    DeploymentDocument,
    GarbageBody,
    GarbageDocument,
    GarbageReport,
    OperationAccepted,
    OperationDocument,
    Slug,
)
from turnout.domain.errors import NotFound

_REMOVAL_SECONDS: Final = 20.0
"""Waited for the instances of a removed deployment to be gone, so that its files can go with it."""


async def stop(caller: Caller, deployment_id: DeploymentId) -> DeploymentDocument:
    """Stop a deployment that nothing leads to but its own address; it can be started again."""
    await caller.store.stop_deployment(
        workspace_id=caller.workspace_id, deployment_id=deployment_id, actor=caller.signed_in.name
    )
    return await show_deployment(caller, deployment_id)


async def start(caller: Caller, deployment_id: DeploymentId) -> OperationAccepted:
    """Write down the start of a stopped deployment; the workflow starts and checks it."""
    accepted = await caller.store.admit_start(
        workspace_id=caller.workspace_id,
        deployment_id=deployment_id,
        actor=caller.signed_in.name,
        deadline_seconds=caller.parts.settings.deploy.deadline_seconds,
    )
    return OperationAccepted(operation_id=accepted.operation_id, deployment_id=accepted.deployment_id)


async def remove(caller: Caller, deployment_id: DeploymentId, *, with_domains: bool = False) -> GarbageReport:
    """Forget a deployment, and collect what only it needed.

    `with_domains`: also when domains of a branch or an environment lead to it, which go with it.
    """
    await caller.store.remove_deployment(
        workspace_id=caller.workspace_id,
        deployment_id=deployment_id,
        actor=caller.signed_in.name,
        with_domains=with_domains,
    )
    return await _collected(caller, lambda: caller.store.instances_of(deployment_id=deployment_id))


async def remove_project(caller: Caller, project: Slug) -> GarbageReport:
    """Forget a project with all it serves, runs and has claimed, and collect its files."""
    project_id = await caller.store.remove_project(
        workspace_id=caller.workspace_id, project=project, actor=caller.signed_in.name
    )
    return await _collected(caller, lambda: caller.store.has_instances(project_id=project_id))


async def newest_operation(caller: Caller, deployment_id: DeploymentId) -> OperationDocument:
    """The operation about this deployment that is under way, else the one that was asked for last."""
    await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    operation = await caller.store.newest_operation_of(deployment_id=deployment_id)
    if operation is None:
        raise NotFound(f"there is no operation about {deployment_id}")
    return await document_of(caller, operation)


async def collect(caller: Caller, body: GarbageBody) -> GarbageReport:
    """Remove the files that nobody needs any more, or only say which they are."""
    return await _as_seen_by(caller, await sweep(caller.parts, dry_run=body.dry_run))


async def _collected(caller: Caller, left: Callable[[], Awaitable[object]]) -> GarbageReport:
    """Collect once no instances are `left`, or waiting for that takes too long: what still runs keeps its files."""
    try:
        async with asyncio.timeout(_REMOVAL_SECONDS):
            while await left():
                await caller.store.wait_for_change(timeout=1.0)
    except TimeoutError:
        pass  # they are collected later
    return await _as_seen_by(caller, await sweep(caller.parts))


async def _as_seen_by(caller: Caller, report: GarbageReport) -> GarbageReport:
    """The report without the deployments of other workspaces: they were swept too, and are nobody else's business."""
    named = {*report.expired, *(each.name for each in report.collected)}
    others = await caller.store.deployments_of_others(workspace_id=caller.workspace_id, among=named)
    collected = tuple(each for each in report.collected if each.name not in others)
    return report.model_copy(
        update={
            "expired": tuple(each for each in report.expired if each not in others),
            "collected": collected,
            "freed_bytes": sum(each.size_bytes for each in collected if each.problem is None),
        }
    )


async def sweep(parts: Parts, *, dry_run: bool = False) -> GarbageReport:
    """Expire what is more than is to be kept, then collect. Safe beside deploys, and beside itself."""
    keep = parts.settings.deploy.keep_stopped
    expired = () if dry_run else await parts.store.expire(keep=keep)
    if not dry_run:
        await parts.store.forget_sources(kept=(await parts.store.kept(ended=keep)).sources)
        await parts.store.forget_openapi()
    collected = await parts.collector.collect(kept=lambda: parts.store.kept(ended=keep), dry_run=dry_run)
    return GarbageReport(
        dry_run=dry_run,
        expired=expired,
        collected=tuple(
            GarbageDocument(kind=each.kind, name=each.name, size_bytes=each.size_bytes, problem=each.problem)
            for each in collected
        ),
        freed_bytes=sum(each.size_bytes for each in collected if each.problem is None),
    )
