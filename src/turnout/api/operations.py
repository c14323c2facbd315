"""Operations: how they stand, and how they go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi.responses import StreamingResponse

from turnout.api import sse
from turnout.api.parts import Caller, OperationId
from turnout.api.present import operation_document
from turnout.domain.documents import OperationDocument
from turnout.domain.records import Operation, OperationKind
from turnout.domain.statuses import OPERATION_TERMINAL
from turnout.domain.waits import WaitKind

_KEEP_ALIVE_SECONDS: Final = 10.0
_WAITED_FOR: Final = {
    WaitKind.INSTANCES_RUNNING: "its instances to pass their health checks",
    WaitKind.INSTANCES_GONE: "its instances to be gone",
    WaitKind.GENERATION: "the gateways to confirm the switch",
}


async def show_operation(caller: Caller, operation_id: OperationId) -> OperationDocument:
    """One operation with its timeline."""
    operation = await caller.store.get_operation(operation_id=operation_id, workspace_id=caller.workspace_id)
    return await _document(caller, operation)


async def follow_operation(caller: Caller, operation_id: OperationId) -> StreamingResponse:
    """The operation now, and again each time something about it changes, until it has ended."""
    await caller.store.get_operation(operation_id=operation_id, workspace_id=caller.workspace_id)
    return sse.stream(_changes(caller, operation_id))


async def _changes(caller: Caller, operation_id: str) -> AsyncIterator[bytes]:
    sent: OperationDocument | None = None
    while True:
        document = await show_operation(caller, operation_id)
        if document != sent:
            yield sse.event("operation", document)
            sent = document
        if document.status in OPERATION_TERMINAL:
            return
        await caller.store.wait_for_change(timeout=_KEEP_ALIVE_SECONDS)
        yield sse.KEEP_ALIVE


async def _document(caller: Caller, operation: Operation) -> OperationDocument:
    plan = await caller.store.load_deploy_plan(deployment_id=operation.deployment_id)
    return operation_document(
        operation,
        plan,
        steps=await caller.store.steps_of(operation_id=operation.id),
        routes=await caller.store.routes_of(project_id=operation.project_id),
        gateway_url=caller.parts.gateway_url,
        waiting_for=await waiting_for(caller, operation),
    )


async def waiting_for(caller: Caller, operation: Operation) -> str | None:
    """Why it does not go on, for whom: the deploy before it, Restate, or what its newest step waits for."""
    if operation.status in OPERATION_TERMINAL:
        return None
    if operation.kind is OperationKind.DEPLOY:
        before = await caller.store.blocking_operation(operation_id=operation.id)
        if before is not None:
            return f"{before.id}, an earlier deploy of the same project"
    for wait in await caller.store.open_waits():
        if wait.operation_id == operation.id:
            return f"{_WAITED_FOR[wait.kind]}, until {wait.deadline_at:%H:%M:%S} UTC at the latest"
    if not await caller.parts.restate.restate_is_up():
        return "Restate, which does not answer"
    return None
