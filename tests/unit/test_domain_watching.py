"""What may be wrong: each rule, and that a healthy installation shows nothing for longer than it may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.findings import SEEN_IN_RESTATE, FindingKind, Remedy, Suspicion
from turnout.domain.vigil import Cases, look
from turnout.domain.waits import GatewayRecord
from turnout.domain.watched import (
    Down,
    Forgotten,
    GatewayFacts,
    Invocation,
    Leftover,
    OpenOperation,
    Owner,
    RegionFacts,
    RestateFacts,
    StoreFacts,
    Stray,
    Trace,
    UnwantedInstance,
)
from turnout.domain.watching import suspected

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OP = OpenOperation(
    operation_id="op_1", workspace_id="ws_1", deployment_id="dep_1", is_deploy=True, sent=True, begun=True
)
GATEWAY = GatewayRecord(
    id="gw",
    region="north",
    connected=True,
    acknowledged_generation=7,
    acknowledged_at=NOW,
    error=None,
    error_generation=None,
)
REGION = RegionFacts(name="north", connected=True, last_seen_at=NOW, wanted=True)
INVOCATION = Invocation(id="inv_1", handler="Deployments/deploy", status="running", operation_id="op_1")
STORE = StoreFacts(
    generation=7,
    operations=(OP,),
    regions=(REGION,),
    gateways=(GatewayFacts(record=GATEWAY, seen_at=NOW),),
    unwanted=(),
    abandoned=(),
    leftovers=(),
    forgotten=(),
    down=(),
)
RESTATE = RestateFacts(missing_services=(), invocations=(INVOCATION,), traces={"op_1": Trace.ALIVE})
OWNERS = {"op_1": Owner(workspace_id="ws_1", ended=False)}
K, R = FindingKind, Remedy


def suspicions(
    store: StoreFacts = STORE,
    restate: RestateFacts | None = RESTATE,
    owners: dict[str, Owner] = OWNERS,
    strays: tuple[Stray, ...] = (),
    **other: Any,
) -> list[Suspicion]:
    """All but the heartbeats, which are suspicions until the next one comes."""
    given_ = {"in_use": ["north"], "can_register": True} | other
    all_of_them = suspected(store, restate, owners=owners, strays=strays, **given_)
    return [each for each in all_of_them if each.mark is None or each.kind is K.GATEWAY_BEHIND]


def only(*arguments: Any, **other: Any) -> Suspicion:
    (found,) = suspicions(*arguments, **other)
    return found


def gateway(**changes: Any) -> StoreFacts:
    return replace(STORE, gateways=(GatewayFacts(record=replace(GATEWAY, **changes), seen_at=NOW),))


def invoked(**changes: Any) -> RestateFacts:
    return replace(RESTATE, invocations=(replace(INVOCATION, **changes),))


def test_nothing_is_wrong() -> None:
    """An operation at work, everybody connected and up to date."""
    assert suspicions() == []


def test_restate_away() -> None:
    """Nothing else is said about what only Restate knows."""
    assert only(restate=None).kind is K.RESTATE_AWAY


@pytest.mark.parametrize("can_register", [True, False])
def test_the_worker_is_not_known(can_register: bool) -> None:
    """It is registered where its address is known; else the sentence has the command."""
    found = only(restate=replace(RESTATE, missing_services=("Routing",)), can_register=can_register)
    assert (found.kind, found.remedies) == (K.WORKER_UNKNOWN, (R.REGISTER,) if can_register else ())
    assert "restate deployments register" in found.advice


@pytest.mark.parametrize(
    ("status", "ended", "kind", "remedies"),
    [
        ("paused", False, K.INVOCATION_PAUSED, (R.RESUME, R.KILL)),
        ("backing-off", False, K.INVOCATION_FAILING, ()),
        ("running", True, K.INVOCATION_ORPHANED, (R.CANCEL, R.KILL)),
        ("suspended", True, K.INVOCATION_ORPHANED, (R.CANCEL, R.KILL)),
        ("backing-off", True, K.INVOCATION_ORPHANED, (R.CANCEL, R.KILL)),
        ("paused", True, K.INVOCATION_ORPHANED, (R.KILL,)),
    ],
)
def test_invocations(status: str, ended: bool, kind: FindingKind, remedies: tuple[Remedy, ...]) -> None:
    """What is paused goes on, and what outlives its operation is ended."""
    store = replace(STORE, operations=()) if ended else STORE
    found = only(store, invoked(status=status), {"op_1": Owner(workspace_id="ws_1", ended=ended)})
    assert (found.kind, found.remedies, found.workspace_id) == (kind, remedies, "ws_1")


def test_an_invocation_of_nobody() -> None:
    """The store has no such operation: it was restored from a backup. Everybody may know, as it is nobody's."""
    found = only(replace(STORE, operations=()), owners={})
    assert (found.kind, found.workspace_id) == (K.INVOCATION_ORPHANED, None)


