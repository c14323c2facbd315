"""When a job may begin, and what an observation makes of what it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from turnout.domain.jobs import UNKNOWN, Job, job_ended, may_begin
from turnout.domain.observation import Observation, incident, may_end, sentence
from turnout.domain.statuses import (
    OBSERVED_TRANSITIONS,
    OPERATION_TERMINAL,
    InstanceStatus,
    JobStatus,
    ObservationStatus,
    OperationStatus,
)
from turnout.krane.job import judge_end
from turnout.krane.ports import Observation as Seen
from turnout.krane.ports import Presence

JOB = Job(
    id="ins_x",
    deployment_id="dep_x",
    region="local",
    status=JobStatus.PENDING,
    claim=None,
    wanted=True,
    present=False,
    exit_code=None,
    reason=None,
)
OBSERVATION = Observation(
    operation_id="op_x",
    deployment_id="dep_x",
    took_live=True,
    status=ObservationStatus.OPEN,
    until_at=datetime(2030, 1, 1, tzinfo=UTC),
    incident=None,
    note=None,
    rollback_operation_id=None,
)
RUNNING = replace(JOB, status=JobStatus.RUNNING, claim="a")


@pytest.mark.parametrize(
    ("job", "claim", "follows"),
    [
        pytest.param(JOB, "a", JobStatus.RUNNING, id="the first to ask"),
        pytest.param(RUNNING, "a", JobStatus.RUNNING, id="the same again"),
        pytest.param(RUNNING, "b", JobStatus.FAILED, id="somebody else"),
        pytest.param(replace(JOB, wanted=False), "a", None, id="given up"),
        pytest.param(replace(RUNNING, status=JobStatus.SUCCEEDED), "a", None, id="after success"),
        pytest.param(replace(RUNNING, status=JobStatus.FAILED), "b", None, id="after failure"),
    ],
)
def test_a_claim_is_granted_once(job: Job, claim: str, follows: JobStatus | None) -> None:
    """To one word, for ever; never after an end."""
    assert may_begin(job, claim) is follows


def test_a_wait_for_a_job_ends_with_it() -> None:
    """Open before, then good or bad with its reason."""
    assert job_ended(None) is None
    assert job_ended(RUNNING) is None
    good = job_ended(replace(RUNNING, status=JobStatus.SUCCEEDED))
    bad = job_ended(replace(RUNNING, status=JobStatus.FAILED, reason="code 3"))
    assert good is not None
    assert good.ok
    assert bad is not None
    assert (bad.ok, bad.reason) == (False, "code 3")


@pytest.mark.parametrize(
    ("seen", "status", "word"),
    [
        (Seen(presence=Presence.EXITED, exit_code=0), JobStatus.SUCCEEDED, None),
        (Seen(presence=Presence.EXITED, exit_code=3), JobStatus.FAILED, "code 3"),
        (Seen(presence=Presence.EXITED, exit_code=-9), JobStatus.FAILED, "SIGKILL"),
        (Seen(presence=Presence.EXITED, exit_code=0, reason="used too much"), JobStatus.FAILED, "used too much"),
        (Seen(presence=Presence.EXITED), JobStatus.FAILED, UNKNOWN),
        (Seen(presence=Presence.MISSING), JobStatus.FAILED, UNKNOWN),
    ],
)
def test_only_a_known_good_end_is_good(seen: Seen, status: JobStatus, word: str | None) -> None:
    """What nobody knows counts as failed."""
    found, reason = judge_end(seen, 1.0)
    assert found is status
    assert (reason is None) if word is None else (word in (reason or ""))


_R, _S = InstanceStatus.RUNNING, InstanceStatus.STARTING


@pytest.mark.parametrize(
    ("before", "now", "restarts", "reason"),
    [
        (_R, _S, 0, "exited"),
        (_R, InstanceStatus.FAILED, 0, "exited"),
        (_R, _R, 1, "an instance ended and was restarted"),
    ],
)
def test_an_incident(before: InstanceStatus, now: InstanceStatus, restarts: int, reason: str) -> None:
    """Left running, or was restarted between two looks."""
    told = "exited" if now is not _R else None
    assert incident(before=before, restarts_before=0, now=now, restarts=restarts, reason=told) == reason


@pytest.mark.parametrize(("before", "now"), [(None, _S), (_S, _S), (_S, _R), (_R, _R)])
def test_no_incident(before: InstanceStatus | None, now: InstanceStatus) -> None:
    """What starts, becomes well or goes on."""
    assert incident(before=before, restarts_before=0, now=now, restarts=0, reason="x") is None


def test_an_observation_ends_early_at_an_incident_or_when_nothing_is_left() -> None:
    """Else it waits for its time."""
    assert may_end(OBSERVATION, watched=True) is None
    assert may_end(OBSERVATION, watched=False) is not None
    outcome = may_end(replace(OBSERVATION, incident="exited"), watched=True)
    assert outcome is not None
    assert not outcome.ok
    assert "exited" in sentence(replace(OBSERVATION, incident="exited"))


def test_success_stays_terminal_for_everybody_else() -> None:
    """Only the observation's own table leads on from an end, and only to degraded."""
    assert OperationStatus.SUCCEEDED in OPERATION_TERMINAL
    assert {OperationStatus.SUCCEEDED: frozenset({OperationStatus.DEGRADED})} == OBSERVED_TRANSITIONS
