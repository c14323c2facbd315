"""Jobs: commands that run once. What they are, and what their end means. Pure.

A job is begun by whoever holds its claim, and a claim is granted once (`may_begin`). So it never runs twice,
whatever is killed: where nobody can tell how it ended, it has failed, and is not tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from turnout.domain.records import RunSpec
from turnout.domain.statuses import JobStatus
from turnout.domain.waits import Outcome

JOB_ENDED: Final = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})

UNKNOWN: Final = (
    "nobody knows how the release command ended: its machine or its krane was lost while it ran; it is not run "
    "again by itself. Check what it did, then deploy again"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSpec:
    """All that krane needs in order to run one job."""

    id: str
    """An instance id: its output is kept under it."""
    timeout: float
    """Seconds from its start."""
    run: RunSpec
    """The version, with the command of the job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job as the store knows it."""

    id: str
    deployment_id: str
    region: str
    status: JobStatus
    claim: str | None
    """Who may run it: made up by the krane that asked first."""
    wanted: bool
    """Whether it shall run, or may still be asked about; false once it has ended or was given up."""
    present: bool
    """Whether krane may have something left of it."""
    exit_code: int | None
    reason: str | None


def may_begin(job: Job, claim: str) -> JobStatus | None:
    """The status that follows when a krane asks to begin; None when it may not, and nothing changes.

    RUNNING is the one grant. FAILED: somebody else began it and is not there any more to tell how it ended.
    """
    if not job.wanted or job.status in JOB_ENDED:
        return None
    if job.claim is None or job.claim == claim:
        return JobStatus.RUNNING
    return JobStatus.FAILED


def job_ended(job: Job | None) -> Outcome | None:
    """Over when the job has ended; None while it is open."""
    if job is None or job.status not in JOB_ENDED:
        return None
    if job.status is JobStatus.SUCCEEDED:
        return Outcome(ok=True, reason=job.id)
    return Outcome(ok=False, reason=job.reason or "the release command failed")