def test_what_is_no_operation_is_left_alone_while_it_works() -> None:
    """Observations and visits have no operation; one that is paused goes on all the same."""
    store = replace(STORE, operations=())
    assert suspicions(store, invoked(operation_id=None)) == []
    assert only(store, invoked(operation_id=None, status="paused")).kind is K.INVOCATION_PAUSED


@pytest.mark.parametrize(
    ("trace", "begun", "remedy"),
    [(None, False, R.RESEND), (None, True, R.END), (Trace.OVER, False, R.END), (Trace.OVER, True, R.END)],
)
def test_lost_operations(trace: Trace | None, begun: bool, remedy: Remedy) -> None:
    """Sent again only where Restate would start it and nothing has begun; its idempotency keeps the others from it."""
    store = replace(STORE, operations=(replace(OP, begun=begun),))
    restate = RestateFacts(missing_services=(), invocations=(), traces={} if trace is None else {"op_1": trace})
    found = only(store, restate)
    assert (found.kind, found.remedies) == (K.OPERATION_LOST, (remedy,))
    assert found.patience > 0, "between a build and its deploy Restate may know of neither for a moment"


def test_an_operation_that_restate_does_not_take() -> None:
    """It waits for the dispatcher, which goes on trying."""
    assert only(replace(STORE, operations=(replace(OP, sent=False),)), replace(RESTATE, invocations=())).kind is (
        K.OPERATION_UNSENT
    )


def test_gateways() -> None:
    """Away, behind, and one that refused."""
    assert only(gateway(connected=False)).kind is K.GATEWAY_AWAY
    assert only(gateway(acknowledged_generation=6)).kind is K.GATEWAY_BEHIND
    assert only(gateway(error="no", error_generation=5)).kind is K.GATEWAY_REFUSED


def test_regions() -> None:
    """One without a krane matters where something shall run, or shall be able to."""
    away = replace(STORE, regions=(replace(REGION, connected=False),))
    assert only(away).kind is K.REGION_AWAY
    idle = replace(STORE, regions=(replace(REGION, connected=False, wanted=False),))
    assert suspicions(idle, in_use=["south"]) == []


def test_instances_and_rows() -> None:
    """Each gets its remedy, or the sentence says who goes on trying."""
    store = replace(
        STORE,
        unwanted=(UnwantedInstance(instance_id="ins_1", region="north", workspace_id="ws_1"),),
        abandoned=(Leftover(row="deployment", id="dep_2", workspace_id="ws_1"),),
        leftovers=(Leftover(row="wait", id="awk_1", workspace_id="ws_1"),),
        forgotten=(Forgotten(deployment_id="dep_3", workspace_id="ws_1", generation=3),),
    )
    stray = Stray(instance_id="ins_9", region="north", problem="the engine says no")
    found = {each.kind: each for each in suspicions(store, strays=(stray,))}
    assert {kind: each.remedies for kind, each in found.items()} == {
        K.INSTANCE_UNWANTED: (),
        K.INSTANCE_LEAKED: (),
        K.DEPLOYMENT_ABANDONED: (R.END,),
        K.ROW_LEFT: (R.REMOVE,),
        K.DEPLOYMENT_FORGOTTEN: (R.STOP,),
    }
    assert "the engine says no" in found[K.INSTANCE_LEAKED].meaning


