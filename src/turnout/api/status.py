"""How the parts are."""

from __future__ import annotations

import turnout
from turnout.api.operations import waiting
from turnout.api.parts import Caller
from turnout.api.present import observation_document
from turnout.domain.documents import (
    ActiveOperation,
    FindingDocument,
    FindingList,
    GatewayStatus,
    RegionStatus,
    StatusDocument,
)
from turnout.domain.errors import TurnoutError


async def healthz(_caller: Caller) -> dict[str, str]:
    """Answers as soon as the server does."""
    return {"status": "ok", "version": turnout.__version__}


async def show_status(caller: Caller) -> StatusDocument:
    """Every part, and every operation that has not ended."""
    store = await _store_state(caller)
    restate = "up" if await caller.parts.restate.restate_is_up() else "does not answer"
    regions = await caller.store.regions()
    gateways = await caller.store.gateways()
    findings = found(caller)
    healthy = (
        store == "up"
        and restate == "up"
        and any(gateway.connected for gateway in gateways)
        and all(region.connected for region in regions if region.name in caller.parts.settings.regions)
        and all(each.repaired for each in findings)
    )
    return StatusDocument(
        version=turnout.__version__,
        healthy=healthy,
        generation=await caller.store.generation(),
        store=store,
        restate=restate,
        regions=tuple(
            RegionStatus(
                region=region.name,
                connected=region.connected,
                backends=region.backends,
                instances_running=region.instances_running,
            )
            for region in regions
        ),
        gateways=tuple(
            GatewayStatus(
                gateway_id=gateway.id,
                region=gateway.region,
                connected=gateway.connected,
                acknowledged_generation=gateway.acknowledged_generation,
                error=gateway.error,
            )
            for gateway in gateways
        ),
        operations=await _active(caller),
        observations=tuple(
            observation_document(each)
            for each in await caller.store.open_observations(workspace_id=caller.workspace_id)
        ),
        findings=findings,
    )


async def list_findings(caller: Caller) -> FindingList:
    """What is stuck, leaked or forgotten, what that means, and what was done about it or what can be."""
    return FindingList(findings=found(caller))


def found(caller: Caller) -> tuple[FindingDocument, ...]:
    """What the watchdog has found, as far as it is the caller's workspace's or everybody's."""
    return tuple(
        FindingDocument(
            kind=each.kind, subject=each.subject, since=each.since, sentence=each.sentence, repaired=each.repaired
        )
        for each in caller.parts.watchdog.findings(workspace_id=caller.workspace_id)
    )


async def _store_state(caller: Caller) -> str:
    try:
        await caller.store.ping()
    except TurnoutError as error:
        return error.detail
    return "up"


async def _active(caller: Caller) -> tuple[ActiveOperation, ...]:
    slugs = {project.id: project.slug for project in await caller.store.list_projects(workspace_id=caller.workspace_id)}
    return tuple(
        [
            ActiveOperation(
                operation_id=operation.id,
                kind=operation.kind,
                project=slugs.get(operation.project_id, ""),
                status=operation.status,
                waiting_for=None if (why := await waiting(caller, operation)) is None else why.what,
                waiting=why,
                created_at=operation.created_at,
            )
            for operation in await caller.store.active_operations(workspace_id=caller.workspace_id)
        ]
    )
