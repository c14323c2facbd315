"""One job's life at krane: what is remembered of it, and what its end means."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from turnout.domain.job_documents import JobReport
from turnout.domain.jobs import UNKNOWN, JobSpec
from turnout.domain.statuses import JobStatus
from turnout.krane.files import instances_folder, read_json, write_atomically
from turnout.krane.instance import describe_exit
from turnout.krane.ports import Observation, Presence

STOPPED: Final = "the release command was stopped before it had ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEntry:
    """What krane must remember of a job."""

    spec: JobSpec
    claim: str
    """The word krane goes by when it asks to begin."""
    begun: bool = False
    """Whether a backend may have been asked to start it. Written before it is: from then on it is never started
    by a later krane."""
    status: JobStatus = JobStatus.PENDING
    exit_code: int | None = None
    reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether its end is known, if only as unknown."""
        return self.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)

    def report(self, *, gone: bool = False) -> JobReport:
        """How it is, as the server is told."""
        reason = self.reason[:8000] if self.reason else None
        return JobReport(id=self.spec.id, status=self.status, exit_code=self.exit_code, reason=reason, gone=gone)


def judge_end(observation: Observation, elapsed: float | None) -> tuple[JobStatus, str | None]:
    """What it means that a begun job is not alive. Without a code nobody knows, and that counts as failed."""
    if observation.presence is Presence.MISSING:
        return JobStatus.FAILED, UNKNOWN
    if observation.exit_code is None and observation.reason is None:
        return JobStatus.FAILED, UNKNOWN
    if observation.exit_code == 0 and observation.reason is None:
        return JobStatus.SUCCEEDED, None
    return JobStatus.FAILED, f"the release command {describe_exit(observation, elapsed)}"


_ADAPTER = TypeAdapter(JobEntry)


class JobLedger:
    """The entries of one home, each in the folder of its id."""

    def __init__(self, home: Path) -> None:
        self._folder = instances_folder(home)

    def entries(self) -> list[JobEntry]:
        """Every entry that can be read, oldest first."""
        found: list[JobEntry] = []
        for path in sorted(self._folder.glob("*/job.json")):
            try:
                entry = _ADAPTER.validate_python(read_json(path))
            except ValidationError:
                continue
            if entry.spec.id == path.parent.name:
                found.append(entry)
        return found

    def write(self, entry: JobEntry) -> None:
        """Remember, so that not even a loss of power makes krane forget. Raises OSError."""
        path = self._folder / entry.spec.id / "job.json"
        write_atomically(path, _ADAPTER.dump_python(entry, mode="json"))
        for each in (path, path.parent):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
