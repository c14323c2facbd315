"""What breaks in a history. Data alone, and readable."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something breaks, and is whole again by itself or after a while."""

    after: float
    """Seconds after the fault before it, or after the batch began."""

    def told(self) -> str:
        """As a line of a printed history."""
        said = " ".join(f"{each.name}={getattr(self, each.name)}" for each in fields(self) if each.name != "after")
        return f"{'FAULT':8} +{self.after:4.2f} s  {type(self).__name__} {said}".rstrip()


@dataclass(frozen=True, kw_only=True)
class WorkerKilled(Fault):
    """`kill -9`, at once or around the effect of a step."""

    step: str | None
    moment: str = "after"


@dataclass(frozen=True, kw_only=True)
class StepStumbles(Fault):
    """The next step of that name fails once, in a way that may pass."""

    step: str
    moment: str


@dataclass(frozen=True, kw_only=True)
class RestateKilled(Fault):
    """`kill -9` of Restate; it is back after a while."""

    away: float


@dataclass(frozen=True, kw_only=True)
class ServerRestarted(Fault):
    """API and dispatcher are away for a while."""

    away: float


@dataclass(frozen=True, kw_only=True)
class TwoServers(Fault):
    """A second dispatcher works beside the first one for a while."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class GatewaySilent(Fault):
    """The gateway neither follows nor confirms for a while."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class GatewayRejects(Fault):
    """The gateway refuses the next configuration, and confirms the one after it."""


@dataclass(frozen=True, kw_only=True)
class GatewayReconnects(Fault):
    """Its stream ends, and begins anew a moment later."""


@dataclass(frozen=True, kw_only=True)
class KraneAway(Fault):
    """krane neither starts, stops nor reports anything for a while; what it runs goes on."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class StoreLocked(Fault):
    """Somebody holds the database for a while, and nobody else can write."""

    seconds: float
