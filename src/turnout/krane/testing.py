"""Doubles of both doors, with failures on demand. They ship with the product and pass the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.domain.documents import DesiredState, InstanceReport, RegionReport
from turnout.domain.errors import DeploymentFailed, NotFound, TurnoutError, Unavailable
from turnout.domain.job_documents import JobReport
from turnout.domain.jobs import JobSpec
from turnout.domain.records import RunSpec
from turnout.krane.ports import Found, Launch, Observation, Output, Presence


@dataclass(kw_only=True, slots=True)
class _FakeInstance:
    """One instance of the fake: a real listener on this machine, or none."""

    launch: Launch
    presence: Presence = Presence.ALIVE
    output: bytes = b""
    exit_code: int | None = None
    address: str | None = None
    server: asyncio.Server | None = None


class FakeBackend:
    """Runs instances inside this process. The first word of the command says how they behave.

    `serve` prints `hello`, listens and answers every request with 200; `silent` never listens; `stubborn`
    serves and only ends when killed; `exit N` prints `goodbye` and ends at once; anything else cannot start.
    """

    poll_interval = 0.05

    def __init__(self) -> None:
        self.away = False
        """Every call raises Unavailable."""
        self.hung = False
        """Every call waits `hang_time`, then raises Unavailable."""
        self.hang_time = 30.0
        self.starts = 0
        """How many times something was really started."""
        self._instances: dict[str, _FakeInstance] = {}

    def crash(self, instance_id: str, *, exit_code: int = 1) -> None:
        """End an instance as if by itself."""
        self._end(self._instances[instance_id], exit_code)

    def print(self, instance_id: str, text: bytes) -> None:
        """Have an instance print something."""
        self._instances[instance_id].output += text

    async def found(self) -> tuple[Found, ...]:
        await self._engine()
        return tuple(Found(instance_id=name, presence=one.presence) for name, one in sorted(self._instances.items()))

    async def start(self, launch: Launch) -> Observation:
        await self._engine()
        old = self._instances.get(launch.instance_id)
        if old is None or (old.presence is not Presence.ALIVE and not launch.once):
            behaviour = launch.spec.command[0] if launch.spec.command else "nothing"
            if behaviour not in ("serve", "silent", "stubborn", "exit"):
                raise DeploymentFailed(f"cannot start: there is no program {behaviour!r}")
            self.starts += 1
            new = _FakeInstance(launch=launch, output=b"" if old is None else old.output)
            self._instances[launch.instance_id] = new
            new.output += b"goodbye\n" if behaviour == "exit" else b"hello\n"
            if behaviour == "exit":
                self._end(new, int(launch.spec.command[1]))
            else:
                await self._listen(new, answering=behaviour != "silent")
        return await self.observe(launch.instance_id)

    async def observe(self, instance_id: str) -> Observation:
        await self._engine()
        one = self._instances.get(instance_id)
        if one is None:
            return Observation(presence=Presence.MISSING)
        if one.presence is Presence.ALIVE:
            return Observation(presence=Presence.ALIVE, address=one.address)
        return Observation(presence=Presence.EXITED, exit_code=one.exit_code)

    async def stop(self, instance_id: str, *, grace: float) -> None:
        await self._engine()
        one = self._instances.get(instance_id)
        if one is not None and one.presence is Presence.ALIVE:
            stubborn = one.launch.spec.command[0] == "stubborn"
            if stubborn:
                await asyncio.sleep(grace)
            self._end(one, -9 if stubborn or grace == 0 else -15)

    async def remove(self, instance_id: str) -> None:
        await self._engine()
        one = self._instances.pop(instance_id, None)
        if one is not None:
            self._end(one, -9)

    async def read_output(self, instance_id: str, *, offset: int, limit: int) -> Output:
        await self._engine()
        one = self._instances.get(instance_id)
        return Output(offset=offset, data=b"" if one is None else one.output[offset : offset + limit])

    async def last_output(self, instance_id: str) -> bytes:
        await self._engine()
        one = self._instances.get(instance_id)
        return b"" if one is None else one.output[-16384:]

    async def close(self) -> None:
        """End everything: these instances live in this process."""
        for one in self._instances.values():
            self._end(one, -9)

    async def _engine(self) -> None:
        if self.hung:
            await asyncio.sleep(self.hang_time)
        if self.away or self.hung:
            raise Unavailable("cannot reach the engine: a test took it away")

    async def _listen(self, one: _FakeInstance, *, answering: bool) -> None:
        one.server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        one.address = f"127.0.0.1:{one.server.sockets[0].getsockname()[1]}"
        if not answering:
            one.server.close()

    def _end(self, one: _FakeInstance, exit_code: int) -> None:
        if one.presence is Presence.ALIVE:
            one.presence, one.exit_code = Presence.EXITED, exit_code
        if one.server is not None:
            one.server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        if await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@dataclass(kw_only=True, slots=True)
class FakeControlPlane:
    """A server in memory: holds what is desired, and what was reported, and can go away."""

    away: bool = False
    desired: dict[str, RunSpec] = field(default_factory=dict)
    instances: dict[str, InstanceReport] = field(default_factory=dict)
    """The server's view: the last report of each instance."""
    reports: list[RegionReport] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Every instance that was ever reported."""
    logs: dict[str, bytes] = field(default_factory=dict)
    """What arrived of the output of each instance."""
    lost: dict[str, int] = field(default_factory=dict)
    """How many bytes of it never did."""
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    """The variables of each deployment that has any."""
    refusal: TurnoutError | None = None
    """What is said instead of variables."""
    fetched: list[str] = field(default_factory=list)
    """The deployments whose variables were asked for, in order."""
    jobs: dict[str, JobSpec] = field(default_factory=dict)
    """The jobs that are desired."""
    claims: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """The jobs that somebody else had begun when a krane asked, in order."""
    job_reports: list[JobReport] = field(default_factory=list)
    """All that was ever said of jobs, in order."""
    _streams: set[asyncio.Queue[DesiredState | None]] = field(default_factory=set)
    _revision: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def run(self, *specs: RunSpec) -> None:
        """Desire these as well, or anew."""
        self.desired |= {spec.deployment_id: spec for spec in specs}
        self._tell(deployments=specs)

    def run_job(self, spec: JobSpec) -> None:
        """Desire a job."""
        self.jobs[spec.id] = spec
        self._tell(jobs=(spec,))

    def withdraw_job(self, job_id: str) -> None:
        """Desire it no longer."""
        self.jobs.pop(job_id, None)
        self._tell(removed_jobs=(job_id,))

    def job(self, job_id: str) -> JobReport | None:
        """What was last said of a job."""
        return next((each for each in reversed(self.job_reports) if each.id == job_id), None)

    def withdraw(self, *deployment_ids: str) -> None:
        """Desire these no longer."""
        for deployment_id in deployment_ids:
            self.desired.pop(deployment_id, None)
        self._tell(removed=deployment_ids)

    def go_away(self) -> None:
        """Break the streams and refuse every call until `come_back`."""
        self.away = True
        for stream in self._streams:
            stream.put_nowait(None)

    def come_back(self) -> None:
        """Answer again."""
        self.away = False

    async def until(self, true: Callable[[], bool], *, within: float = 5.0) -> None:
        """Wait until something is so; looks at every news and every 20 ms. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not true():
                self._news.clear()
                await asyncio.wait({asyncio.create_task(self._news.wait())}, timeout=0.02)

    async def watch(self) -> AsyncIterator[DesiredState]:
        self._answer()
        stream: asyncio.Queue[DesiredState | None] = asyncio.Queue()
        self._streams.add(stream)
        try:
            yield DesiredState(
                revision=self._revision,
                complete=True,
                deployments=tuple(self.desired.values()),
                jobs=tuple(self.jobs.values()),
            )
            while (message := await stream.get()) is not None:
                yield message
        finally:
            self._streams.discard(stream)

    async def report(self, report: RegionReport) -> None:
        self._answer()
        self.reports.append(report)
        if report.complete:
            self.instances.clear()
        self.instances |= {one.id: one for one in report.instances}
        self.known |= {one.id for one in report.instances} | self.claims.keys()
        self.job_reports += report.jobs
        self._news.set()

    async def environment(self, deployment_id: str) -> Mapping[str, str]:
        self._answer()
        if deployment_id not in self.desired:
            raise NotFound(f"there is no deployment {deployment_id} that shall run in this region")
        if self.refusal is not None:
            raise self.refusal
        self.fetched.append(deployment_id)
        return dict(self.variables.get(deployment_id, {}))

    async def begin_job(self, *, job_id: str, claim: str) -> bool:
        self._answer()
        begins = job_id in self.jobs and self.claims.setdefault(job_id, claim) == claim
        if not begins:
            self.refused.append(job_id)
        return begins

    async def append_log(self, *, instance_id: str, deployment_id: str, offset: int, data: bytes) -> int:
        self._answer()
        if instance_id not in self.known:
            raise NotFound(f"cannot keep this output: nobody has reported an instance {instance_id}")
        held, lost = self.logs.get(instance_id, b""), self.lost.get(instance_id, 0)
        if offset > lost + len(held):
            lost = self.lost[instance_id] = offset - len(held)
        size = lost + len(held)
        if data[size - offset :]:
            held = self.logs[instance_id] = held + data[size - offset :]
            self._news.set()
        return lost + len(held)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("cannot reach the server: a test took it away")

    def _tell(self, **changes: Any) -> None:
        self._revision += 1
        message = DesiredState(revision=self._revision, complete=False, **changes)
        for stream in self._streams:
            stream.put_nowait(message)
