"""The watchdog: one look after the other, and what follows from each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from turnout.domain.documents import StrayReport
from turnout.domain.errors import TurnoutError, Unavailable
from turnout.domain.findings import SEEN_IN_RESTATE, Finding, FindingKind, Remedy
from turnout.domain.vigil import Case, Cases, look, tried
from turnout.domain.watched import OpenOperation, Owner, RestateFacts, Stray
from turnout.domain.watching import suspected
from turnout.store import Store
from turnout.watchdog.durable import DurableSide
from turnout.watchdog.remedies import Builds, Remedies, Sender

LOOK_SECONDS: Final = 5.0
"""From the end of one look to the next."""
_REMEDIES_AT_ONCE: Final = 50
"""What more is due waits for the next look."""
_SHOWN_SECONDS: Final = 900.0
_SHOWN: Final = 100
"""How long, and how many repaired findings are shown."""
_STRAY_SECONDS: Final = 60.0
"""krane tells of a stray at each of its sweeps, as long as it is there."""


@dataclass(frozen=True, slots=True)
class _Repaired:
    at: float
    finding: Finding


class Watchdog:
    """Runs beside the dispatcher; several may run at once."""

    def __init__(
        self,
        *,
        store: Store,
        restate: DurableSide,
        sender: Sender,
        builds: Builds,
        regions: Iterable[str],
        warm_seconds: float,
        logger: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`regions` have to have a krane. What a switch replaced should have been stopped after `warm_seconds`."""
        self._store = store
        self._restate = restate
        self._remedies = Remedies(store=store, restate=restate, sender=sender, builds=builds)
        self._regions = tuple(regions)
        self._warm_seconds = warm_seconds
        self._logger = logger
        self._clock = clock
        self._cases: Cases = {}
        self._found: tuple[Case, ...] = ()
        self._repaired: deque[_Repaired] = deque(maxlen=_SHOWN)
        self._repairs: Counter[tuple[str | None, FindingKind]] = Counter()
        self._strays: dict[str, tuple[float, Stray]] = {}
        self._looked_at = clock()
        self._epoch = datetime.now(UTC) - timedelta(seconds=self._looked_at)
        """When the clock stood at zero. Taken once, so that what is shown does not jump with the machine's time."""

    # ------------------------------------------------------------------------------------ what is shown

    def findings(self, *, workspace_id: str) -> tuple[Finding, ...]:
        """What a workspace may know: its own findings and the installation's, oldest first, repaired ones last."""
        recent = self._clock() - _SHOWN_SECONDS
        over = (each.finding for each in self._repaired if each.at >= recent)
        all_of_them = (*(self._finding(case) for case in self._found), *over)
        return tuple(each for each in all_of_them if each.workspace_id in (None, workspace_id))

    def repairs(self, *, workspace_id: str) -> Mapping[FindingKind, int]:
        """How many findings of each kind were repaired since this process began."""
        mine = Counter[FindingKind]()
        for (owner, kind), number in self._repairs.items():
            if owner in (None, workspace_id):
                mine[kind] += number
        return mine

    def seconds_since_look(self) -> float:
        """How old the findings are."""
        return self._clock() - self._looked_at

    def heard_of_strays(self, *, region: str, strays: Iterable[StrayReport]) -> None:
        """A krane has found what runs under our mark without anybody knowing it, and has removed it or not."""
        for each in strays:
            stray = Stray(instance_id=each.instance_id, region=region, problem=each.problem or "")
            if each.problem is not None:
                self._strays[each.instance_id] = (self._clock(), stray)
                continue
            self._strays.pop(each.instance_id, None)
            meaning = f"it ran in region {region} and nobody knew it; krane has removed it"
            self._note(_now_finding(FindingKind.INSTANCE_LEAKED, each.instance_id, meaning))

    # ------------------------------------------------------------------------------------- what is done

    async def run(self) -> None:
        """Look until cancelled. Trouble with the store is waited out, never raised."""
        while True:
            try:
                await self.look()
            except TurnoutError as error:
                self._logger.warning("watchdog.trouble", error=error.detail)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One look at everything, and the remedies that are due after it."""
        stored = await self._store.watched(warm_seconds=self._warm_seconds)
        restate = await self._look_at_restate(stored.operations)
        owners: Mapping[str, Owner] = {}
        if restate is not None:
            named = {each.operation_id for each in restate.invocations if each.operation_id is not None}
            owners = await self._store.owners_of(operation_ids=named)
        at = self._clock()
        suspicions = suspected(
            stored,
            restate,
            owners=owners,
            strays=self._recent_strays(at),
            in_use=self._regions,
            can_register=self._restate.can_register,
        )
        looked = look(
            self._cases, suspicions, at=at, unseen=SEEN_IN_RESTATE if restate is None else frozenset[FindingKind]()
        )
        self._tell_news(looked.found)
        self._cases, self._found, self._looked_at = looked.cases, looked.found, at
        for case in looked.repaired:
            self._note(replace(self._finding(case), repaired=True))
        for case, remedy in looked.due[:_REMEDIES_AT_ONCE]:
            await self._mend(case, remedy)
        self._found = tuple(self._cases[case.suspicion.key] for case in self._found)

    async def _look_at_restate(self, operations: Iterable[OpenOperation]) -> RestateFacts | None:
        try:
            return await self._restate.look([each.operation_id for each in operations if each.sent])
        except Unavailable as error:
            self._logger.info("watchdog.restate_away", error=error.detail)
            return None

    def _recent_strays(self, at: float) -> list[Stray]:
        self._strays = {key: (told, each) for key, (told, each) in self._strays.items() if at - told < _STRAY_SECONDS}
        return [each for _, each in self._strays.values()]

    async def _mend(self, case: Case, remedy: Remedy) -> None:
        """Do it, and remember that it was done; whether it has helped, the next look shows."""
        subject = case.suspicion
        try:
            await self._remedies.apply(remedy, subject)
        except TurnoutError as error:
            self._logger.warning("watchdog.not_mended", kind=subject.kind, subject=subject.subject, error=error.detail)
            return
        self._cases = tried(self._cases, subject.key, remedy, at=self._clock())
        self._logger.warning("watchdog.mended", kind=subject.kind, subject=subject.subject, remedy=remedy)

    def _tell_news(self, found: Iterable[Case]) -> None:
        known = {case.suspicion.key for case in self._found}
        for case in found:
            if case.suspicion.key not in known:
                kind, subject = case.suspicion.kind, case.suspicion.subject
                self._logger.warning("watchdog.found", kind=kind, subject=subject, meaning=case.suspicion.meaning)

    def _note(self, repaired: Finding) -> None:
        self._repairs[(repaired.workspace_id, repaired.kind)] += 1
        self._repaired.append(_Repaired(self._clock(), repaired))

    def _finding(self, case: Case) -> Finding:
        return Finding(
            kind=case.suspicion.kind,
            subject=case.suspicion.subject,
            workspace_id=case.suspicion.workspace_id,
            since=self._epoch + timedelta(seconds=case.since),
            sentence=case.sentence,
            repaired=False,
        )


def _now_finding(kind: FindingKind, subject: str, sentence: str) -> Finding:
    now = datetime.now(UTC)
    return Finding(kind=kind, subject=subject, workspace_id=None, since=now, sentence=sentence, repaired=True)
