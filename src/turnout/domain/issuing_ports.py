"""What an issuing needs of the world: an ACME server, and a place for the answers to its challenges.

Everything may be asked again: a step that was cut off is repeated, and finds what it did the first time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from turnout.domain.certificate_pairs import CertificatePair
from turnout.domain.certificates import CertificateSource, KeyPlace, NewCertificate, SealedKey
from turnout.domain.issuing import Problem, Window


class NotIssued(Exception):
    """The ACME server did not do what was asked of it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class OrderStatus(StrEnum):
    """How far the ACME server is with an order; its own words."""

    PENDING = "pending"
    """The name is to be proved."""
    READY = "ready"
    """It is proved; the certificate may be asked for."""
    PROCESSING = "processing"
    """It is being made."""
    VALID = "valid"
    """It can be fetched."""
    INVALID = "invalid"
    """Nothing comes of it any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeAccount:
    """How an ACME server knows us."""

    url: str
    key_pem: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeOrder:
    """One order of one certificate. Addresses only, so that it may go into the journal."""

    url: str
    status: OrderStatus
    authorisations: tuple[str, ...]
    finalize_url: str
    certificate_url: str | None
    problem: Problem | None
    """Why it is invalid; None when it is not, or the server does not say."""
    look_again_seconds: float | None
    """When the server wants to be asked again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """Where the name has to answer, for the server to believe that it is ours. Addresses only, as above."""

    url: str
    path: str
    """Of the name's own web server."""
    is_open: bool
    """Whether the server waits for being told that the answer is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAccount:
    """An account with an ACME server, as the store has it."""

    directory: str
    url: str | None
    """None until the server has told it."""
    key: SealedKey

    @property
    def place(self) -> KeyPlace:
        """What its key is bound to."""
        return account_place(self.directory)


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingOrder:
    """An order under way, as the store has it."""

    key: SealedKey
    """Of the certificate that it will become."""
    order_url: str | None
    """None until the server has told it."""


def account_place(directory: str) -> KeyPlace:
    """What the key of an account is bound to. It is of no workspace: all share the account."""
    return KeyPlace(workspace_id=None, certificate_id=f"the account with {directory}", fingerprint="")


def order_place(workspace_id: str, issuing_id: str) -> KeyPlace:
    """What the key of an order is bound to, until there is a certificate."""
    return KeyPlace(workspace_id=workspace_id, certificate_id=issuing_id, fingerprint="")


class KeyBoxes(Protocol):
    """Seals private keys, so that the store may keep them. The vault's boxes do."""

    def seal(self, place: KeyPlace, private_key: str) -> SealedKey:
        """Seal a key for its place. Raises Undecryptable without master keys."""
        ...

    def open(self, place: KeyPlace, sealed: SealedKey) -> str:
        """The key. Raises Undecryptable when anything is not as it was when it was sealed."""
        ...

    def certificate(
        self, pair: CertificatePair, *, workspace_id: str | None, source: CertificateSource, project_id: str | None
    ) -> NewCertificate:
        """A pair as the store keeps it: with an id, and its key sealed."""
        ...


class AcmePort(Protocol):
    """One ACME server. Every method raises NotIssued, and returns in bounded time."""

    @property
    def directory(self) -> str:
        """The server's address; an account belongs to it."""
        ...

    async def register(self, key_pem: str) -> str:
        """The address of the key's account, made when there is none."""
        ...

    async def order(self, account: AcmeAccount, fqdn: str) -> AcmeOrder:
        """Begin an order. Each call may begin another one: the caller remembers it by its address."""
        ...

    async def look(self, account: AcmeAccount, order_url: str) -> AcmeOrder:
        """The order as it is now."""
        ...

    async def challenge(self, account: AcmeAccount, authorisation_url: str) -> Challenge | None:
        """The challenge that is answered over HTTP; None when the name is proved already."""
        ...

    def body(self, account: AcmeAccount, challenge: Challenge) -> str:
        """What the name has to answer there: it proves that the account is ours."""
        ...

    async def answer(self, account: AcmeAccount, authorisation_url: str) -> None:
        """Tell the server to go and look. Nothing happens when it was told before."""
        ...

    async def finalize(self, account: AcmeAccount, order: AcmeOrder, *, fqdn: str, key_pem: str) -> None:
        """Ask for the certificate of that key."""
        ...

    async def download(self, account: AcmeAccount, certificate_url: str) -> str:
        """The certificate and what leads to its authority, as PEM."""
        ...

    async def window(self, chain_pem: str) -> Window | None:
        """When the authority wants the certificate renewed; None when it does not say."""
        ...
