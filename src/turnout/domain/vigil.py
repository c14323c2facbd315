"""From one look to the next: when a suspicion is a finding, when a remedy is due, and when it has helped. Pure.

Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from turnout.domain.findings import FindingKind, Remedy, Suspicion

Key = tuple[FindingKind, str]

AGAIN_SECONDS: Final = 15.0
"""How long a remedy may take to show before the next one is tried."""
REMEMBERED_SECONDS: Final = 600.0
"""What comes back within this time after a remedy gets the next one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One suspicion over several looks."""

    suspicion: Suspicion
    since: float
    """The first of the looks, without a gap, that have shown it."""
    seen_at: float
    """The last look that has."""
    present: bool = True
    """Whether the last look has shown it."""
    told: bool = False
    """Whether it has become a finding."""
    tried: tuple[Remedy, ...] = ()
    """What was done about it, in order."""
    tried_at: float = 0.0

    @property
    def sentence(self) -> str:
        """What it means, and what was done about it or what can be."""
        what = f"it was {self.tried[-1]}" if self.tried else self.suspicion.advice
        return f"{self.suspicion.meaning}; {what}"


Cases = Mapping[Key, Case]


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What one look comes to."""

    cases: Cases
    found: tuple[Case, ...]
    """The findings there are, oldest first."""
    due: tuple[tuple[Case, Remedy], ...]
    """What is to be done now."""
    repaired: tuple[Case, ...]
    """Findings that are over since this look, and that something was done about."""


def look(
    cases: Cases, suspicions: Iterable[Suspicion], *, at: float, unseen: frozenset[FindingKind] = frozenset()
) -> Looked:
    """Go on with `cases` by what is suspected now. Of the kinds in `unseen` this look could show nothing.

    Nothing is concluded about those: what was found stays found, and what was only suspected counts anew.
    """
    now: dict[Key, Case] = {}
    for suspicion in suspicions:
        if suspicion.key not in now and suspicion.kind not in unseen:
            now[suspicion.key] = _go_on(cases.get(suspicion.key), suspicion, at)
    repaired: list[Case] = []
    for key, case in cases.items():
        if key in now:
            continue
        if case.suspicion.kind in unseen:
            now[key] = case if case.told else replace(case, since=at)
            continue
        if case.present and case.told and case.tried:
            repaired.append(case)
        if case.tried and at - case.seen_at < REMEMBERED_SECONDS:
            now[key] = replace(case, present=False, told=False)
    found = sorted((case for case in now.values() if case.present and case.told), key=lambda each: each.since)
    due = [(case, remedy) for case in found if (remedy := _due(case, at)) and case.suspicion.kind not in unseen]
    return Looked(cases=now, found=tuple(found), due=tuple(due), repaired=tuple(repaired))


def tried(cases: Cases, key: Key, remedy: Remedy, *, at: float) -> dict[Key, Case]:
    """The same cases after a remedy."""
    case = cases[key]
    return {**cases, key: replace(case, tried=(*case.tried, remedy), tried_at=at)}


def _go_on(before: Case | None, suspicion: Suspicion, at: float) -> Case:
    if before is None:
        before = Case(suspicion=suspicion, since=at, seen_at=at)
    elif not before.present or suspicion.mark not in (None, before.suspicion.mark):
        before = replace(before, since=at, told=False)
    told = before.told or at - before.since >= suspicion.patience
    return replace(before, suspicion=suspicion, seen_at=at, present=True, told=told)


def _due(case: Case, at: float) -> Remedy | None:
    remedies = case.suspicion.remedies
    if not remedies:
        return None
    waits = case.tried and case.since <= case.tried_at and at - case.tried_at < AGAIN_SECONDS
    return None if waits else remedies[min(len(case.tried), len(remedies) - 1)]
