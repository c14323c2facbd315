"""Deployments and what they print."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from fastapi.responses import StreamingResponse

from turnout.api.parts import Caller, DeploymentId
from turnout.api.present import deployment_document, diff_document
from turnout.domain.comparison import compare, compare_variables
from turnout.domain.documents import DeploymentDocument
from turnout.domain.errors import Invalid
from turnout.domain.secret_documents import DiffDocument
from turnout.domain.since import parse_since
from turnout.domain.statuses import DeploymentStatus

_NOT_BUILT: Final = frozenset({DeploymentStatus.PENDING, DeploymentStatus.BUILDING})
_LOOK_EVERY_SECONDS: Final = 1.0


async def show_deployment(caller: Caller, deployment_id: DeploymentId) -> DeploymentDocument:
    """One deployment."""
    await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    plan = await caller.store.load_deploy_plan(deployment_id=deployment_id)
    running = await caller.store.running_instances(project_id=plan.project.id)
    seen = await caller.store.observations_of(project_id=plan.project.id)
    return deployment_document(
        plan.deployment,
        plan.project,
        environment=plan.environment.slug,
        routes=await caller.store.routes_of(project_id=plan.project.id),
        running=running.get(deployment_id, 0),
        gateway_url=caller.parts.gateway_url,
        observation=next((each for each in seen if each.deployment_id == deployment_id), None),
    )


async def diff(caller: Caller, before: DeploymentId, after: DeploymentId) -> DiffDocument:
    """What differs from one deployment to another; of variables the names only."""
    one, other = [
        await caller.store.get_deployment(deployment_id=each, workspace_id=caller.workspace_id)
        for each in (before, after)
    ]
    plans = [await caller.store.load_deploy_plan(deployment_id=each) for each in (before, after)]
    changes = compare(one, other, environments=(plans[0].environment.slug, plans[1].environment.slug))
    variables = compare_variables(
        await caller.store.snapshot_of(deployment_id=before), await caller.store.snapshot_of(deployment_id=after)
    )
    return diff_document(before, after, changes, variables)


async def read_logs(
    caller: Caller,
    deployment_id: DeploymentId,
    *,
    follow: bool = False,
    instance: str | None = None,
    build: bool = False,
    since: str | None = None,
) -> StreamingResponse:
    """What the instances printed, or with `build` what the build did, as plain text."""
    deployment = await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    moment = None if since is None else parse_since(since, now=datetime.now(UTC))
    if build:
        if instance is not None:
            raise Invalid("cannot read the output of a build and of an instance at once: leave out one of the two")
        follow = follow and deployment.status in _NOT_BUILT
        output = await caller.parts.build_output.read(deployment_id, follow=follow, since=moment)
        if follow:
            output = _while_building(caller, deployment_id, output)
    else:
        output = await caller.parts.logs.read(
            deployment_id=deployment_id, instance_id=instance, follow=follow, since=moment
        )
    return StreamingResponse(output, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"})


async def _while_building(caller: Caller, deployment_id: str, output: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The output until the build has ended, or the deployment needs none any more: its image was there already."""
    reading = asyncio.ensure_future(anext(output, None))
    try:
        while True:
            await asyncio.wait({reading}, timeout=_LOOK_EVERY_SECONDS)
            if reading.done():
                if (chunk := reading.result()) is None:
                    return
                yield chunk
                reading = asyncio.ensure_future(anext(output, None))
                continue
            plan = await caller.store.load_deploy_plan(deployment_id=deployment_id)
            if plan.deployment.status not in _NOT_BUILT:
                return
    finally:
        reading.cancel()
