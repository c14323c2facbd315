"""What may be wrong, from what the store and Restate say at one moment. Pure: facts in, suspicions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from turnout.domain.findings import FindingKind, Remedy, Suspicion
from turnout.domain.watched import Invocation, OpenOperation, Owner, RestateFacts, StoreFacts, Stray, Trace
from turnout.domain.watching_parts import AT_ONCE, MOMENT, WHILE, deployments, gateways, instances, regions, rows


def suspected(
    stored: StoreFacts,
    restate: RestateFacts | None,
    *,
    owners: Mapping[str, Owner],
    strays: Iterable[Stray],
    in_use: Iterable[str],
    can_register: bool,
) -> tuple[Suspicion, ...]:
    """All that may be wrong. The same facts always give the same suspicions, in one order.

    `restate` is None while it does not answer. `owners` are those of the operations that the invocations carry
    on; `in_use` names the regions that have to have a krane.
    """
    return (
        *(_restate(restate, owners, can_register) if restate is not None else (_away(),)),
        *(_operations(stored.operations, restate) if restate is not None else ()),
        *regions(stored.regions, frozenset(in_use)),
        *gateways(stored.gateways, stored.generation),
        *instances(stored.unwanted, strays),
        *deployments(stored.down),
        *rows(stored),
    )


def _away() -> Suspicion:
    return Suspicion(
        kind=FindingKind.RESTATE_AWAY,
        subject="restate",
        workspace_id=None,
        patience=MOMENT,
        meaning="Restate does not answer, so that no operation goes on",
        advice="start it, or look at its log; traffic is not concerned",
    )


def _restate(facts: RestateFacts, owners: Mapping[str, Owner], can_register: bool) -> Iterator[Suspicion]:
    if facts.missing_services:
        yield Suspicion(
            kind=FindingKind.WORKER_UNKNOWN,
            subject="worker",
            workspace_id=None,
            patience=WHILE,
            meaning=f"Restate does not know the worker ({', '.join(facts.missing_services)})",
            advice="make it known with `restate deployments register http://<host>:<port>` and the worker's address",
            remedies=(Remedy.REGISTER,) if can_register else (),
        )
    for each in facts.invocations:
        owner = owners.get(each.operation_id) if each.operation_id is not None else None
        workspace_id = owner.workspace_id if owner is not None else None
        if each.operation_id is not None and (owner is None or owner.ended):
            yield _orphan(each, workspace_id, known=owner is not None)
        elif each.status == "paused":
            yield Suspicion(
                kind=FindingKind.INVOCATION_PAUSED,
                subject=each.id,
                workspace_id=workspace_id,
                patience=AT_ONCE,
                meaning=f"{_named(each)} is paused, and holds up what waits behind it",
                remedies=(Remedy.RESUME, Remedy.KILL),
                facts={"invocation_id": each.id},
            )
        elif each.status == "backing-off":
            yield Suspicion(
                kind=FindingKind.INVOCATION_FAILING,
                subject=each.id,
                workspace_id=workspace_id,
                patience=WHILE,
                meaning=f"{_named(each)} is tried again and again without success",
                advice="look at the worker's log; `turnout cancel` ends the operation",
            )


def _orphan(each: Invocation, workspace_id: str | None, *, known: bool) -> Suspicion:
    what = "goes on although the operation has ended" if known else "belongs to an operation that the store has not"
    return Suspicion(
        kind=FindingKind.INVOCATION_ORPHANED,
        subject=each.id,
        workspace_id=workspace_id,
        patience=WHILE,
        meaning=f"{_named(each)} {what}",
        # A paused one hears of no cancellation.
        remedies=(Remedy.KILL,) if each.status == "paused" else (Remedy.CANCEL, Remedy.KILL),
        facts={"invocation_id": each.id},
    )


def _named(each: Invocation) -> str:
    return f"{each.handler} of {each.operation_id}" if each.operation_id is not None else each.handler


def _operations(operations: Iterable[OpenOperation], restate: RestateFacts) -> Iterator[Suspicion]:
    for each in operations:
        if not each.sent:
            yield Suspicion(
                kind=FindingKind.OPERATION_UNSENT,
                subject=each.operation_id,
                workspace_id=each.workspace_id,
                patience=MOMENT,
                meaning="Restate does not take the operation, which is offered to it again and again",
                advice="look at the server's log",
            )
            continue
        trace = restate.traces.get(each.operation_id)
        if trace is Trace.ALIVE:
            continue
        why = "somebody killed its invocation" if trace is Trace.OVER else "Restate knows nothing of it (data lost?)"
        again = trace is None and not each.begun
        yield Suspicion(
            kind=FindingKind.OPERATION_LOST,
            subject=each.operation_id,
            workspace_id=each.workspace_id,
            patience=MOMENT,
            meaning=f"nobody carries the operation on: {why}",
            remedies=(Remedy.RESEND if again else Remedy.END,),
            facts={
                "operation_id": each.operation_id,
                "why": why,
                "build_of": each.deployment_id if each.is_deploy else "",
            },
        )
