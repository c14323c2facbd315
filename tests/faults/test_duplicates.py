"""Requests and signals that come twice, too early or too late: one effect, early ones are kept, late ones ignored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from tests.faults.lab_kit import placed, restate
from tests.faults.rows import Row
from tests.support import CERTIFICATES, eventually
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab, starting
from turnout.dispatch import Dispatcher, _invocation
from turnout.domain.plans import UnsentOperation
from turnout.domain.statuses import DeploymentStatus, OperationStatus
from turnout.domain.waits import Wait, WaitKind

__all__ = ["restate"]  # fixtures

pytestmark = pytest.mark.fault(Row.DUPLICATES)

TIMES = 20


@pytest.fixture
async def lab(restate: Restate, tmp_path: Path) -> AsyncIterator[Lab]:
    """Instances have half a second to become ready."""
    async with open_lab(restate, tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("kind", ["deploy", "rollback", "promote"])
@pytest.mark.parametrize(
    "keyed", [True, pytest.param(False, marks=pytest.mark.full)], ids=["with-its-key", "without-a-key"]
)
async def test_an_operation_that_is_sent_many_times(lab: Lab, kind: str, keyed: bool) -> None:
    """At once, with the idempotency key of the dispatcher or around it: one switch, one line of history."""
    asked = await ask(lab, kind)
    before = await lab.store.generation()
    path, body = _invocation(asked)
    headers = {"idempotency-key": asked.operation_id} if keyed else {}
    sent = await asyncio.gather(*(lab.ingress.post(path, json=body, headers=headers) for _ in range(TIMES)))
    assert {each.status_code for each in sent} <= {200, 202}
    if keyed:
        assert len({each.json()["invocationId"] for each in sent}) == 1
    assert (await lab.ended(asked)).status is OperationStatus.SUCCEEDED
    marker = await lab.deploy("app:9", project="behind")  # whatever was sent has been worked on by now
    assert await lab.store.generation() == before + 2
    history = await lab.store.history(project_id=asked.project_id)
    assert [each.operation_id for each in history].count(asked.operation_id) == 1
    assert (await lab.operation(asked.operation_id)).status is OperationStatus.SUCCEEDED
    assert (await lab.project()).live_deployment_id == asked.deployment_id != marker.deployment_id


@pytest.mark.full
async def test_several_dispatchers(restate: Restate, lab: Lab) -> None:
    """Each sends and wakes everything it finds: no operation is done twice, and no wait ends twice."""
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{restate.ingress}", verify=CERTIFICATES) as ingress,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{restate.admin}", verify=CERTIFICATES) as admin,
        asyncio.TaskGroup() as others,
    ):
        running = [
            others.create_task(
                Dispatcher(
                    store=lab.store, ingress=ingress, admin=admin, limits=LIMITS, logger=structlog.get_logger()
                ).run()
            )
            for _ in range(2)
        ]
        first = await lab.deploy("app:1")
        await lab.deploy("app:2")
        await lab.rollback()
        assert (await lab.project()).live_deployment_id == first.deployment_id
        assert [each.generation for each in await lab.store.history(project_id=first.project_id)] == [3, 2, 1]
        for each in running:
            each.cancel()


async def test_readiness_before_anybody_waits_for_it(restate: Restate, tmp_path: Path) -> None:
    """The instance runs, and its wait is settled, before the workflow awaits it: the signal is kept."""
    may_go_on = asyncio.Event()

    async def hold(step: str, moment: str) -> None:
        if (step, moment) == ("containers", "after"):
            await may_go_on.wait()

    async with open_lab(restate, tmp_path, hook=hold) as lab:
        asked = await lab.admit()
        await placed(lab, asked)
        await eventually(lambda: nobody_waits(lab), what="the dispatcher has told that it runs")
        may_go_on.set()
        assert (await lab.ended(asked)).status is OperationStatus.SUCCEEDED


async def test_readiness_after_the_deadline(lab: Lab) -> None:
    """Told late, by krane and by whoever knows the signal: the deploy has failed and stays so."""
    live = await lab.deploy("app:1")
    lab.behave = starting
    late = await lab.admit("app:2")
    wait = await open_wait(lab, late, WaitKind.INSTANCES_RUNNING)
    failed = await lab.ended(late)
    assert failed.status is OperationStatus.FAILED
    await signal(lab, wait, ok=True)
    if late.deployment_id in lab.have:
        lab.recover(late.deployment_id)
    assert (await lab.deploy("app:3", project="behind")).status is OperationStatus.FAILED, "nothing gets ready here"
    assert (await lab.operation(late.operation_id)) == failed
    assert await status(lab, late) is DeploymentStatus.FAILED
    assert (await lab.project()).live_deployment_id == live.deployment_id
    assert await lab.store.generation() == 1


@pytest.mark.parametrize("first", [True, False], ids=["good-first", "bad-first"])
async def test_two_signals_that_disagree(restate: Restate, tmp_path: Path, first: bool) -> None:
    """The first one counts."""
    async with open_lab(restate, tmp_path, limits=replace(LIMITS, ready_grace_seconds=30)) as lab:
        lab.behave = starting
        asked = await lab.admit()
        wait = await open_wait(lab, asked, WaitKind.INSTANCES_RUNNING)
        await placed(lab, asked)
        if first:
            lab.recover(asked.deployment_id)
        await signal(lab, wait, ok=first, reason="somebody says so")
        await signal(lab, wait, ok=not first, reason="somebody else says so")
        ended = await lab.ended(asked)
        assert ended.status is (OperationStatus.SUCCEEDED if first else OperationStatus.FAILED)
        assert first or "somebody says so" in (ended.reason or "")


@pytest.mark.full
async def test_a_confirmation_after_the_deadline(lab: Lab) -> None:
    """A gateway that follows late: the operation stays degraded, and the next one is not disturbed."""
    lab.gateway_answers = False
    degraded = await lab.deploy("app:1")
    assert degraded.status is OperationStatus.DEGRADED
    lab.gateway_answers = True
    assert (await lab.deploy("app:2")).status is OperationStatus.SUCCEEDED
    assert await lab.operation(degraded.id) == degraded


@pytest.mark.full
async def test_signals_that_never_come(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited looks for himself when time is up: what is so by then is so, whether or not anybody has told it."""

    async def tell_nobody(*_: object) -> None:
        pass

    monkeypatch.setattr(Dispatcher, "_resolve", tell_nobody)
    deployed = await lab.deploy()
    assert (deployed.status, deployed.reason) == (OperationStatus.SUCCEEDED, None)


