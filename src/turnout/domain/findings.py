"""What the watchdog finds: something stuck, leaked or forgotten, what it means, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class FindingKind(StrEnum):
    """What is wrong."""

    RESTATE_AWAY = "restate-away"
    WORKER_UNKNOWN = "worker-unknown"
    """Restate does not know the worker, so that it can call nobody."""
    INVOCATION_PAUSED = "invocation-paused"
    INVOCATION_FAILING = "invocation-failing"
    """It is tried again and again without getting any further."""
    INVOCATION_ORPHANED = "invocation-orphaned"
    """Its operation has ended, or is not known."""
    OPERATION_UNSENT = "operation-unsent"
    OPERATION_LOST = "operation-lost"
    """Nobody carries it on: Restate has no invocation of it."""
    REGION_AWAY = "region-away"
    REGION_SILENT = "region-silent"
    """Its krane seems connected, and is not heard of."""
    INSTANCE_UNWANTED = "instance-unwanted"
    """krane was told to end it, and still reports it."""
    INSTANCE_LEAKED = "instance-leaked"
    """It runs under our mark, and no krane has started it or remembers it."""
    GATEWAY_AWAY = "gateway-away"
    GATEWAY_SILENT = "gateway-silent"
    """It seems connected, and is not heard of."""
    GATEWAY_BEHIND = "gateway-behind"
    """It is connected and does not acknowledge the newest generation."""
    GATEWAY_REFUSED = "gateway-refused"
    DEPLOYMENT_ABANDONED = "deployment-abandoned"
    """It is on its way, and no operation carries it on."""
    DEPLOYMENT_DOWN = "deployment-down"
    """It shall run, and none of its instances does."""
    DEPLOYMENT_FORGOTTEN = "deployment-forgotten"
    """It was replaced, and nobody has stopped it when its warm time was over."""
    ROW_LEFT = "row-left"
    """A row that only an operation or a deployment needed that has ended."""


class Remedy(StrEnum):
    """What is done about a finding; the word that says so afterwards."""

    RESUME = "resumed"
    CANCEL = "cancelled"
    KILL = "killed"
    REGISTER = "registered"
    RESEND = "sent again"
    END = "ended"
    DISCONNECT = "marked as away"
    STOP = "stopped"
    REMOVE = "removed"


SEEN_IN_RESTATE: frozenset[FindingKind] = frozenset(
    {
        FindingKind.WORKER_UNKNOWN,
        FindingKind.INVOCATION_PAUSED,
        FindingKind.INVOCATION_FAILING,
        FindingKind.INVOCATION_ORPHANED,
        FindingKind.OPERATION_UNSENT,
        FindingKind.OPERATION_LOST,
    }
)
"""What cannot be judged while Restate does not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """What one look shows. It becomes a finding when every look of `patience` seconds has shown it."""

    kind: FindingKind
    subject: str
    """The id or name of what it is about."""
    workspace_id: str | None
    """Whose it is; None: the installation's, and everybody may know."""
    patience: float
    """Seconds in which it may be as it has to be: something has just begun, or is about to end."""
    meaning: str
    """What is wrong, as the beginning of a sentence."""
    advice: str = "see `turnout status`"
    """What a person can do, as its end, as long as nothing was done about it."""
    mark: str | None = None
    """A sign of life: a look that finds another one begins to count anew."""
    remedies: tuple[Remedy, ...] = ()
    """What is done about it: the first at once, the next when it is there again or still; the last one repeatedly."""
    facts: dict[str, str] = field(default_factory=dict)
    """What a remedy has to know. Ids only."""

    @property
    def key(self) -> tuple[FindingKind, str]:
        """What makes it the same as that of an earlier look."""
        return (self.kind, self.subject)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a person is told."""

    kind: FindingKind
    subject: str
    workspace_id: str | None
    since: datetime
    sentence: str
    """What it means, and what was done about it or what can be."""
    repaired: bool
    """It is over, and was ended by a remedy. It is shown for a while all the same."""
