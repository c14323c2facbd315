"""Custom domains: names of the user's own that a project asks for, proves and is then routed by.

A row of `domains` is one project's claim to one name. Several projects may claim a name; one may prove it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import idna

from turnout.domain.errors import Conflict, Invalid
from turnout.domain.hostnames import FQDN_MAX, is_under, normalise
from turnout.domain.proofs import RECORD_PREFIX, ProofMethod

DOMAIN_MAX: Final = FQDN_MAX - len(RECORD_PREFIX)
"""Characters of a custom domain, so that the record that proves it is a legal name too."""

_TOO_LONG: Final = f"it is longer than {DOMAIN_MAX} characters, and the record that proves it has to fit too"
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
"""Other scripts' full stops, which browsers take for dots."""


class DomainStatus(StrEnum):
    """How far a claim has got."""

    PENDING = "pending"
    """Its proof is being looked for."""
    VERIFIED = "verified"
    """Proved: the name is this project's."""
    FAILED = "failed"
    """No proof until the deadline, or another project's came first. It may be asked for again."""
    REMOVED = "removed"
    """Given up. The row stays for those who look back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomDomain:
    """One project's claim to one name."""

    id: str
    fqdn: str
    """As DNS has it: lower case, A-labels, no trailing dot."""
    project_id: str
    status: DomainStatus
    token: str
    """What the owner publishes. Drawn for this claim; public as soon as it is published."""
    method: ProofMethod | None
    """What proved it."""
    problem: str | None
    """What the last check saw, as a sentence; None when all is well."""
    round: int
    """Counts how often somebody asked for checks. The checks of an earlier round end by themselves."""
    checked_round: int
    """The newest round of which a check is over, with all that follows from it."""
    asked_at: datetime
    deadline_at: datetime
    """The proof is looked for until then."""
    checked_at: datetime | None
    verified_at: datetime | None
    deployment_id: str | None = None
    """What the name leads to now; None while it is not routed."""
    gateway_answers: bool = False
    """Whether the gateways answer the HTTP proof by themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsentCheck:
    """A round of checks that the workflows may not have heard of."""

    domain_id: str
    round: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What became of a claim by a check. A repeat finds the same."""

    status: DomainStatus
    generation: int | None
    """Of the transaction that proved it, for whoever waits for the gateways."""
    again_in: float | None
    """Seconds until the next check of this round; None: there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Who has a name already, as a project that asks for it may know."""

    holder: str | None
    """The project that has proved it or is routed by it."""
    is_of_workspace: bool
    """Whether that project is of the same workspace, so that it may be named."""
    is_generated: bool
    """Whether it is a name that Turnout made."""
    claimed: int
    """How many names the asking project has."""
    limit: int


def check_domain(text: str, *, apex: str) -> str:
    """The name as DNS has it. Raises Invalid, with a sentence, for what can be no custom domain here.

    Names in other scripts are mapped as browsers do it (UTS 46) and become A-labels (`xn--…`).
    """
    name = _bare(text)
    _refuse_what_is_no_name(text, name)
    fqdn = _encoded(text, name)
    labels = fqdn.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise _refusal(text, "it is an IP address; only names can be proved and routed")
    if len(labels) < 2:
        raise _refusal(text, "it has one label only; write the whole name, such as app.example.com")
    if fqdn == apex or is_under(fqdn, apex):
        raise _refusal(text, f"names under {apex} are Turnout's own, which it makes for every deployment")
    return fqdn


def readable(fqdn: str) -> str:
    """The name as a person writes it; the same as `fqdn` where that is plain."""
    try:
        return idna.decode(fqdn)
    except idna.IDNAError:
        return fqdn


def may_claim(fqdn: str, standing: Standing) -> Conflict | None:
    """Whether a project may ask for a name: nobody else has it, and it has not too many."""
    if standing.is_generated:
        return Conflict(f"cannot add {fqdn}: Turnout made this name for a deployment, under an earlier apex")
    if standing.holder is not None:
        whose = f"the project {standing.holder}" if standing.is_of_workspace else "somebody else"
        return Conflict(f"cannot add {fqdn}: {whose} has proved it already; have it removed there first")
    if standing.claimed >= standing.limit:
        return Conflict(
            f"cannot add {fqdn}: the project has {standing.claimed} domains, and no more than {standing.limit} are "
            "allowed; remove one with `turnout domains rm`"
        )
    return None


def pause_after(check: int, *, first: float, longest: float) -> float:
    """Seconds until the next look, after look number `check` (0 is the first) of a round."""
    return float(min(longest, first * 1.5 ** min(check, 40)))


def _bare(text: str) -> str:
    return _DOTS.sub(".", text.strip()).removesuffix(".")


def _refuse_what_is_no_name(text: str, name: str) -> None:
    """What people paste: each with the word for it, since "not a legal name" helps nobody."""
    if not name:
        raise _refusal(text, "it is empty")
    if name.endswith("."):
        raise _refusal(text, "it is not a legal host name")
    if "*" in name:
        raise _refusal(text, "a wildcard can be neither proved nor routed; add each name by itself")
    if "://" in name or "/" in name:
        raise _refusal(text, "it looks like a URL; write the host name alone, such as app.example.com")
    if _is_address(name):
        raise _refusal(text, "it is an IP address; only names can be proved and routed")
    if ":" in name:
        raise _refusal(text, "it has a port; write the host name alone, such as app.example.com")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").partition("]")[0].partition("%")[0])
    except ValueError:
        return False
    return True


def _encoded(text: str, name: str) -> str:
    if len(name) > 4 * FQDN_MAX:  # encoding costs more than it takes to see that
        raise _refusal(text, _TOO_LONG)
    try:
        fqdn = name if name.isascii() else idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
        if len(fqdn) > DOMAIN_MAX:
            raise _refusal(text, _TOO_LONG)
        fqdn = normalise(fqdn)
        for label in fqdn.split("."):
            if label.startswith("xn--"):
                idna.decode(label)  # one that means nothing in any script
    except idna.IDNABidiError:
        raise _refusal(text, "it mixes scripts that are written in different directions") from None
    except (idna.IDNAError, UnicodeError):
        raise _refusal(text, "it is not a legal host name") from None
    return fqdn


def _refusal(text: str, why: str) -> Invalid:
    shown = text if len(text) <= 80 else f"{text[:77]}…"
    return Invalid(f"cannot use {shown!r} as a domain: {why}")
