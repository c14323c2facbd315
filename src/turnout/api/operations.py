"""Operations: how they stand, and how they go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from fastapi.responses import StreamingResponse

from turnout.api import sse
from turnout.api.parts import Caller, OperationId
from turnout.api.present import operation_document
from turnout.domain.documents import OperationDocument, WaitingDocument
from turnout.domain.explain import Situation, Waiting, explain, sentence
from turnout.domain.places import said
from turnout.domain.records import Operation
from turnout.domain.statuses import OPERATION_TERMINAL
from turnout.domain.waits import Wait, WaitKind


async def show_operation(caller: Caller, operation_id: OperationId) -> OperationDocument:
    """One operation with its timeline."""
    operation = await caller.store.get_operation(operation_id=operation_id, workspace_id=caller.workspace_id)
    return await document_of(caller, operation)


async def cancel_operation(caller: Caller, operation_id: OperationId) -> OperationDocument:
    """Cancel an operation that has not switched; 409 when it is too late. Repeat it as you like."""
    operation = await caller.store.request_cancel(
        operation_id=operation_id, workspace_id=caller.workspace_id, actor=caller.signed_in.name
    )
    return await document_of(caller, operation)


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
        await caller.store.wait_for_change(timeout=sse.KEEP_ALIVE_SECONDS, breath=sse.BREATH_SECONDS)
        yield sse.KEEP_ALIVE


async def document_of(caller: Caller, operation: Operation) -> OperationDocument:
    """An operation with all there is to tell of it."""
    plan = await caller.store.load_deploy_plan(deployment_id=operation.deployment_id)
    return operation_document(
        operation,
        plan,
        steps=await caller.store.steps_of(operation_id=operation.id),
        routes=await caller.store.routes_of(project_id=operation.project_id),
        gateway_url=caller.parts.gateway_url,
        observation=await caller.store.observation_of(operation_id=operation.id),
        waiting=await waiting(caller, operation),
    )


async def waiting(caller: Caller, operation: Operation) -> WaitingDocument | None:
    """Why it does not go on: for whom or what it waits, since when and until when. None when it has ended."""
    if operation.status in OPERATION_TERMINAL:
        return None
    limits = caller.parts.settings.deploy
    waits = tuple(wait for wait in await caller.store.open_waits() if wait.operation_id == operation.id)
    found = explain(
        Situation(
            operation=operation,
            steps=await caller.store.steps_of(operation_id=operation.id),
            waits=waits,
            ahead=tuple(each.id for each in await caller.store.operations_ahead(operation_id=operation.id)),
            build_seconds=limits.build_seconds,
            restate_is_up=await caller.parts.restate.restate_is_up(),
            build_line=await _build_line(caller, operation, waits),
        )
    )
    return None if found is None else _waiting_document(found)


async def _build_line(caller: Caller, operation: Operation, waits: Iterable[Wait]) -> str | None:
    if not any(wait.kind is WaitKind.BUILD_PLACE for wait in waits):
        return None
    lines = await caller.store.build_lines(workspace_id=caller.workspace_id)
    return said(lines[operation.id]) if operation.id in lines else None


def _waiting_document(found: Waiting) -> WaitingDocument:
    return WaitingDocument(
        phase=found.phase, what=sentence(found), since=found.since, until=found.until, ahead=found.ahead
    )
