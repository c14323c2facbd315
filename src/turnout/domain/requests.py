"""Seen traffic: one line of the access log for each request, and which lines somebody wants to see. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Invalid

_CODE: Final = re.compile(r"[1-5][0-9]{2}")
_CLASS: Final = re.compile(r"[1-5]xx")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which requests: all of one project, less what the other fields leave out."""

    project_id: str
    deployment_id: str | None = None
    since: datetime | None = None
    status: Callable[[int], bool] | None = None

    def line(self, line: bytes) -> dict[str, Any] | None:
        """The request of this line as it is shown; None when it is not wanted, or is no whole line of ours."""
        # Most lines are of other projects: looking for its id first costs a tenth of reading the JSON.
        if self.project_id.encode() not in line:
            return None
        request = parse_line(line)
        if request is None or request.get("project_id") != self.project_id:
            return None
        if self.deployment_id is not None and request.get("deployment_id") != self.deployment_id:
            return None
        if self.status is not None and not self.status(request["status"]):
            return None
        if self.since is not None and _at(request) < self.since:
            return None
        return request


def parse_line(line: bytes) -> dict[str, Any] | None:
    """One line of the access log; None when it is damaged: the disk was full, say."""
    try:
        request = json.loads(line)
    except ValueError:
        return None
    return request if isinstance(request, dict) and isinstance(request.get("status"), int) else None


def parse_statuses(text: str) -> Callable[[int], bool]:
    """`404`, `5xx`, or several separated by commas. Raises Invalid."""
    codes: set[int] = set()
    classes: set[int] = set()
    for part in text.lower().split(","):
        word = part.strip()
        if _CODE.fullmatch(word):
            codes.add(int(word))
        elif _CLASS.fullmatch(word):
            classes.add(int(word[0]))
        else:
            raise Invalid(f"cannot use {text[:40]!r} as a status: write such as 404, 5xx, or 404,5xx")
    return lambda status: status in codes or status // 100 in classes


def status_class(status: int) -> str:
    """`2xx` and so on; `none` when the client left before there was an answer."""
    return f"{status // 100}xx" if 100 <= status < 600 else "none"


def _at(request: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(request["at"])
    except (KeyError, TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def request_log(home: Path) -> Path:
    """Where the gateway of this home writes its lines."""
    return home / "gateway" / "requests.log"


def older(log: Path) -> Path:
    """Where the lines go that make room for new ones. The name alone decides which is which: the log is moved
    here first, and its name is there again only when nothing is written into the old file any more."""
    return log.with_name(f"{log.name}.1")
