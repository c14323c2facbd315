"""The gate on an app's way to the live domains: what if it breaks what the live one promises? Pure.

`refuse` ends the deploy before any domain moves. `ask` lets it become ready without the environment's and the live
domains, until a person promotes it. Rollback and promote are a person's yes already and are never asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from turnout.domain.errors import Conflict, Unavailable
from turnout.domain.openapi_rules import ApiChange
from turnout.domain.records import OnBreaking

TOLD: Final = 3
"""So many changes are named in a reason."""


class NotCompared(Unavailable):
    """The two documents were never compared. Compare them, write down what was found, and try the switch again."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"cannot switch yet: the OpenAPI documents {before[:12]} and {after[:12]} were not compared")
        self.before = before
        self.after = after


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What breaks from one document to another."""

    count: int
    sentences: tuple[str, ...]
    """The first ones."""


UNCHANGED: Final = Findings(count=0, sentences=())


@dataclass(frozen=True, kw_only=True, slots=True)
class GateFacts:
    """What the gate looks at, from the moment of the switch."""

    on_breaking: OnBreaking
    live_id: str
    """The deployment that is live and has a document."""
    target_id: str
    findings: Findings | None
    """From the document of the live one to that of the target; None: the target has none."""


def held_back(facts: GateFacts | None) -> str | None:
    """Why the deployment does not take the live domains; None when it may.

    Raises Conflict when the app wants such a deploy refused.
    """
    if facts is None:
        return None
    if facts.findings is None:
        what = f"no OpenAPI document of it was found, and {facts.live_id}, which is live, has one"
    elif facts.findings.count:
        what = f"it would break clients of {facts.live_id}, which is live: {_told(facts.findings)}"
    else:
        return None
    look = f"`turnout openapi diff {facts.live_id} {facts.target_id}` shows all changes"
    if facts.on_breaking is OnBreaking.REFUSE:
        raise Conflict(
            f"cannot take {facts.target_id} live: {what}; make the change compatible, or deploy with [openapi] "
            f'breaking = "ask" and promote it. {look} as long as both are kept'
        )
    return f"{what}; {look}, and `turnout promote {facts.target_id}` takes it live all the same"


def findings_of(changes: Iterable[ApiChange]) -> Findings:
    """What of these changes the gate needs to know."""
    breaks = [change for change in changes if change.breaking]
    return Findings(count=len(breaks), sentences=tuple(change.sentence() for change in breaks[:TOLD]))


def _told(findings: Findings) -> str:
    named = "; ".join(findings.sentences[:TOLD])
    more = findings.count - min(TOLD, len(findings.sentences))
    return f"{named}; and {more} more" if more > 0 else named
