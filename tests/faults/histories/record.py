"""What was asked in a batch and what was answered: written down by the runner, judged afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.histories.choices import Choice
from tests.faults.histories.mishaps import Fault


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to the API, and its answer."""

    choice: Choice
    status: int
    answer: Any
    """Its JSON."""
    about: str | None = None
    """The operation or deployment it was about, where the choice named one."""

    @property
    def accepted(self) -> bool:
        """Whether it was not refused."""
        return 200 <= self.status < 300


@dataclass(kw_only=True)
class Record:
    """A batch as it went."""

    number: int
    warm: bool
    propagation_seconds: float
    requests: dict[str, list[Request]] = field(default_factory=dict)
    """By project, in order. Those of one choice that was asked twice are neighbours, in any order."""
    faults: list[Fault] = field(default_factory=list)
    confirmed: dict[int, datetime] = field(default_factory=dict)
    """When the gateway confirmed which generation, by its own account."""
