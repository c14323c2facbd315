"""Challenges: paths that the gateways answer by themselves, for a while, in front of any app.

The HTTP proof of a custom domain is one, the HTTP-01 challenge of a certificate authority another.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from turnout.domain.errors import Invalid

BODY_MAX: Final = 4096
"""Bytes of an answer: what Envoy takes without being told otherwise."""
_PATH: Final = re.compile(r"/\.well-known/[A-Za-z0-9._~-]{1,64}/[A-Za-z0-9._~-]{1,256}")
_BODY: Final = re.compile(r"[\x20-\x7e\n]*")


class ChallengePurpose(StrEnum):
    """Who asks."""

    PROOF = "proof"
    """Turnout itself, for the proof of a custom domain."""
    CERTIFICATE = "certificate"
    """A certificate authority, before it signs."""


def check_challenge(path: str, body: str) -> None:
    """Raise Invalid for what no gateway shall answer: nothing but small texts under `/.well-known/`."""
    if not _PATH.fullmatch(path) or path.rpartition("/")[2] in {".", ".."}:
        raise Invalid("cannot answer this challenge: its path is not of the form /.well-known/<protocol>/<token>")
    if len(body.encode()) > BODY_MAX or not _BODY.fullmatch(body):
        raise Invalid(f"cannot answer this challenge: it has to be plain ASCII text of at most {BODY_MAX} bytes")
