"""The two doors of krane: towards the server, and towards whatever runs instances."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from turnout.domain.documents import DesiredState, RegionReport
from turnout.domain.records import RunSpec


class ControlPlane(Protocol):
    """The server, as krane sees it. Every method raises Unavailable when the server cannot be reached."""

    def watch(self) -> AsyncIterator[DesiredState]:
        """Stream what the region shall run, the first message completely. Ends when the connection breaks."""
        ...

    async def report(self, report: RegionReport) -> None:
        """Tell what was observed. Returns when the server has written it down."""
        ...

    async def environment(self, deployment_id: str) -> Mapping[str, str]:
        """Fetch the variables that the instances of a deployment are started with.

        They are secrets: passed on to the backend's start, and neither kept, nor written down, nor logged.
        Raises NotFound when the deployment shall not run in this region, and Undecryptable.
        """
        ...

    async def begin_job(self, *, job_id: str, claim: str) -> bool:
        """Whether the job may be started by whoever goes by `claim`; the same answer however often it is asked."""
        ...

    async def append_log(self, *, instance_id: str, deployment_id: str, offset: int, data: bytes) -> int:
        """Hand over output that begins at byte `offset`; return how many bytes the server now has.

        Bytes the server already has are ignored; data that begins beyond them is taken, and what lies between
        counts as had: it was lost. krane goes on from the number returned. Without data, at offset 0, it is the
        plain question how many there are. Raises NotFound until the instance has been reported.
        """
        ...


class Presence(StrEnum):
    """What a backend knows of an instance."""

    ALIVE = "alive"
    EXITED = "exited"
    MISSING = "missing"
    """Never started here, or removed without a trace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """All that a backend needs in order to start one instance."""

    instance_id: str
    slot: int
    region: str
    spec: RunSpec
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the app's environment holds besides what Turnout sets. Secrets: for the instance alone."""
    once: bool = False
    """A job: one that has exited is left as it is instead of being started again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One look at one instance."""

    presence: Presence
    address: str | None = None
    """`host:port` where it is reached; known as soon as it is alive."""
    exit_code: int | None = None
    """Negative for a signal. None when it lives, or when the code was lost over a restart of krane."""
    reason: str | None = None
    """Why it ended, when the backend knows better than the exit code."""
    relayed: bool = False
    """A relay listens in front of the address, so that an accepted connection alone proves nothing."""
    port_taken: bool = False
    """It exited, and something else listens on the port it was given: another port may help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An instance of this home that a backend holds traces of, desired or not."""

    instance_id: str
    presence: Presence


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A piece of what an instance printed."""

    offset: int
    """Where in the whole output `data` begins. Beyond what was asked for when older bytes are gone."""
    data: bytes


class BackendPort(Protocol):
    """What a backend promises. Every method is safe to repeat and bounded in time.

    Raises Unavailable when the engine behind it cannot be reached: nothing is known then, and nothing about
    the instance may be concluded from it.
    """

    @property
    def poll_interval(self) -> float:
        """Seconds between two looks at a running instance; its price is the backend's to know."""
        ...

    async def found(self) -> tuple[Found, ...]:
        """List every instance of this home there are traces of, whoever started it."""
        ...

    async def start(self, launch: Launch) -> Observation:
        """Get or create: a live instance of that id is left alone, an exited one is started again unless `once`.

        Raises DeploymentFailed when it cannot ever start as it is.
        """
        ...

    async def observe(self, instance_id: str) -> Observation:
        """Look. Whatever is left of an instance whose main process ended is cleared away first."""
        ...

    async def stop(self, instance_id: str, *, grace: float) -> None:
        """Ask it to end, wait at most `grace` seconds, then make it. Returns when nothing of it runs."""
        ...

    async def remove(self, instance_id: str) -> None:
        """Remove every trace of a stopped instance, its output included."""
        ...

    async def read_output(self, instance_id: str, *, offset: int, limit: int) -> Output:
        """Read at most `limit` bytes of stdout and stderr from `offset` on; empty when there is no more."""
        ...

    async def last_output(self, instance_id: str) -> bytes:
        """The end of what it printed, some kB at most."""
        ...

    async def close(self) -> None:
        """Let go of connections. Instances go on."""
        ...
