"""`validate = true` is kept, or the deploy fails and says why. On a real Restate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.workflows.lab import Lab, running
from turnout.domain.documents import InstanceReport
from turnout.domain.records import Operation, RunSpec
from turnout.domain.statuses import OperationStatus, StepStatus
from turnout.domain.validation import Validation

ON = Validation(enabled=True)
DOCUMENT = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"get": {"responses": {}}}}}


@asynccontextmanager
async def app_with(lab: Lab, document: Any) -> AsyncIterator[None]:
    """Instances answer every request with this document."""
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def run(spec: RunSpec) -> InstanceReport:
        return running(spec).model_copy(update={"address": f"127.0.0.1:{port}"})

    lab.behave = run
    try:
        yield
    finally:
        server.close()


async def steps(lab: Lab, operation: Operation) -> dict[str, tuple[StepStatus, str | None]]:
    """The timeline by name."""
    return {step.name: (step.status, step.detail) for step in await lab.store.steps_of(operation_id=operation.id)}


async def test_a_document_that_can_be_used_is_counted(lab: Lab) -> None:
    """A step of its own says against what requests are checked; without `validate` there is no such step."""
    async with app_with(lab, DOCUMENT):
        checked = await lab.deploy(validation=ON)
        plain = await lab.deploy()
    assert (checked.status, plain.status) == (OperationStatus.SUCCEEDED, OperationStatus.SUCCEEDED)
    assert (await steps(lab, checked))["validation"] == (StepStatus.DONE, "requests are checked against 1 operation")
    assert "validation" not in await steps(lab, plain)


REMOTE = {"get": {"parameters": [{"name": "q", "in": "query", "schema": {"$ref": "http://127.0.0.1:9/x"}}]}}


UNUSABLE = [
    ("no document", "the app has no OpenAPI document"),
    (DOCUMENT | {"paths": {"/x": REMOTE}}, "GET /x: it refers to http://127.0.0.1:9/x, and nothing outside"),
    (DOCUMENT | {"paths": {"/{a}{b}": {}}}, "could be read in several ways"),
]


async def test_a_document_that_cannot_be_used_fails_the_deploy(lab: Lab) -> None:
    """With a plain sentence; what was live stays live."""
    before = await lab.deploy()
    for document, says in UNUSABLE:
        async with app_with(lab, document):
            failed = await lab.deploy(validation=ON)
        assert failed.status is OperationStatus.FAILED
        assert (failed.reason or "").startswith("cannot deploy: turnout.toml has [openapi] validate = true, but ")
        assert says in (failed.reason or "")
    assert (await lab.project()).live_deployment_id == before.deployment_id
