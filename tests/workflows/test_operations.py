"""Deploy, rollback and promote on a real Restate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.rows import Row
from tests.workflows.lab import LIMITS, Lab, Restate, failing, open_lab, starting
from turnout.dispatch import Dispatcher
from turnout.domain.errors import NotBuilt, Unavailable
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Release
from turnout.domain.statuses import DeploymentStatus, OperationStatus, StepStatus
from turnout.domain.waits import Outcome, Wait
from turnout.vault import MasterKeys, Vault
from turnout.vault.testing import MemoryKeyStore
from turnout.workflows import Config, Workflow


async def test_a_deploy_runs_the_ten_steps_and_goes_live(lab: Lab) -> None:
    """In the order of the lifecycle, each ended, with the gateway's confirmation last."""
    operation = await lab.deploy()
    assert (operation.status, operation.live) == (OperationStatus.SUCCEEDED, True)
    assert operation.propagation_ms is not None
    steps = await lab.store.steps_of(operation_id=operation.id)
    assert [step.name for step in steps] == [
        "lookup", "context", "building", "containers", "readiness", "registration", "openapi", "domains", "ready",
        "live", "propagation",
    ]  # fmt: skip
    assert all(step.ended_at is not None for step in steps)
    assert {step.name for step in steps if step.status is not StepStatus.DONE} == {"openapi"}


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_an_instance_that_fails_fails_the_deploy_at_once(lab: Lab) -> None:
    """With its reason; what was live stays live, and nothing of the new version shall run."""
    first = await lab.deploy("app:1")
    lab.behave = failing
    failed = await lab.deploy("app:2")
    assert failed.status is OperationStatus.FAILED
    assert "no database" in (failed.reason or "")
    assert (await lab.project()).live_deployment_id == first.deployment_id
    deployment = await lab.store.get_deployment(deployment_id=failed.deployment_id, workspace_id=lab.workspace.id)
    assert (deployment.status, deployment.reason) == (DeploymentStatus.FAILED, failed.reason)
    assert await lab.store.instances_of(deployment_id=failed.deployment_id) == ()


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_an_instance_that_is_never_ready_fails_at_the_deadline(lab: Lab) -> None:
    """The reason says how long was waited and what krane saw last."""
    lab.behave = starting
    failed = await lab.deploy()
    assert failed.status is OperationStatus.FAILED
    assert "not ready within 1 s" in (failed.reason or "")
    assert "connection refused" in (failed.reason or "")


@pytest.mark.fault(Row.STREAM_CUT)
async def test_a_gateway_that_does_not_answer_makes_the_operation_degraded(lab: Lab) -> None:
    """The switch is committed, and the reason names the gateway; it is never called succeeded, nor failed."""
    lab.gateway_answers = False
    operation = await lab.deploy()
    assert operation.status is OperationStatus.DEGRADED
    assert "gw" in (operation.reason or "")
    assert (await lab.project()).live_deployment_id == operation.deployment_id


@pytest.mark.fault(Row.RACES)
async def test_a_rollback_does_not_wait_for_a_slow_deploy(lab: Lab) -> None:
    """It switches while the deploy waits for its instances; the deploy then leaves the live domains alone."""
    first = await lab.deploy("app:1")
    await lab.deploy("app:2")
    lab.behave = starting
    slow = await lab.admit("app:3")
    rolled_back = await lab.rollback()
    assert rolled_back.status is OperationStatus.SUCCEEDED
    assert (await lab.project()).live_deployment_id == first.deployment_id
    assert (await lab.ended(slow)).status is OperationStatus.FAILED
    assert (await lab.project()).live_deployment_id == first.deployment_id


async def test_rollbacks_walk_back_through_the_history(lab: Lab) -> None:
    """After v1, v2 and v3, two rollbacks lead to v1, and a third has nowhere to go."""
    lab_ids = [(await lab.deploy(f"app:{version}")).deployment_id for version in (1, 2, 3)]
    assert (await lab.rollback()).deployment_id == lab_ids[1]
    assert (await lab.rollback()).deployment_id == lab_ids[0]


async def test_deploys_of_one_project_run_one_after_another_and_of_two_beside_each_other(lab: Lab) -> None:
    """The second of a project is started when the first has ended; another project's is not held up."""
    lab.behave = starting
    slow = await lab.admit("app:1")
    while slow.deployment_id not in lab.placed:
        await lab.store.wait_for_change(timeout=1)
    queued = await lab.admit("app:2")
    other = await lab.admit("app:1", project="other")
    while other.deployment_id not in lab.placed:
        await lab.store.wait_for_change(timeout=1)
    assert queued.deployment_id not in lab.placed
    blocking = await lab.store.blocking_operation(operation_id=queued.operation_id)
    assert blocking is not None
    assert blocking.id == slow.operation_id
    await asyncio.gather(*(lab.ended(each) for each in (slow, queued, other)))
    assert lab.placed.index(slow.deployment_id) < lab.placed.index(queued.deployment_id)


