"""What a workflow waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.records import Instance
from turnout.domain.statuses import InstanceStatus
from turnout.domain.waits import (
    GatewayRecord,
    Outcome,
    generation_acknowledged,
    instances_gone,
    instances_running,
    unacknowledged,
)

S = InstanceStatus
NOW = datetime(2030, 1, 1, tzinfo=UTC)
OPEN = None
DONE = Outcome(ok=True)


def instances(*statuses: S, reason: str | None = None) -> list[Instance]:
    return [
        Instance(
            id=f"ins_{slot}",
            deployment_id="dep_1",
            region="local",
            slot=slot,
            status=status,
            address=None,
            reason=reason,
            registered=False,
        )
        for slot, status in enumerate(statuses)
    ]


def gateway(
    name: str, generation: int, *, connected: bool = True, after: float = 0, refused: int | None = None
) -> GatewayRecord:
    return GatewayRecord(
        id=name,
        region="local",
        connected=connected,
        acknowledged_generation=generation,
        acknowledged_at=NOW + timedelta(seconds=after) if generation else None,
        error=None if refused is None else "bad cluster",
        error_generation=refused,
    )


@pytest.mark.parametrize(
    ("statuses", "wanted", "outcome"),
    [
        ((), 1, OPEN),
        ((S.PENDING,), 1, OPEN),
        ((S.STARTING,), 1, OPEN),
        ((S.RUNNING,), 1, DONE),
        ((S.RUNNING,), 2, OPEN),
        ((S.RUNNING, S.STARTING), 2, OPEN),
        ((S.RUNNING, S.RUNNING), 2, DONE),
        ((S.RUNNING, S.RUNNING, S.RUNNING), 2, DONE),
        ((S.GONE, S.RUNNING), 1, DONE),
        ((S.GONE,), 1, OPEN),
    ],
)
def test_instances_running(statuses: tuple[S, ...], wanted: int, outcome: Outcome | None) -> None:
    """Over when as many run as are wanted; those that are gone do not count."""
    assert instances_running(instances(*statuses), wanted=wanted) == outcome


def test_one_failed_instance_ends_the_wait() -> None:
    """The first that fails is the reason, even when enough others run."""
    failed = instances(S.RUNNING, S.FAILED, reason="exited with 3: no module named app")
    assert instances_running(failed, wanted=1) == Outcome(ok=False, reason="exited with 3: no module named app")
    assert instances_running(instances(S.FAILED), wanted=1) == Outcome(ok=False, reason="instance ins_0 failed")


@given(st.lists(st.sampled_from(S), max_size=6), st.integers(1, 4))
def test_a_wait_is_never_over_early(statuses: list[S], wanted: int) -> None:
    """It ends well only with enough running and none failed, and badly only with a failed one."""
    outcome = instances_running(instances(*statuses), wanted=wanted)
    expected = OPEN
    if S.FAILED in statuses:
        expected = Outcome(ok=False, reason=f"instance ins_{statuses.index(S.FAILED)} failed")
    elif statuses.count(S.RUNNING) >= wanted:
        expected = DONE
    assert outcome == expected


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [((), DONE), ((S.GONE,), DONE), ((S.GONE, S.RUNNING), OPEN), ((S.FAILED,), OPEN), ((S.PENDING,), OPEN)],
)
def test_instances_gone(statuses: tuple[S, ...], outcome: Outcome | None) -> None:
    """Over when nothing is left; an instance that failed is still there until krane removed it."""
    assert instances_gone(instances(*statuses)) == outcome


def test_every_connected_gateway_acknowledges() -> None:
    """The slowest gateway gives the measured time; one that is not connected is not waited for."""
    outcome = generation_acknowledged(
        [gateway("a", 5, after=0.25), gateway("b", 6, after=0.5), gateway("c", 1, connected=False)],
        generation=5,
        committed_at=NOW,
    )
    assert outcome == Outcome(ok=True, propagation_ms=500.0)


@pytest.mark.parametrize(
    "gateways",
    [
        [],
        [gateway("a", 9, connected=False)],
        [gateway("a", 5), gateway("b", 4)],
        [gateway("a", 4, refused=4)],
        [gateway("a", 5), gateway("b", 4, connected=True, refused=3)],
    ],
)
def test_not_acknowledged_yet(gateways: list[GatewayRecord]) -> None:
    """Open while one is behind, or while none is connected; what was refused earlier says nothing about now."""
    assert generation_acknowledged(gateways, generation=5, committed_at=NOW) is OPEN


def test_a_refusal_ends_the_wait() -> None:
    """A gateway that refuses this generation or a later one is named with what it said."""
    for refused in (5, 6):
        outcome = generation_acknowledged(
            [gateway("a", 5), gateway("b", 4, refused=refused)], generation=5, committed_at=NOW
        )
        assert outcome == Outcome(ok=False, reason="gateway b refused the configuration: bad cluster")


def test_a_gateway_that_goes_on_after_a_refusal_still_does_not_serve_the_refused_one() -> None:
    """It confirms later generations, which says nothing about the one it refused; earlier ones are not touched."""
    gateways = [gateway("a", 6, refused=5)]
    outcomes = [generation_acknowledged(gateways, generation=each, committed_at=NOW) for each in (4, 5, 6)]
    assert [outcome is not None and outcome.ok for outcome in outcomes] == [True, False, True]


def test_time_never_runs_backwards() -> None:
    """Clocks of two machines may differ: a negative propagation is reported as none."""
    outcome = generation_acknowledged([gateway("a", 5, after=-3)], generation=5, committed_at=NOW)
    assert outcome == Outcome(ok=True, propagation_ms=0.0)


def test_the_sentence_of_a_degraded_operation() -> None:
    """It says that the switch is done, and who is behind or that nobody is there."""
    behind = unacknowledged(
        [gateway("b", 4), gateway("a", 3), gateway("c", 5), gateway("d", 0, connected=False)], generation=5
    )
    assert "committed" in behind
    assert behind.endswith("in time: a, b")
    assert "no gateway is connected" in unacknowledged([gateway("d", 9, connected=False)], generation=5)
