"""The JSON of jobs and of observations; `documents` has the rest of what travels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from turnout.domain.statuses import JobStatus, ObservationStatus


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ObservationDocument(_Answer):
    """What the first time after a deploy's switch showed."""

    operation_id: str
    deployment_id: str
    status: ObservationStatus
    until: datetime
    reason: str | None
    rollback_operation_id: str | None


class JobReport(_Document):
    """What became of one job. The end is told until the server no longer desires the job."""

    id: str
    status: JobStatus
    exit_code: int | None = None
    reason: Annotated[str, StringConstraints(max_length=8000)] | None = None
    gone: bool = False
    """Nothing is left of it at krane."""


class JobClaim(_Document):
    """A krane asks to begin a job; `claim` is its own word for itself, the same whenever it asks."""

    claim: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class JobGrant(_Answer):
    """Whether it may."""

    granted: bool
