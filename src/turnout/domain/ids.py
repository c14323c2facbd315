"""Identifiers: a prefix that says what it names, then a time-ordered, collision-free body.

The body is 26 characters of Crockford's base 32, lower case: 48 bits of milliseconds since 1970, then 80
random bits (the ULID layout). So ids sort by the time they were made, and two machines need not agree on
anything to make different ones.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Final, Literal, get_args

Prefix = Literal[
    "ws",
    "prj",
    "env",
    "dep",
    "op",
    "ins",
    "rte",
    "sw",
    "tok",
    "krg",
    "dek",
    "mk",
    "ks",
    "key",
    "dom",
    "crt",
    "iss",
]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_BODY_LENGTH: Final = 26
_PATTERN: Final = re.compile(rf"({'|'.join(get_args(Prefix))})_[0-7][0-9a-hjkmnp-tv-z]{{25}}")


def new_id(prefix: Prefix, *, at_ms: int | None = None, entropy: int | None = None) -> str:
    """Return a new id such as `dep_01jd…`.

    `at_ms` (milliseconds since 1970) and `entropy` (80 bits) are given by tests only. Never called from
    workflow code outside a step: a replay must find the id it made the first time.
    """
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    entropy = secrets.randbits(80) if entropy is None else entropy
    number = (at_ms & (2**48 - 1)) << 80 | (entropy & (2**80 - 1))
    body = "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_BODY_LENGTH - 1), -1, -5))
    return f"{prefix}_{body}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` has the form of an id of that kind; says nothing about whether it exists."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None


def short(identifier: str) -> str:
    """The last ten characters of an id: 50 random bits, enough to tell the versions of one project apart."""
    return identifier[-10:]
