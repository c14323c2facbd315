"""The scrape and the gate on breaking changes, on a real Restate, with instances that answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.test_openapi_scrape import http, serving
from tests.specs import api, as_json
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab, running
from turnout.domain.documents import InstanceReport
from turnout.domain.errors import Unavailable
from turnout.domain.records import OnBreaking, Operation, RunSpec, Step
from turnout.domain.statuses import DeploymentStatus, OperationStatus, StepStatus

OLD = as_json(api({"/": {"get": {}}, "/more": {"get": {}}}))
NEW = as_json(api({"/": {"get": {}}}))
PATIENT = replace(LIMITS, openapi_seconds=10.0)


@asynccontextmanager
async def describing(lab: Lab, *served: bytes) -> AsyncIterator[None]:
    """Instances of `app:1`, `app:2` and so on answer with these documents."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving({"/openapi.json": http(200, each)})) for each in served]

        def behave(spec: RunSpec) -> InstanceReport:
            number = int(spec.image.rpartition(":")[2])
            return running(spec).model_copy(update={"address": servers[number - 1].address})

        lab.behave = behave
        yield


async def step(lab: Lab, operation: Operation, name: str) -> Step:
    """A line of its timeline."""
    return next(each for each in await lab.store.steps_of(operation_id=operation.id) if each.name == name)


@pytest.fixture
async def patient(restate: Restate, tmp_path: Path) -> AsyncIterator[Lab]:
    """Workflows that wait for a document however busy the machine is."""
    async with open_lab(restate, tmp_path, limits=PATIENT) as lab:
        yield lab


async def test_the_document_of_a_running_instance_is_kept(patient: Lab) -> None:
    """Under its hash, with a line in the timeline; the sentinel configs name it."""
    async with describing(patient, OLD):
        operation = await patient.deploy()
    assert operation.status is OperationStatus.SUCCEEDED
    told = await step(patient, operation, "openapi")
    assert (told.status, told.detail) == (StepStatus.DONE, "OpenAPI 3.1.0, 2 paths at /openapi.json, JSON, 0.1 KiB")
    deployment = await patient.store.get_deployment(
        deployment_id=operation.deployment_id, workspace_id=patient.workspace.id
    )
    assert deployment.openapi_spec_id is not None
    assert (await patient.store.openapi_document(deployment.openapi_spec_id)).served == OLD
    config = await patient.store.sentinel_config(fqdn="p-default.localhost")
    assert config is not None
    assert config.openapi_spec_id == deployment.openapi_spec_id


async def test_whatever_an_app_answers_its_deploy_goes_on(restate: Restate, tmp_path: Path) -> None:
    """A redirect is told in the note of the step; the deploy succeeds and goes live."""
    async with open_lab(restate, tmp_path, limits=PATIENT) as lab:
        async with serving({"*": http(302, location="http://169.254.169.254/latest")}) as hostile:
            lab.behave = lambda spec: running(spec).model_copy(update={"address": hostile.address})
            operation = await lab.deploy()
        assert (operation.status, operation.live) == (OperationStatus.SUCCEEDED, True)
        told = await step(lab, operation, "openapi")
        assert told.status is StepStatus.SKIPPED
        assert "it answered 302 to http://169.254.169.254/latest, and no redirect is followed" in (told.detail or "")


async def test_refuse_fails_the_deploy_and_removes_its_instances(patient: Lab) -> None:
    """Before any domain moves; the reason names the change and what to do."""
    async with describing(patient, OLD, NEW):
        first = await patient.deploy("app:1")
        failed = await patient.deploy("app:2", openapi_breaking=OnBreaking.REFUSE)
    assert failed.status is OperationStatus.FAILED
    assert "/more: the path was removed" in (failed.reason or "")
    assert 'deploy with [openapi] breaking = "ask"' in (failed.reason or "")
    project = await patient.project()
    assert (project.live_deployment_id, project.generation) == (first.deployment_id, first.generation)
    deployment = await patient.store.get_deployment(
        deployment_id=failed.deployment_id, workspace_id=patient.workspace.id
    )
    assert (deployment.status, deployment.reason) == (DeploymentStatus.FAILED, failed.reason)
    assert await patient.store.instances_of(deployment_id=failed.deployment_id) == ()
    assert (await step(patient, failed, "domains")).status is StepStatus.FAILED


async def test_ask_waits_for_a_promote(patient: Lab) -> None:
    """Ready, not live, and the operation says why; a promote is the yes, and the next one is compared with it."""
    async with describing(patient, OLD, NEW, NEW):
        first = await patient.deploy("app:1")
        held = await patient.deploy("app:2", openapi_breaking=OnBreaking.ASK)
        assert (held.status, held.live, held.reason) == (OperationStatus.SUCCEEDED, False, None)
        live = await step(patient, held, "live")
        assert live.status is StepStatus.SKIPPED
        assert "/more: the path was removed" in (live.detail or "")
        assert f"`turnout promote {held.deployment_id}`" in (live.detail or "")
        assert (await patient.project()).live_deployment_id == first.deployment_id
        routes = {
            route.fqdn: route.deployment_id for route in await patient.store.routes_of(project_id=held.project_id)
        }
        assert routes["p-production-default.localhost"] == first.deployment_id
        assert held.deployment_id in routes.values()
        asked = await patient.store.admit_promote(
            workspace_id=patient.workspace.id, project="p", target_id=held.deployment_id, actor="t", deadline_seconds=60
        )
        assert (await patient.ended(asked)).status is OperationStatus.SUCCEEDED
        assert (await patient.project()).live_deployment_id == held.deployment_id
        assert (await patient.deploy("app:3", openapi_breaking=OnBreaking.REFUSE)).live


async def test_a_worker_that_stumbles_compares_and_decides_the_same(restate: Restate, tmp_path: Path) -> None:
    """Before and after the step that compares and switches: one switch, one decision."""
    stumbled: set[tuple[str, str]] = set()

    async def stumble(name: str, moment: str) -> None:
        if name in ("openapi", "domains") and moment != "done" and (name, moment) not in stumbled:
            stumbled.add((name, moment))
            raise Unavailable(f"{name} stumbles")

    async with open_lab(restate, tmp_path, hook=stumble, limits=PATIENT) as lab, describing(lab, OLD, NEW):
        await lab.deploy("app:1")
        stumbled.clear()
        held = await lab.deploy("app:2", openapi_breaking=OnBreaking.ASK)
        assert len(stumbled) == 4  # before and after
        assert (held.status, held.live) == (OperationStatus.SUCCEEDED, False)
        assert len(await lab.store.history(project_id=held.project_id)) == 2
