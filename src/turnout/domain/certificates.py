"""Certificates: what is kept of one, and which one serves which name. Pure.

A certificate serves the domains of its workspace and no others: whoever could have one of a workspace's own making
shown to the visitors of another would take their site away.

| asked for `shop.example.com` | |
|---|---|
| first | valid now before expired or not yet valid |
| then | one that names it before one that names `*.example.com` |
| then | the one that was added last |
| then | the one that ends last |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypeVar

PEM_MAX: Final = 256 * 1024
"""Characters of a chain or of a key, as PEM."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


class CertificateSource(StrEnum):
    """Where a certificate is from."""

    UPLOADED = "uploaded"
    ACME = "acme"
    """Got from a public authority, and renewed, by Turnout itself."""
    LOCAL = "local"
    """The root of the local authority. It serves no name itself: gateways issue a certificate for each with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPlace:
    """Which certificate a private key belongs to. It is bound to it, and opens nowhere else."""

    workspace_id: str | None
    certificate_id: str
    fingerprint: str

    def __str__(self) -> str:
        return f"the private key of {self.certificate_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedKey:
    """A private key, encrypted with a data key of its own, which is wrapped with a master key and travels along.

    So whoever has the master keys can open it without the store, and nobody else can.
    """

    master_key_id: str
    box: str = field(repr=False)
    """The wrapped data key and the ciphertext, in base 64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCertificate:
    """A certificate that was checked and is to be kept."""

    id: str
    workspace_id: str | None
    """None for the local authority alone, which belongs to the whole installation."""
    project_id: str | None = None
    """For whose domain it was got, if for one project's. It serves the others of the workspace as well."""
    source: CertificateSource
    names: tuple[str, ...]
    """Host names and wildcards that it is good for, sorted, in lower case."""
    fingerprint: str
    """SHA-256 of the whole chain, in hexadecimal."""
    chain_pem: str
    """The certificate, then each one's issuer."""
    key: SealedKey
    not_before: datetime
    not_after: datetime

    @property
    def place(self) -> KeyPlace:
        """What its key is bound to."""
        return KeyPlace(workspace_id=self.workspace_id, certificate_id=self.id, fingerprint=self.fingerprint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate(NewCertificate):
    """One that is kept and in use."""

    created_at: datetime


class Candidate(Protocol):
    """What choosing looks at."""

    @property
    def id(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def not_after(self) -> datetime: ...
    @property
    def created_at(self) -> datetime: ...


C = TypeVar("C", bound=Candidate)


def is_name(text: str) -> bool:
    """Whether a certificate can be for it: a host name, or one with `*` in the place of its first label."""
    return _NAME.fullmatch(text) is not None


def patterns(host: str) -> tuple[str, ...]:
    """The names under which a certificate can be good for a host, best first: itself, then the wildcard."""
    _, dot, parent = host.partition(".")
    return (host, f"*.{parent}") if dot and parent else (host,)


def covers(name: str, host: str) -> bool:
    """Whether a name of a certificate stands for a host. A wildcard stands for exactly one label."""
    return name in patterns(host) and not host.startswith("*")


def is_valid(certificate: Candidate, now: datetime) -> bool:
    """Whether a client accepts its dates now."""
    return certificate.not_before <= now < certificate.not_after


def choose(candidates: Iterable[C], host: str, now: datetime) -> C | None:
    """The certificate that serves a host, by the table above; None when none is good for it.

    One that is not valid is still chosen when there is no other: a browser then says that it has expired, which
    is more than a connection that ends.
    """

    def rank(certificate: C) -> tuple[bool, bool, datetime, datetime, str]:
        return (
            is_valid(certificate, now),
            host in certificate.names,
            certificate.created_at,
            certificate.not_after,
            certificate.id,
        )

    fitting = [each for each in candidates if any(covers(name, host) for name in each.names)]
    return max(fitting, key=rank, default=None)
