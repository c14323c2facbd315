"""A server that suspends at every await: each handler is ended whenever it has to wait, and replays its journal.

`make faults` runs all of tests/workflows against such a server too; here is the part that every run shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import Row
from tests.support import patiently
from tests.workflows.lab import Lab, Restate, failing, open_lab, running, starting
from turnout.domain.plans import UnsentOperation
from turnout.domain.statuses import OperationStatus
from turnout.workflows.deploy import Deploy
from turnout.workflows.switching import Switching

pytestmark = pytest.mark.fault(Row.SUSPENDED)


@pytest.fixture(scope="module")
def suspending(restate_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restate]:
    """A server that suspends at every await."""
    server = Restate(restate_binary, tmp_path_factory.mktemp("restate"), suspends=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the handlers of a deploy and of its switch were entered."""
    entries: Counter[str] = Counter()
    for owner, name in ((Deploy, "deploy"), (Switching, "switch")):
        monkeypatch.setattr(owner, name, _counted(getattr(owner, name), name, entries))
    return entries


def _counted(handler: Any, name: str, entries: Counter[str]) -> Any:
    @wraps(handler)  # Restate asks a handler what it takes
    async def enter(*arguments: Any) -> Any:
        entries[name] += 1
        return await handler(*arguments)

    return enter


async def test_every_await_of_a_deploy_is_a_replay(suspending: Restate, tmp_path: Path, entered: Counter[str]) -> None:
    """The handlers are entered many times and each step is done once: that it suspends is shown, not assumed."""
    done: Counter[str] = Counter()

    async def count(step: str, moment: str) -> None:
        done[step] += moment == "after"

    async with open_lab(suspending, tmp_path, hook=count) as lab:
        operation = await lab.deploy()
    assert (operation.status, operation.live) == (OperationStatus.SUCCEEDED, True)
    assert set(done.values()) == {1}
    steps_of_switch = {"domains", "propagation ended"}
    assert entered["deploy"] > len(done.keys() - steps_of_switch), f"{entered} for {sorted(done)}"
    assert entered["switch"] > len(steps_of_switch), f"{entered}"


async def test_without_it_a_deploy_is_entered_once(restate_binary: Path, tmp_path: Path, entered: Counter[str]) -> None:
    """What the counting counts: a server as it usually is stays in the handler."""
    server = Restate(restate_binary, tmp_path / "restate")
    server.start()
    try:
        async with open_lab(server, tmp_path) as lab:
            assert (await lab.deploy()).live
    finally:
        server.stop()
    assert entered == {"deploy": 1, "switch": 1}


async def test_operations_end_the_same(suspending: Restate, tmp_path: Path) -> None:
    """A deploy that fails, one that is cancelled while it waits, a rollback and a promote; nothing is left over."""
    async with open_lab(suspending, tmp_path) as lab:
        first, second = await lab.deploy("app:1"), await lab.deploy("app:2")
        lab.behave = failing
        failed = await lab.deploy("app:3")
        assert (failed.status, failed.reason) == (OperationStatus.FAILED, "exited with code 3; it printed: no database")
        lab.behave = starting
        slow = await lab.admit("app:4")
        await _placed(lab, slow)
        await lab.store.request_cancel(operation_id=slow.operation_id, workspace_id=lab.workspace.id, actor="alice")
        ended = await lab.ended(slow)
        assert (ended.status, ended.reason) == (OperationStatus.CANCELLED, "cancelled by alice")
        lab.behave = running
        back = await lab.rollback()
        assert (back.status, back.deployment_id) == (OperationStatus.SUCCEEDED, first.deployment_id)
        assert (await lab.project()).rolled_back
        forth = await lab.store.admit_promote(
            workspace_id=lab.workspace.id,
            project="p",
            target_id=second.deployment_id,
            actor="alice",
            deadline_seconds=60,
        )
        assert (await lab.ended(forth)).status is OperationStatus.SUCCEEDED
        project = await lab.project()
        assert (project.live_deployment_id, project.rolled_back) == (second.deployment_id, False)
        assert await lab.store.open_waits() == ()
        for gone in (failed, ended):
            assert await lab.store.instances_of(deployment_id=gone.deployment_id) == ()


async def _placed(lab: Lab, operation: UnsentOperation) -> None:
    async with patiently(20):
        while operation.deployment_id not in lab.placed:
            await lab.store.wait_for_change(timeout=1)
