"""Keyspaces and their keys: who may call an app, how often, and until when. Pure.

A key is 256 random bits behind a prefix, shown to a person once. Turnout keeps its SHA-256 and its first letters:
nobody can guess 256 bits, so one round of a fast hash is all that is needed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal

from turnout.domain.errors import Invalid
from turnout.domain.ids import is_id
from turnout.domain.limits import SLUG_MAX, SLUG_PATTERN, Range

KEY_PREFIX: Final = "tnk_"
KEY_LENGTH: Final = 47
"""Characters of a key, its prefix included."""
START_LENGTH: Final = 10
"""So many of them are kept to be shown, the prefix included: they tell keys apart and give away 36 bits of 256."""

KEYS_MAX: Final = 10_000
"""Keys of one keyspace that are neither revoked nor over: all of them travel with each switch of an app."""

Window = Literal[1, 60, 3600, 86400]
REQUESTS: Final = Range(1, 1_000_000)
WINDOWS: Final[Mapping[str, Window]] = MappingProxyType({"second": 1, "minute": 60, "hour": 3600, "day": 86400})
"""The spans that a limit may be for, in seconds. A gateway has a kind of bucket for each of them."""

_NAME: Final = re.compile(r"[^\x00-\x20\x7f-\xa0](?:[^\x00-\x1f\x7f-\x9f]{0,62}[^\x00-\x20\x7f-\xa0])?")
_LIMIT: Final = re.compile(r"(\d{1,9}) ?(?:/|per) ?([a-z]+)")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY: Final = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """So many requests in such a span."""

    requests: Annotated[int, REQUESTS.constraint]
    seconds: Window
    """One of WINDOWS."""

    def __str__(self) -> str:
        unit = next(name for name, seconds in WINDOWS.items() if seconds == self.seconds)
        return f"{self.requests}/{unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyspace:
    """A set of keys that belong together; deployments name the one whose keys they ask for."""

    id: str
    workspace_id: str
    slug: str
    limit: RateLimit | None
    """For each of its keys that has no limit of its own; None: they may call as often as they like."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """What is kept of a key. The secret is not."""

    id: str
    keyspace_id: str
    name: str
    start: str
    limit: RateLimit | None
    """Its own; None takes that of its keyspace."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """`good`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "good"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key as it is made. `secret` is for the person who asked, and is written nowhere."""

    secret: str = field(repr=False)
    sha256: str
    start: str


def new_key(entropy: bytes | None = None) -> NewKey:
    """Make a key of 32 random bytes. `entropy` is given by tests only."""
    number = int.from_bytes(secrets.token_bytes(32) if entropy is None else entropy, "big")
    digits = []
    for _ in range(KEY_LENGTH - len(KEY_PREFIX)):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    secret = KEY_PREFIX + "".join(digits)
    return NewKey(secret=secret, sha256=hash_key(secret), start=secret[:START_LENGTH])


def hash_key(secret: str) -> str:
    """What the store and the gateways know of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hide_keys(text: str) -> str:
    """The text without what looks like a key: somebody may have typed one where something else belongs."""
    return _KEY.sub(f"{KEY_PREFIX}…", text)


def check_key_name(name: str) -> str:
    """Return the name. Raises ValueError when a person could not read it in a list."""
    if not _NAME.fullmatch(name) or KEY_PREFIX in name:
        raise ValueError("has to be 1 to 64 printable characters, without spaces at the ends, and not a key itself")
    return name


def check_reference(text: str) -> str:
    """Return the text. Raises ValueError when it is neither the id nor the name of a keyspace."""
    if not is_id(text, "ks") and (len(text) > SLUG_MAX or not re.fullmatch(SLUG_PATTERN, text)):
        raise ValueError("has to be the name or the id of a keyspace, as `turnout keyspaces ls` prints them")
    return text


def parse_limit(text: str) -> RateLimit:
    """`100/minute`, `5 per second`. Raises Invalid."""
    found = _LIMIT.fullmatch(text.strip().lower())
    seconds = WINDOWS.get(found[2].removesuffix("s")) if found else None
    if found is None or seconds is None or int(found[1]) not in REQUESTS:
        raise Invalid(f"cannot use {hide_keys(text[:40])!r} as a limit: {_LIMIT_FORM}")
    return RateLimit(requests=int(found[1]), seconds=seconds)


_LIMIT_FORM: Final = f"write a number {REQUESTS}, a slash and one of {', '.join(WINDOWS)}, such as 100/minute"