async def test_what_was_replaced_is_stopped_after_its_time(restate: Restate, tmp_path: Path) -> None:
    """The delayed message looks again: what is live then, after a rollback to it, is left alone."""
    async with open_lab(restate, tmp_path, limits=replace(LIMITS, keep_warm_seconds=0.5)) as lab:
        first = await lab.deploy("app:1")
        second = await lab.deploy("app:2")
        await lab.rollback(target_id=first.deployment_id)
        while await _status(lab, second.deployment_id) is not DeploymentStatus.STOPPED:
            await lab.store.wait_for_change(timeout=1)
        assert await _status(lab, first.deployment_id) is DeploymentStatus.READY


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_step_that_stumbles_is_repeated_and_has_one_effect(
    restate: Restate, tmp_path: Path, moment: str
) -> None:
    """Every step of a deploy fails once, before or after its effect; the deploy ends as if none had."""
    stumbled: set[str] = set()

    async def stumble(step: str, when: str) -> None:
        if when == moment and step not in stumbled:
            stumbled.add(step)
            raise Unavailable(f"{step} stumbles")

    patient = replace(LIMITS, ready_grace_seconds=20)  # the steps stumble while the instances are waited for
    async with open_lab(restate, tmp_path, hook=stumble, limits=patient) as lab:
        operation = await lab.deploy()
        assert operation.status is OperationStatus.SUCCEEDED
        assert {"lookup", "containers", "registration", "domains", "finish"} <= stumbled
        assert await lab.store.generation() == 1
        assert len(await lab.store.history(project_id=operation.project_id)) == 1


async def test_the_handlers_serve_as_a_library(lab: Lab) -> None:
    """Called without an operation id they find or make the operation; refusals have the status of the gate."""
    first = await lab.admit("app:1")
    answer = await lab.call(f"/Deployments/{first.project_id}/deploy", {"deployment_id": first.deployment_id})
    assert answer.status_code in (200, 409), answer.text
    await lab.ended(first)
    second = await lab.deploy("app:2")
    project = first.project_id
    body = {"source_deployment_id": second.deployment_id, "target_deployment_id": first.deployment_id}
    answer = await lab.call(f"/Routing/{project}/rollback", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["live_deployment_id"] == first.deployment_id
    assert (await lab.call(f"/Routing/{project}/rollback", body)).status_code == 400
    unknown = {"target_deployment_id": "dep_01jd0000000000000000000000"}
    assert (await lab.call(f"/Routing/{project}/promote", unknown)).status_code == 404
    answer = await lab.call(f"/Routing/{project}/promote", {"target_deployment_id": second.deployment_id})
    assert answer.json()["live_deployment_id"] == second.deployment_id


async def test_a_deploy_of_a_library_names_its_keyspace(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """By id or name; one that the workspace does not have fails the deploy with 404, before anything is started."""

    async def nothing(**_: object) -> tuple[UnsentOperation, ...]:
        return ()

    monkeypatch.setattr(lab.store, "unsent_operations", nothing)  # this deploy is sent by nobody but us
    keyspace = await lab.store.create_keyspace(
        workspace_id=lab.workspace.id, slug="customers", limit=None, actor="test"
    )
    for reference, status in (("customers", 200), (keyspace.id, 200), ("key_auth_456", 404)):
        admitted = await lab.admit()
        body = {"deployment_id": admitted.deployment_id, "key_auth_id": reference}
        answer = await lab.call(f"/Deployments/{admitted.project_id}/deploy", body)
        assert answer.status_code == status, answer.text
        deployment = await lab.store.get_deployment(deployment_id=admitted.deployment_id, workspace_id=lab.workspace.id)
        assert deployment.key_auth_id == (keyspace.id if status == 200 else None)
    assert "there is no keyspace" in (deployment.reason or "")
    assert deployment.id not in lab.placed


def test_a_part_that_is_not_built_is_refused() -> None:
    """Rather than silently ignored."""
    for part in ("cluster", "sentinel_image"):
        with pytest.raises(NotBuilt, match=part):
            Workflow(Config(db=None, **{part: "x"}))  # type: ignore[arg-type]  # never looked at


def test_a_vault_is_part_of_the_configuration(tmp_path: Path) -> None:
    """As in the reference; deployments without one work too."""
    vault = Vault(MemoryKeyStore({}), MasterKeys(tmp_path / "keys.json"))
    Workflow(Config(db=None, vault=vault))  # type: ignore[arg-type]  # never looked at


async def _status(lab: Lab, deployment_id: str) -> DeploymentStatus:
    deployment = await lab.store.get_deployment(deployment_id=deployment_id, workspace_id=lab.workspace.id)
    return deployment.status


async def test_the_last_look_decides_when_nobody_came_to_tell(
    restate: Restate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dispatcher that is away when time is up fails no app that runs, and blames no gateway that has confirmed."""

    async def away(_self: Dispatcher, _wait: Wait, _outcome: Outcome) -> None:
        """Nobody is woken."""

    monkeypatch.setattr(Dispatcher, "_wake", away)
    short = replace(LIMITS, propagation_seconds=0.5, ready_grace_seconds=1.0)
    async with open_lab(restate, tmp_path, limits=short) as lab:
        deployed = await lab.deploy("app:1")
        assert (deployed.status, deployed.reason) == (OperationStatus.SUCCEEDED, None)
        assert deployed.propagation_ms is not None
        released = await lab.deploy("app:2", release=Release(command=("migrate",), timeout=1.0))
        assert (released.status, released.reason) == (OperationStatus.SUCCEEDED, None)
