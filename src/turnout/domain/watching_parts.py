"""The rules about regions, gateways, instances, deployments and rows: what may be wrong, says the store. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from turnout.domain.findings import FindingKind, Remedy, Suspicion
from turnout.domain.watched import Down, GatewayFacts, RegionFacts, StoreFacts, Stray, UnwantedInstance

AT_ONCE: Final = 0.0
MOMENT: Final = 10.0
"""What takes its turn within seconds: a row after another, a part that is started again."""
SILENCE: Final = 15.0
"""Three heartbeats: kranes and gateways are heard of every five seconds."""
WHILE: Final = 20.0
"""What may take its time: an app that ends, a handler that undoes."""


def regions(known: Iterable[RegionFacts], in_use: frozenset[str]) -> Iterator[Suspicion]:
    for each in known:
        if not (each.wanted or each.name in in_use):
            continue
        if not each.connected:
            yield Suspicion(
                kind=FindingKind.REGION_AWAY,
                subject=each.name,
                workspace_id=None,
                patience=MOMENT,
                meaning=f"no krane is connected for region {each.name}: its instances go on, and nothing new starts",
                advice="start its krane, or look at krane's log",
            )
        elif each.last_seen_at is not None:
            yield Suspicion(
                kind=FindingKind.REGION_SILENT,
                subject=each.name,
                workspace_id=None,
                patience=SILENCE,
                mark=each.last_seen_at.isoformat(),
                meaning=f"the krane of region {each.name} is silent",
                remedies=(Remedy.DISCONNECT,),
                facts={"seen": each.last_seen_at.isoformat()},
            )


def gateways(known: Iterable[GatewayFacts], generation: int) -> Iterator[Suspicion]:
    for each in known:
        record = each.record
        if not record.connected:
            yield Suspicion(
                kind=FindingKind.GATEWAY_AWAY,
                subject=record.id,
                workspace_id=None,
                patience=MOMENT,
                meaning=f"the gateway in region {record.region} is away: it serves what it last knew, if it lives",
                advice="start it; one that stays away for an hour is forgotten",
            )
            continue
        if each.seen_at is not None:
            yield Suspicion(
                kind=FindingKind.GATEWAY_SILENT,
                subject=record.id,
                workspace_id=None,
                patience=SILENCE,
                mark=each.seen_at.isoformat(),
                meaning=f"the gateway in region {record.region} is silent",
                remedies=(Remedy.DISCONNECT,),
                facts={"seen": each.seen_at.isoformat()},
            )
        if record.error_generation is not None and record.error is not None:
            yield Suspicion(
                kind=FindingKind.GATEWAY_REFUSED,
                subject=record.id,
                workspace_id=None,
                patience=AT_ONCE,
                meaning=f"the gateway refused generation {record.error_generation} and serves what was before it",
                advice="see `turnout status` for its error; it is over with the next one of that project that it takes",
            )
        if record.acknowledged_generation < generation:
            yield Suspicion(
                kind=FindingKind.GATEWAY_BEHIND,
                subject=record.id,
                workspace_id=None,
                patience=MOMENT,
                mark=str(record.acknowledged_generation),
                meaning=f"the gateway has acknowledged generation {record.acknowledged_generation} of {generation}",
                advice="look at its log, or start it again",
            )


def instances(unwanted: Iterable[UnwantedInstance], strays: Iterable[Stray]) -> Iterator[Suspicion]:
    for each in unwanted:
        yield Suspicion(
            kind=FindingKind.INSTANCE_UNWANTED,
            subject=each.instance_id,
            workspace_id=each.workspace_id,
            patience=WHILE,
            meaning=f"the instance shall not run any more, and the krane of region {each.region} has not ended it",
            advice="krane goes on trying; look at its log and at the container engine",
        )
    for stray in strays:
        yield Suspicion(
            kind=FindingKind.INSTANCE_LEAKED,
            subject=stray.instance_id,
            workspace_id=None,
            patience=AT_ONCE,
            meaning=f"it runs in region {stray.region} and nobody knows it; removing it failed: {stray.problem}",
            advice="krane goes on trying; look at the container engine",
        )


def deployments(down: Iterable[Down]) -> Iterator[Suspicion]:
    for each in down:
        what = f"{each.project} is live with it" if each.live else f"it is ready in {each.project}"
        why = f": {each.reason.splitlines()[0]}" if each.reason else ""
        back = ", or give the domains back with `turnout rollback`" if each.live else ""
        yield Suspicion(
            kind=FindingKind.DEPLOYMENT_DOWN,
            subject=each.deployment_id,
            workspace_id=each.workspace_id,
            patience=WHILE,
            meaning=f"{what}, and none of its instances runs{why}",
            advice=f"krane goes on trying; look at `turnout logs {each.deployment_id}`{back}",
        )


def rows(stored: StoreFacts) -> Iterator[Suspicion]:
    for each in stored.abandoned:
        yield Suspicion(
            kind=FindingKind.DEPLOYMENT_ABANDONED,
            subject=each.id,
            workspace_id=each.workspace_id,
            patience=MOMENT,
            meaning="the deployment is on its way, and no operation carries it on",
            remedies=(Remedy.END,),
            facts={"build_of": each.id},
        )
    for each in stored.leftovers:
        yield Suspicion(
            kind=FindingKind.ROW_LEFT,
            subject=f"{each.row} {each.id}",
            workspace_id=each.workspace_id,
            patience=MOMENT,
            meaning=f"the {each.row} is left of something that has ended",
            remedies=(Remedy.REMOVE,),
            facts={"row": each.row, "id": each.id},
        )
    for forgotten in stored.forgotten:
        yield Suspicion(
            kind=FindingKind.DEPLOYMENT_FORGOTTEN,
            subject=forgotten.deployment_id,
            workspace_id=forgotten.workspace_id,
            patience=MOMENT,
            meaning="the deployment was replaced and its warm time is over, and nobody has stopped it",
            remedies=(Remedy.STOP,),
            facts={"generation": str(forgotten.generation)},
        )