async def test_signals_of_nobody(lab: Lab) -> None:
    """Ids that were never given out change nothing."""
    for made_up in ("prom_1AAAA", "sign_1" + "A" * 40, "x"):
        answer = await lab.ingress.post(f"/restate/awakeables/{made_up}/resolve", json={"ok": True})
        assert answer.status_code < 500
    assert (await lab.deploy()).status is OperationStatus.SUCCEEDED


async def ask(lab: Lab, kind: str) -> UnsentOperation:
    """An operation that leads away from what is live, written down and not waited for."""
    deployed = [await lab.deploy(f"app:{number}") for number in (1, 2)]
    if kind == "deploy":
        return await lab.admit("app:3")
    whose: dict[str, Any] = {"workspace_id": lab.workspace.id, "project": "p", "actor": "test", "deadline_seconds": 60}
    if kind == "rollback":
        return await lab.store.admit_rollback(source_id=None, target_id=None, **whose)
    await lab.rollback()
    return await lab.store.admit_promote(target_id=deployed[1].deployment_id, **whose)


async def open_wait(lab: Lab, asked: UnsentOperation, kind: WaitKind) -> Wait:
    """What the operation waits for, as soon as it does."""
    found: list[Wait] = []

    async def look() -> bool:
        waits = await lab.store.open_waits()
        found.extend(each for each in waits if (each.operation_id, each.kind) == (asked.operation_id, kind))
        return bool(found)

    await eventually(look, within=20, what=f"{asked.operation_id} waits for {kind}")
    return found[0]


async def nobody_waits(lab: Lab) -> bool:
    """Whether every wait is settled."""
    return await lab.store.open_waits() == ()


async def signal(lab: Lab, wait: Wait, **outcome: Any) -> None:
    """Tell whoever waits, as the dispatcher does."""
    answer = await lab.ingress.post(f"/restate/awakeables/{wait.awakeable_id}/resolve", json=outcome)
    assert answer.status_code < 500, answer.text


async def status(lab: Lab, asked: UnsentOperation) -> DeploymentStatus:
    """Its deployment's."""
    return (await lab.store.load_deploy_plan(deployment_id=asked.deployment_id)).deployment.status