def test_deployments_that_are_down() -> None:
    """The sentence says whose it is, why, and where to look; only what is live can be rolled back."""
    down = Down(deployment_id="dep_1", workspace_id="ws_1", project="shop", live=True, reason="exited with code 3\nlog")
    found = only(replace(STORE, down=(down,)))
    assert (found.kind, found.subject, found.workspace_id, found.remedies) == (K.DEPLOYMENT_DOWN, "dep_1", "ws_1", ())
    assert found.meaning == "shop is live with it, and none of its instances runs: exited with code 3"
    assert "`turnout logs dep_1`" in found.advice
    assert "turnout rollback" in found.advice
    preview = only(replace(STORE, down=(replace(down, live=False, reason=None),)))
    assert preview.meaning == "it is ready in shop, and none of its instances runs"
    assert "turnout rollback" not in preview.advice


def test_silence() -> None:
    """A gateway and a krane whose heartbeats stop are told within the promise, and marked as away; others never are."""
    beating, cases, at = STORE, dict[Any, Any](), 0.0
    live: Cases = {}
    while at < 60:
        seen = NOW + timedelta(seconds=at - at % 5)
        beating = replace(
            STORE,
            gateways=(GatewayFacts(record=GATEWAY, seen_at=seen),),
            regions=(replace(REGION, last_seen_at=seen),),
        )
        live = look(live, every(beating), at=at).cases
        assert not look(live, every(beating), at=at).found
        at += 4
    cases = live
    died = at
    while not (looked := look(cases, every(beating), at=at)).found:
        cases, at = looked.cases, at + 5
    assert at - died < 30
    assert {(case.suspicion.kind, remedy) for case, remedy in looked.due} == {
        (K.GATEWAY_SILENT, R.DISCONNECT),
        (K.REGION_SILENT, R.DISCONNECT),
    }


def every(store: StoreFacts) -> tuple[Suspicion, ...]:
    return suspected(store, RESTATE, owners=OWNERS, strays=(), in_use=["north"], can_register=True)


STATUSES = st.sampled_from(["running", "suspended", "backing-off", "paused"])
IDS = st.sampled_from(["op_1", "op_2", "op_3"])
INVOCATIONS = st.lists(
    st.builds(
        Invocation,
        id=st.sampled_from(["inv_1", "inv_2", "inv_3"]),
        handler=st.just("Deployments/deploy"),
        status=STATUSES,
        operation_id=st.none() | IDS,
    ),
    max_size=5,
    unique_by=lambda each: each.id,
)
OPERATIONS = st.lists(
    st.builds(
        OpenOperation,
        operation_id=IDS,
        workspace_id=st.just("ws_1"),
        deployment_id=st.just("dep_1"),
        is_deploy=st.booleans(),
        sent=st.booleans(),
        begun=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda each: each.operation_id,
)


@given(OPERATIONS, INVOCATIONS, st.dictionaries(IDS, st.sampled_from(Trace)))
def test_whatever_restate_says(
    operations: list[OpenOperation], invocations: list[Invocation], traces: dict[str, Trace]
) -> None:
    """What Restate carries on is never sent again or ended, and what has begun is never sent again."""
    store = replace(STORE, operations=tuple(operations))
    restate = RestateFacts(missing_services=(), invocations=tuple(invocations), traces=traces)
    owners = {each.operation_id: Owner(workspace_id="ws_1", ended=False) for each in operations}
    found = suspected(store, restate, owners=owners, strays=(), in_use=(), can_register=False)
    assert found == suspected(store, restate, owners=owners, strays=(), in_use=(), can_register=False)
    by_id = {each.operation_id: each for each in operations}
    for each in found:
        if each.kind is K.OPERATION_LOST:
            operation = by_id[each.subject]
            assert operation.sent
            assert traces.get(each.subject) is not Trace.ALIVE
            assert each.remedies != (R.RESEND,) or (not operation.begun and each.subject not in traces)
        if R.KILL in each.remedies and R.RESUME not in each.remedies:
            invocation = next(one for one in invocations if one.id == each.facts["invocation_id"])
            assert invocation.operation_id not in by_id
    assert not {each.kind for each in suspected(store, None, owners={}, strays=(), in_use=(), can_register=False)} & (
        SEEN_IN_RESTATE
    )
