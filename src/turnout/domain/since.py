"""`--since`: a while ago, or a point in time. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from turnout.domain.errors import Invalid

_AGO: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_since(text: str, *, now: datetime) -> datetime:
    """`90s`, `10m`, `2h`, `1d`, or a time as ISO 8601 has it (UTC when it names no zone). Raises Invalid."""
    try:
        if ago := _AGO.fullmatch(text.strip()):
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"cannot use {text[:40]!r} as a time: write how long ago, such as 10m or 2h, "
            "or a time such as 2030-01-31T12:00:00Z"
        ) from None
