"""What proves that a name is its owner's, and who goes and looks. Pure, but for the ports.

| method | where | what |
|---|---|---|
| txt | the TXT record `_turnout.<fqdn>` | `turnout-verify=<token>` |
| http | `http://<fqdn>/.well-known/turnout/<token>` | `turnout-verify=<hash>` |

The token is drawn for one claim, so one project's record proves nothing for another one. The HTTP answer is not the
token but a hash of token, name and project: a server that echoes what it was asked proves nothing either.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

RECORD_PREFIX: Final = "_turnout."
HTTP_FOLDER: Final = "/.well-known/turnout/"
_VALUE: Final = "turnout-verify="


class ProofMethod(StrEnum):
    """How a name was proved."""

    TXT = "txt"
    HTTP = "http"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a proof has to show."""

    fqdn: str
    project_id: str
    token: str

    @property
    def record_name(self) -> str:
        """The name of the TXT record."""
        return f"{RECORD_PREFIX}{self.fqdn}"

    @property
    def record_value(self) -> str:
        """What the TXT record has to say; others may stand beside it."""
        return f"{_VALUE}{self.token}"

    @property
    def http_path(self) -> str:
        """What is asked of the name's web server."""
        return f"{HTTP_FOLDER}{self.token}"

    @property
    def http_answer(self) -> str:
        """What it has to answer, but for white space around it."""
        bound = f"{self.token}\n{self.fqdn}\n{self.project_id}"
        return f"{_VALUE}{hashlib.sha256(bound.encode()).hexdigest()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one look showed. Small: it goes into the journal."""

    method: ProofMethod | None
    """What proves the claim; None when nothing does yet."""
    problem: str | None
    """What was seen instead, as a sentence."""


class NotSeenError(Exception):
    """Why something was not seen, as the end of a sentence: `there is no such record`."""


class TxtRecords(Protocol):
    """Looks TXT records up."""

    async def txt(self, name: str) -> tuple[str, ...]:
        """The texts of all TXT records of a name, in bounded time. Raises NotSeenError."""
        ...


class Addresses(Protocol):
    """Looks up where a name leads."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Its IP addresses, in bounded time; at least one. Raises NotSeenError."""
        ...


class Pages(Protocol):
    """Fetches what a name's web server answers."""

    async def text(self, host: str, path: str) -> str:
        """A short text, in bounded time. Raises NotSeenError; never asks anybody but `host` itself."""
        ...


class Prover(Protocol):
    """Goes and looks whether a claim is proved."""

    async def look(self, claim: Claim) -> Finding:
        """One look at everything that could prove it, in bounded time. Raises nothing that the world can cause."""
        ...


def judge_records(claim: Claim, texts: tuple[str, ...]) -> str | None:
    """None when one of the records proves the claim, else what is wrong, as the end of a sentence."""
    if claim.record_value in {text.strip() for text in texts}:
        return None
    seen = ", ".join(repr(text if len(text) <= 60 else f"{text[:57]}…") for text in sorted(texts)[:3])
    return f"it says {seen or 'nothing'}, not {claim.record_value!r}"


def judge_page(claim: Claim, text: str) -> str | None:
    """The same of a page. What it says is not repeated: it may be anything."""
    return None if text.strip() == claim.http_answer else "it answers with something else"
