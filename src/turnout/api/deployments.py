"""Deployments and what they print."""

from __future__ import annotations

from fastapi.responses import StreamingResponse

from turnout.api.parts import Caller, DeploymentId
from turnout.api.present import deployment_document, diff_document
from turnout.domain.comparison import compare, compare_variables
from turnout.domain.documents import DeploymentDocument
from turnout.domain.secret_documents import DiffDocument


async def show_deployment(caller: Caller, deployment_id: DeploymentId) -> DeploymentDocument:
    """One deployment."""
    await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    plan = await caller.store.load_deploy_plan(deployment_id=deployment_id)
    running = await caller.store.running_instances(project_id=plan.project.id)
    return deployment_document(
        plan.deployment,
        plan.project,
        environment=plan.environment.slug,
        routes=await caller.store.routes_of(project_id=plan.project.id),
        running=running.get(deployment_id, 0),
        gateway_url=caller.parts.gateway_url,
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
    caller: Caller, deployment_id: DeploymentId, follow: bool = False, instance: str | None = None
) -> StreamingResponse:
    """What the instances printed, as plain text."""
    await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    output = await caller.parts.logs.read(deployment_id=deployment_id, instance_id=instance, follow=follow)
    return StreamingResponse(output, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"})
