"""The workflows against a real Restate and a real store; krane and the gateway are played by the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import structlog

from tests.support import CERTIFICATES, patiently
from turnout.builds.service import BuildClient
from turnout.dispatch import Dispatcher
from turnout.domain.documents import InstanceReport, RegionReport
from turnout.domain.ids import new_id
from turnout.domain.job_documents import JobReport
from turnout.domain.jobs import JobSpec
from turnout.domain.observation import Observation
from turnout.domain.plans import NewDeployment, UnsentOperation
from turnout.domain.proofs import Prover
from turnout.domain.records import Backend, GitData, HealthCheck, Operation, Resources, RunSpec, Workspace
from turnout.domain.statuses import OPERATION_TERMINAL, InstanceStatus, JobStatus, ObservationStatus
from turnout.settings import AcmeSettings, DeploySettings, DomainSettings, RestateSettings
from turnout.store import Store, migrate, open_store
from turnout.store.database import Clock
from turnout.store.store import utc_now
from turnout.workflows import Config, Workflow
from turnout.workflows.config import IssuingParts
from turnout.workflows.serving import serve
from turnout.workflows.steps import Hook

LIMITS = DeploySettings(
    propagation_seconds=2.0,
    ready_grace_seconds=0.5,
    remove_seconds=2.0,
    openapi_seconds=0.5,
    retry_seconds=10.0,
    keep_warm_seconds=60.0,
    observe_seconds=0.0,
)
_SOON, _PATIENT = 0.5, 5.0
"""Seconds: what does not get ready is not waited for; what does may be on a machine that is slow."""
DOMAINS = DomainSettings(recheck_seconds=0.1, recheck_longest_seconds=0.3)


class Restate:
    """A restate-server on free ports of this machine, with its data in a folder."""

    def __init__(self, binary: Path, folder: Path, *, suspends: bool = False) -> None:
        """With `suspends` it ends a call as soon as it has to wait, and replays its journal when it goes on."""
        self._binary, self._folder = binary, folder
        self._more = {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "0s"} if suspends else {}
        self.ingress, self.admin, self._fabric = (f"{free_port()}" for _ in range(3))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again with the same data and ports."""
        environment = (
            os.environ
            | {
                "RESTATE_BASE_DIR": str(self._folder),
                "RESTATE_NODE_NAME": "test",
                "RESTATE_BIND_IP": "127.0.0.1",
                "RESTATE_BIND_PORT": self._fabric,
                "RESTATE_LISTEN_MODE": "tcp",
                "RESTATE_INGRESS__BIND_PORT": self.ingress,
                "RESTATE_ADMIN__BIND_PORT": self.admin,
                "RESTATE_DEFAULT_NUM_PARTITIONS": "2",
                "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "128MiB",
                "RESTATE_DISABLE_TELEMETRY": "true",
                "RESTATE_WORKER__INVOKER__TMP_DIR": str(self._folder / "tmp"),
                "RESTATE_LOG_FILTER": "error",
            }
            | self._more
        )
        self._process = subprocess.Popen(
            [self._binary, "--no-logo"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self, *, kill: bool = False) -> None:
        """End it, in peace or not."""
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait()


@dataclass
class Lab:
    """Everything a workflow test holds in its hands."""

    store: Store
    workspace: Workspace
    ingress: httpx.AsyncClient
    admin: httpx.AsyncClient
    behave: Callable[[RunSpec], InstanceReport] = field(default_factory=lambda: running)
    """How instances turn out; krane is played with it."""
    gateway_answers: bool = True
    work: Callable[[JobSpec], JobReport] = field(default_factory=lambda: succeeding)
    """How release commands turn out; krane is played with it."""
    worked: list[str] = field(default_factory=list)
    """Jobs that krane has run, in order."""
    placed: list[str] = field(default_factory=list)
    """Deployments that krane was asked to run, in order."""
    have: dict[str, InstanceReport] = field(default_factory=dict)
    """What krane runs, by deployment."""
    of_others: set[str] = field(default_factory=set)
    """What earlier labs have left in this Restate, whose workers are gone."""

    async def admit(
        self,
        image: str | None = "app:1",
        *,
        project: str = "p",
        environment: str = "production",
        source_id: str | None = None,
        deadline_seconds: float = 60,
        **more: Any,
    ) -> UnsentOperation:
        """Ask for a deploy, as the API does."""
        if source_id is not None:
            await self.store.record_source(workspace_id=self.workspace.id, source_id=source_id, size=1)
        return await self.store.admit_deploy(
            new=NewDeployment(
                workspace_id=self.workspace.id,
                project=project,
                environment=environment,
                image=image,
                source_id=source_id,
                backend=Backend.DOCKER,
                git=GitData(),
                command=(),
                build_command=(),
                resources=Resources(),
                health=HealthCheck(deadline=_SOON if self.behave in (starting, failing) else _PATIENT),
                openapi_path=None,
                key_auth_id=None,
                regions=("local",),
                actor="test",
                **more,
            ),
            deadline_seconds=deadline_seconds,
        )

    async def deploy(self, image: str = "app:1", **options: Any) -> Operation:
        """Ask for a deploy and wait for its end."""
        return await self.ended(await self.admit(image, **options))

    async def rollback(self, **options: Any) -> Operation:
        """Ask for a rollback and wait for its end."""
        asked = {"project": "p", "source_id": None, "target_id": None} | options
        admitted = await self.store.admit_rollback(
            workspace_id=self.workspace.id, actor="test", deadline_seconds=60, **asked
        )
        return await self.ended(admitted)

    async def ended(self, operation: UnsentOperation) -> Operation:
        """The operation, once it has ended."""
        return await self.ended_by_id(operation.operation_id)

    async def ended_by_id(self, operation_id: str) -> Operation:
        """The same of one that nobody asked for."""
        async with patiently(30):
            while True:
                found = await self.operation(operation_id)
                if found.status in OPERATION_TERMINAL:
                    return found
                await self.store.wait_for_change(timeout=1)

    async def operation(self, operation_id: str) -> Operation:
        """The operation as it is."""
        return await self.store.get_operation(operation_id=operation_id, workspace_id=self.workspace.id)

    async def project(self, slug: str = "p") -> Any:
        """The project as it is."""
        return await self.store.find_project(workspace_id=self.workspace.id, slug=slug)

    async def call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Call a handler through Restate, as somebody who uses the workflows as a library."""
        return await self.ingress.post(path, json=body, timeout=30)

    async def play_krane(self) -> None:
        """Run what is desired, remove what is not, report both."""
        have = self.have
        while True:
            state = await self.store.desired_state(region="local", since=None)
            wanted = {spec.deployment_id: spec for spec in state.deployments} if state else {}
            for name in wanted.keys() - have.keys():
                self.placed.append(name)
                have[name] = self.behave(wanted[name])
            for name in have.keys() - wanted.keys():
                del have[name]
            jobs = [
                self._run_job(job)
                for job in (state.jobs if state else ())
                if await self.store.begin_job(region="local", job_id=job.id, claim="0" * 32)
            ]
            report = RegionReport(
                complete=True, backends=(Backend.DOCKER,), instances=tuple(have.values()), jobs=tuple(jobs)
            )
            await self.store.apply_region_report(region="local", report=report)
            await self.store.wait_for_change(timeout=1)

    def _run_job(self, job: JobSpec) -> JobReport:
        self.worked.append(job.id)
        return self.work(job)

    def recover(self, deployment_id: str) -> None:
        """From now on its instance runs."""
        told = {"status": InstanceStatus.RUNNING, "address": "127.0.0.1:9", "reason": None}
        self.have[deployment_id] = self.have[deployment_id].model_copy(update=told)

    async def crash(self, deployment_id: str, reason: str) -> None:
        """Its instance ends and is being restarted, as krane tells it."""
        (instance,) = await self.store.instances_of(deployment_id=deployment_id)
        said = InstanceReport(
            id=instance.id,
            deployment_id=deployment_id,
            slot=0,
            status=InstanceStatus.STARTING,
            address=instance.address,
            reason=reason,
        )
        report = RegionReport(complete=False, backends=(Backend.DOCKER,), instances=(said,))
        await self.store.apply_region_report(region="local", report=report)

    async def observed(self, operation: Operation) -> Observation:
        """The observation of an operation, once it has ended."""
        async with patiently(30):
            while True:
                found = await self.store.observation_of(operation_id=operation.id)
                if found is not None and found.status is not ObservationStatus.OPEN:
                    return found
                await self.store.wait_for_change(timeout=1)

    async def quiet(self) -> None:
        """Return when no handler is under way: what has not happened by then does not happen any more."""
        async with patiently(10):
            while await under_way(self.admin) - self.of_others:
                await asyncio.sleep(0.05)

    async def play_gateway(self) -> None:
        """Confirm every generation, if it answers at all."""
        await self.store.gateway_connected(gateway_id="gw", region="local", at=datetime.now(UTC))
        confirmed = 0
        while True:
            generation = await self.store.generation()
            if self.gateway_answers and generation > confirmed:
                await self.store.gateway_acknowledged(gateway_id="gw", generation=generation, at=datetime.now(UTC))
                confirmed = generation
            await self.store.wait_for_change(timeout=1)


def running(spec: RunSpec) -> InstanceReport:
    """An instance that runs."""
    return _report(spec, InstanceStatus.RUNNING, address="127.0.0.1:9")


def succeeding(job: JobSpec) -> JobReport:
    """A job that ends well."""
    return JobReport(id=job.id, status=JobStatus.SUCCEEDED, exit_code=0)


def breaking(job: JobSpec) -> JobReport:
    """A job that ends badly."""
    reason = "the release command exited with code 4; it printed:\nno such table"
    return JobReport(id=job.id, status=JobStatus.FAILED, exit_code=4, reason=reason)


def failing(spec: RunSpec) -> InstanceReport:
    """An instance that exits at once."""
    return _report(spec, InstanceStatus.FAILED, reason="exited with code 3; it printed: no database")


def starting(spec: RunSpec) -> InstanceReport:
    """An instance that never gets ready."""
    return _report(spec, InstanceStatus.STARTING, reason="connection refused")


def _report(
    spec: RunSpec, status: InstanceStatus, *, address: str | None = None, reason: str | None = None
) -> InstanceReport:
    return InstanceReport(
        id=new_id("ins"), deployment_id=spec.deployment_id, slot=0, status=status, address=address, reason=reason
    )


@asynccontextmanager
async def open_lab(
    restate: Restate,
    folder: Path,
    *,
    hook: Hook | None = None,
    limits: DeploySettings = LIMITS,
    builds: BuildClient | None = None,
    clock: Clock = utc_now,
    issuing: IssuingParts | None = None,
    acme: AcmeSettings | None = None,
    plays_gateway: bool = True,
    worker: Callable[[int], Awaitable[None]] | None = None,
    prover: Prover | None = None,
    domains: DomainSettings = DOMAINS,
) -> AsyncIterator[Lab]:
    """A store, a worker, a dispatcher, a played krane and a played gateway around a running Restate."""
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    await migrate(url)
    worker_port = free_port()
    async with (
        open_store(url, clock=clock) as store,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{restate.ingress}", verify=CERTIFICATES) as ingress,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{restate.admin}", verify=CERTIFICATES, timeout=30) as admin,
        contextlib.AsyncExitStack() as stack,
    ):
        lab = Lab(store=store, workspace=await store.ensure_workspace(slug="default"), ingress=ingress, admin=admin)
        await store.krane_connected(region="local", backends=[Backend.DOCKER])
        logger = structlog.get_logger()
        config = Config(
            db=store,
            limits=limits,
            logger=logger,
            build_client=builds,
            prover=prover,
            domains=domains,
            issuing=issuing,
        )
        workflow = Workflow(config, hook=hook)
        settings = RestateSettings(worker_port=worker_port, worker_grace_seconds=0.2)
        for work in (
            serve(workflow, settings) if worker is None else worker(worker_port),
            Dispatcher(
                store=store, ingress=ingress, admin=admin, limits=limits, logger=logger, acme=acme, clock=clock
            ).run(),
            lab.play_krane(),
            *([lab.play_gateway()] if plays_gateway else []),
        ):
            stack.push_async_callback(_ended, asyncio.create_task(work))
        await registered(admin, worker_port)
        with contextlib.suppress(httpx.HTTPStatusError):  # one that has just begun cannot say so, and has none
            lab.of_others = await under_way(admin)
        yield lab


async def under_way(admin: httpx.AsyncClient) -> set[str]:
    """The handlers that have begun, and wait or run."""
    query = {"query": "SELECT id FROM sys_invocation WHERE status NOT IN ('completed', 'scheduled')"}
    answer = await admin.post("/query", json=query, headers={"accept": "application/json"})
    return {row["id"] for row in answer.raise_for_status().json()["rows"]}


async def registered(admin: httpx.AsyncClient, worker_port: int) -> None:
    """Restate calls the worker at that port from now on."""
    async with patiently(30):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await admin.post(
                    "/deployments", json={"uri": f"http://127.0.0.1:{worker_port}", "force": True}
                )
                if answer.status_code in (200, 201):
                    return
            await asyncio.sleep(0.05)


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
