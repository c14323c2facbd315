"""The table of an instance's life, and what follows from what is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.rows import Row
from turnout.domain.errors import IllegalTransition
from turnout.domain.records import HealthCheck
from turnout.domain.statuses import InstanceStatus
from turnout.krane.health import Verdict
from turnout.krane.instance import (
    TABLE,
    Event,
    Life,
    Phase,
    advance,
    backoff,
    check_interval,
    describe_exit,
    ended,
    judge,
)
from turnout.krane.ports import Observation, Presence
from turnout.krane.settings import KraneSettings

SETTINGS = KraneSettings(home=Path("/h"), region="here")
HEALTH = HealthCheck(passes=3, deadline=10)
PASS = Verdict(passed=True, detail="worked")
FAIL = Verdict(passed=False, detail="connection refused")


def follow(*events: Event, at: float = 0.0) -> Life:
    life = Life()
    for event in events:
        life = advance(life, event, now=at, settings=SETTINGS)
    return life


RUNNING = (Event.STARTED, Event.PASSED)


def test_every_phase_can_be_stopped_and_every_phase_is_reached() -> None:
    """The table is complete: no phase is a dead end but GONE, none is unreachable."""
    assert {phase for phase, event in TABLE if event is Event.STOP} == set(Phase) - {Phase.STOPPING, Phase.GONE}
    assert set(TABLE.values()) | {Phase.PENDING} == set(Phase)
    assert {phase for phase, _ in TABLE} == set(Phase) - {Phase.GONE}


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_only_the_table_decides(events: list[Event]) -> None:
    """Any sequence either follows the table or raises; what ran once is never FAILED by way of LOST."""
    life = Life()
    for event in events:
        expected = TABLE.get((life.phase, event))
        if expected is None:
            with pytest.raises(IllegalTransition):
                advance(life, event, now=1.0, settings=SETTINGS)
            continue
        after = advance(life, event, now=1.0, settings=SETTINGS)
        assert after.phase is expected
        assert after.ever_ready >= life.ever_ready
        assert after.restarts >= life.restarts
        assert (after.status is InstanceStatus.RUNNING) is (after.phase is Phase.RUNNING)
        life = after


def test_ending_before_the_first_pass_is_failure_and_after_it_a_loss() -> None:
    """The one distinction that decides about a restart."""
    assert ended(follow(Event.STARTED)) is Event.DIED
    assert ended(follow(*RUNNING)) is Event.LOST
    assert follow(Event.STARTED, Event.DIED).status is InstanceStatus.FAILED
    assert follow(*RUNNING, Event.LOST).status is InstanceStatus.STARTING
    assert follow(*RUNNING, Event.LOST, Event.RETRY).status is InstanceStatus.STARTING


@pytest.mark.fault(Row.BAD_INSTANCES)
def test_passes_have_to_come_in_a_row() -> None:
    """A failure in between starts the count anew."""
    life, events = follow(Event.STARTED), []
    for verdict in (PASS, PASS, FAIL, PASS, PASS, PASS):
        life, event = judge(life, verdict, health=HEALTH, now=1.0, settings=SETTINGS)
        events.append(event)
    assert events == [None] * 5 + [Event.PASSED]


def test_the_deadline_counts_from_the_start() -> None:
    """A failed check after it ends the wait, as what it is for that life."""
    life = follow(Event.STARTED, at=100.0)
    assert judge(life, FAIL, health=HEALTH, now=109.9, settings=SETTINGS)[1] is None
    assert judge(life, FAIL, health=HEALTH, now=110.0, settings=SETTINGS)[1] is Event.DIED
    unwell = advance(follow(*RUNNING), Event.UNWELL, now=100.0, settings=SETTINGS, reason="sick")
    assert (unwell.status, unwell.reason) == (InstanceStatus.STARTING, "sick")
    assert judge(unwell, FAIL, health=HEALTH, now=110.0, settings=SETTINGS)[1] is Event.LOST


def test_three_failures_in_a_row_make_unwell() -> None:
    """Two are forgiven."""
    life, events = follow(*RUNNING), []
    for verdict in (FAIL, FAIL, PASS, FAIL, FAIL, FAIL):
        life, event = judge(life, verdict, health=HEALTH, now=1.0, settings=SETTINGS)
        events.append(event)
    assert events == [None] * 5 + [Event.UNWELL]


def test_backoff_doubles_to_its_end_and_is_forgiven_after_a_minute() -> None:
    """0.2 s, 0.4 s, … 30 s; a minute of health and the next is the first again."""
    assert [backoff(streak, SETTINGS) for streak in (1, 2, 3, 8, 9, 10_000)] == [0.2, 0.4, 0.8, 25.6, 30.0, 30.0]
    again = (Event.LOST, Event.RETRY, Event.STARTED, Event.PASSED)
    life = follow(*RUNNING, *again, *again)
    assert (life.streak, life.restarts) == (2, 2)
    assert advance(life, Event.LOST, now=59.0, settings=SETTINGS).streak == 3
    assert advance(life, Event.LOST, now=60.0, settings=SETTINGS).streak == 1


def test_running_is_checked_at_leisure() -> None:
    """As asked for until it runs; then every two seconds, or less often if that was asked for."""
    assert check_interval(follow(Event.STARTED), HealthCheck(interval=0.05), SETTINGS) == 0.05
    assert check_interval(follow(Event.STARTED), HealthCheck(interval=0.5), SETTINGS) == SETTINGS.eager_interval
    patient = replace(follow(Event.STARTED), fails=SETTINGS.eager_checks)
    assert check_interval(patient, HealthCheck(interval=0.5), SETTINGS) == 0.5
    once = replace(follow(Event.STARTED), passes=1)
    assert check_interval(once, HealthCheck(interval=0.5), SETTINGS) == 0.5
    assert check_interval(follow(*RUNNING), HealthCheck(interval=0.1), SETTINGS) == 2.0
    assert check_interval(follow(*RUNNING), HealthCheck(interval=5), SETTINGS) == 5


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [
        (Observation(presence=Presence.EXITED, exit_code=1), "exited with code 1 after 0.3 s"),
        (Observation(presence=Presence.EXITED, exit_code=-9), "was ended by signal 9 (SIGKILL) after 0.3 s"),
        (Observation(presence=Presence.EXITED), "ended while no krane was there to see its exit code"),
        (Observation(presence=Presence.EXITED, exit_code=137, reason="ate it all"), "ate it all after 0.3 s"),
    ],
)
def test_exits_in_words(observation: Observation, sentence: str) -> None:
    """The beginning of the reason a person reads."""
    assert describe_exit(observation, 0.3) == sentence
