"""External account binding: an ACME account that belongs to one elsewhere, where the authority asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from turnout.domain.errors import Invalid


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalAccount:
    """An account elsewhere that an ACME account is bound to, where the server asks for it."""

    kid: str
    hmac_key: str = field(repr=False)
    """Base64url, as the authority gave it out."""


def external_account(kid: str, key_file: str) -> ExternalAccount | None:
    """The account that two settings name; None when neither is set. Raises Invalid for one alone, and for no key."""
    if not kid and not key_file:
        return None
    if not kid or not key_file:
        raise Invalid("cannot bind an account: set both TURNOUT_ACME_EAB_KID and TURNOUT_ACME_EAB_KEY_FILE")
    try:
        hmac_key = Path(key_file).expanduser().read_text(encoding="ascii").strip().rstrip("=")
    except (OSError, UnicodeDecodeError):
        raise Invalid(
            f"cannot bind an account: {key_file} cannot be read; name it in TURNOUT_ACME_EAB_KEY_FILE"
        ) from None
    if not re.fullmatch(r"[A-Za-z0-9_-]+", hmac_key):
        raise Invalid(f"cannot bind an account: {key_file} does not hold an HMAC key in base64url")
    return ExternalAccount(kid=kid, hmac_key=hmac_key)
