"""Certificates by ACME (RFC 8555): when to come back for one, and what a failure means. Pure.

An **issuing** is what Turnout does to have a certificate for one domain. It is visited: now when somebody asks for it,
later when the certificate is to be renewed or the last visit met a problem. Visits are numbered by **turns**; a visit
of an earlier turn than the newest one ends by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ASK_WINDOW_EVERY: Final = timedelta(days=1)
"""How often the authority is asked whether it wants a certificate renewed earlier, where it says so at all (RFC 9773).
A revocation is learned of that way."""
LONGEST_RETRY_AFTER: Final = timedelta(days=14)
"""What a server may ask for at the most; anything above is taken for a mistake."""
_DETAIL_MAX: Final = 500
_JITTER: Final = 0.1


class IssuingStatus(StrEnum):
    """How far an issuing has got."""

    WAITING = "waiting"
    """There is no certificate yet, and the next visit is to come."""
    WORKING = "working"
    """A visit is under way."""
    ISSUED = "issued"
    """There is a certificate; the next visit renews it."""
    FAILED = "failed"
    """The last visit met a problem; `due_at` says when it is tried again, if ever."""


class ProblemKind(StrEnum):
    """What went wrong, as far as it decides when to try again."""

    RATE_LIMITED = "rate-limited"
    """The ACME server wants less to do."""
    UNREACHABLE = "unreachable"
    """The ACME server does not answer, or is in trouble itself."""
    UNPROVED = "unproved"
    """The ACME server asked the name and did not find the proof: mostly DNS that leads elsewhere."""
    TROUBLE = "trouble"
    """Turnout itself could not do its part, such as a gateway that does not answer the challenge."""
    LOST = "lost"
    """The order is of no more use: expired, or given up by the server. A new one may work."""
    ACCOUNT_LOST = "account-lost"
    """The ACME server does not know the account any more. It is made again."""
    REFUSED = "refused"
    """It cannot work before somebody changes something: this is final."""


_PAUSES: Final[dict[ProblemKind, tuple[timedelta, timedelta]]] = {
    ProblemKind.RATE_LIMITED: (timedelta(hours=1), timedelta(days=1)),
    ProblemKind.UNREACHABLE: (timedelta(minutes=1), timedelta(hours=6)),
    ProblemKind.UNPROVED: (timedelta(hours=1), timedelta(days=1)),
    ProblemKind.TROUBLE: (timedelta(minutes=1), timedelta(hours=1)),
    ProblemKind.LOST: (timedelta(minutes=1), timedelta(hours=6)),
    ProblemKind.ACCOUNT_LOST: (timedelta(minutes=1), timedelta(hours=6)),
}
"""The pause after the first failure, and the longest one; it doubles in between. A kind that is not here is final."""

_KINDS: Final = {
    "rateLimited": ProblemKind.RATE_LIMITED,
    "caa": ProblemKind.UNPROVED,
    "connection": ProblemKind.UNPROVED,
    "dns": ProblemKind.UNPROVED,
    "dnssec": ProblemKind.UNPROVED,
    "incorrectResponse": ProblemKind.UNPROVED,
    "tls": ProblemKind.UNPROVED,
    "unauthorized": ProblemKind.UNPROVED,
    "unknownHost": ProblemKind.UNPROVED,
    "compound": ProblemKind.UNPROVED,
    "badNonce": ProblemKind.UNREACHABLE,
    "serverInternal": ProblemKind.UNREACHABLE,
    "orderNotReady": ProblemKind.LOST,
    "malformed": ProblemKind.LOST,
    "accountDoesNotExist": ProblemKind.ACCOUNT_LOST,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a visit did not get a certificate. Small and without secrets: it goes into the journal."""

    kind: ProblemKind
    detail: str
    """A sentence for a person; what the ACME server said is in it."""
    retry_after_seconds: float | None = None
    """What the server asked to wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When the authority wants a certificate renewed."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifetime:
    """From when to when a certificate is good."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Issuing:
    """What is known of the certificate of one domain that comes by ACME."""

    id: str
    fqdn: str
    project_id: str
    project: str
    """Its name."""
    workspace_id: str
    status: IssuingStatus
    turn: int
    """The number of the visit that is under way or comes next."""
    due_at: datetime | None
    """When it is visited next; None when it is not, before somebody asks."""
    asked: bool
    """Whether somebody asked for a certificate and has not got it yet: the next visit gets one, needed or not."""
    failures: int
    """Visits in a row that met a problem."""
    problem: Problem | None
    """What the last visit met."""
    order_url: str | None
    """The order that a visit has begun, to be taken up again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NextVisit:
    """When an issuing is visited again."""

    issuing_id: str
    turn: int
    in_seconds: float | None
    """None: not before somebody asks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsentVisit:
    """A visit that is due, and that the workflows are to be told of."""

    issuing_id: str
    fqdn: str
    turn: int
    sends: int
    """How often they were told already. One that is lost for good is told once more, under another key."""

    @property
    def key(self) -> str:
        """The idempotency key of this telling."""
        return visit_key(self.issuing_id, self.turn, str(self.sends))


