"""Passwords of basic auth: checked, and hashed so that neither the store nor Envoy holds one. Pure.

The strength is stated in decision 0043: the gateway computes the hash for each new pair of a name and a
password, on a thread that serves others too, so it may not be as slow as a login's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from turnout.domain.errors import Invalid

ROUNDS: Final = 128
"""Of PBKDF2-HMAC-SHA256."""
SALT_BYTES: Final = 16
PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 128
"""Bytes as UTF-8."""
USERS_MAX: Final = 32
"""Names that one environment lets in."""

_USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_HASH: Final = re.compile(r"pbkdf2-sha256\$[1-9][0-9]{0,5}\$[0-9a-f]{32}\$[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One name that is let in, and what its password is checked by."""

    user: str
    hash: str
    """`pbkdf2-sha256$<rounds>$<salt>$<digest>`, the last two in hexadecimal digits."""


def credential(user: str, password: str, *, salt: bytes) -> Credential:
    """Hash a password. `salt` is SALT_BYTES of randomness. Raises Invalid, and never repeats the password."""
    check_user(user)
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        raise Invalid(f"cannot use this password of {user}: it is not valid text") from None
    if not PASSWORD_MIN <= len(secret) <= PASSWORD_MAX:
        raise Invalid(
            f"cannot use this password of {user}: it has {PASSWORD_MIN} to {PASSWORD_MAX} bytes; "
            "let Turnout make one, or choose a longer one"
        )
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Invalid(f"cannot use this password of {user}: it holds a control character")
    digest = hashlib.pbkdf2_hmac("sha256", secret, salt, ROUNDS)
    return Credential(user=user, hash=f"pbkdf2-sha256${ROUNDS}${salt.hex()}${digest.hex()}")


def check_user(user: str) -> str:
    """Return the name. Raises Invalid."""
    if not _USER.fullmatch(user):
        raise Invalid(
            f"cannot use {user[:70]!r} as a name: it consists of letters, digits and ._@+-, "
            "begins with a letter or digit, and has 64 characters at most"
        )
    return user


def check_credentials(credentials: Iterable[Credential]) -> tuple[Credential, ...]:
    """The credentials, by name. Raises Invalid for too many, or one that no gateway could check."""
    by_user = {each.user: each for each in credentials}
    if len(by_user) > USERS_MAX:
        raise Invalid(f"cannot let in {len(by_user)} names: an environment has {USERS_MAX} at most; remove some")
    for each in by_user.values():
        check_user(each.user)
        if not _HASH.fullmatch(each.hash):
            raise Invalid(f"cannot check the password of {each.user}: its hash is not one of ours")
    return tuple(by_user[user] for user in sorted(by_user))
