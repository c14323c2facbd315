"""When keys and tokens end, as a person says it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from turnout.domain.errors import Invalid
from turnout.domain.keyspaces import hide_keys

_AHEAD: Final = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_expiry(text: str, *, now: datetime) -> datetime:
    """`30d`, `12h`, or a time as ISO 8601 has it (UTC when it names no zone). Raises Invalid, also for the past."""
    try:
        if ahead := _AHEAD.fullmatch(text.strip()):
            moment = now + timedelta(seconds=int(ahead[1]) * _UNITS[ahead[2]])
        else:
            moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"cannot use {hide_keys(text[:40])!r} as an end: write how far ahead, such as 12h or 30d, "
            "or a time such as 2030-01-31T12:00:00Z"
        ) from None
    return check_expiry(moment, now=now)


def check_expiry(moment: datetime, *, now: datetime) -> datetime:
    """Return the moment. Raises Invalid when it is over: what shall end at once is revoked."""
    if moment <= now:
        raise Invalid("cannot let it end in the past; revoke it instead")
    return moment