def problem_of(code: str, detail: str, *, retry_after_seconds: float | None = None) -> Problem:
    """What an error of the ACME protocol means; `code` is the last part of its type."""
    said = " ".join(detail.split())[:_DETAIL_MAX] or "it did not say why"
    return Problem(
        kind=_KINDS.get(code, ProblemKind.REFUSED),
        detail=f"the ACME server said {code}: {said}",
        retry_after_seconds=retry_after_seconds,
    )


def visit_key(issuing_id: str, turn: int, telling: str) -> str:
    """The idempotency key of one telling of one visit. A visit that is told of twice happens once: its turn is over."""
    return f"{issuing_id}-{turn}-{telling}"


def drops_order(problem: Problem) -> bool:
    """Whether the order under way is of no more use. One that was only interrupted is taken up again."""
    return problem.kind not in {ProblemKind.RATE_LIMITED, ProblemKind.UNREACHABLE, ProblemKind.TROUBLE}


def is_final(problem: Problem) -> bool:
    """Whether trying again without anybody changing anything is of no use."""
    return problem.kind not in _PAUSES


def next_try(fqdn: str, problem: Problem, *, failures: int, now: datetime) -> datetime | None:
    """When to come back after `failures` failures in a row, this one included; None when it is final.

    Never before the server asked for. Names that failed together do not come back together.
    """
    if is_final(problem):
        return None
    first, longest = _PAUSES[problem.kind]
    doublings = min(max(failures, 1) - 1, 16)
    pause = min(longest, first * float(1 << doublings))
    asked_for = timedelta(seconds=max(0.0, problem.retry_after_seconds or 0.0))
    pause = max(pause, min(asked_for, LONGEST_RETRY_AFTER))
    return now + pause * (1 + _JITTER * spread(f"{fqdn}/{failures}"))


def renew_at(fqdn: str, life: Lifetime, window: Window | None) -> datetime:
    """When a certificate is to be renewed: in the window that its authority suggests, else when a third of its life is
    left. A tenth of its life is always left, and names whose certificates were made together are spread out.
    """
    whole = life.ends - life.begins
    if window is None:
        return life.ends - whole / 3 - whole / 30 * spread(fqdn)
    suggested = window.begins + (window.ends - window.begins) * spread(fqdn)
    return max(life.begins, min(suggested, life.ends - whole / 10))


def next_visit(fqdn: str, life: Lifetime, window: Window | None, *, now: datetime) -> datetime:
    """When to look at a certificate again: to renew it, or to ask its authority whether it has to be sooner.

    Never at once: an authority that asks for what it has just made would be asked again and again.
    """
    due = renew_at(fqdn, life, window)
    sooner = due if window is None else min(due, now + ASK_WINDOW_EVERY)
    return max(sooner, now + min((life.ends - life.begins) / 20, ASK_WINDOW_EVERY))


def spread(text: str) -> float:
    """A number from 0 up to 1 that is always the same for a text, and any for another."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
