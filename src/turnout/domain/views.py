"""What the gateway reads, and what it writes back. The store implements the two ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from turnout.domain.certificates import CertificateSource, SealedKey
from turnout.domain.keyspaces import RateLimit
from turnout.domain.protection import Protection
from turnout.domain.validation import Validation


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardView:
    """What the sentinel config of a domain asks of a request, before the app may see it."""

    key_auth_id: str | None = None
    """The keyspace that a key has to be of."""
    openapi_spec_id: str | None = None
    """The document that describes the app."""
    validation: Validation = field(default_factory=Validation)
    """Whether requests are checked against it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpsView:
    """How the gateway sends a domain's plain requests to HTTPS."""

    port: int
    """Where HTTPS answers, as clients see it."""
    hsts_seconds: int
    """How long browsers are to remember it; 0: not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteView:
    """One domain of a project, with all that is decided there: whoever takes one takes the other with it."""

    fqdn: str
    deployment_id: str
    guard: GuardView | None = None
    """None for a domain without a sentinel config."""
    protection: Protection | None = None
    """What its environment asks of everybody, with or without a sentinel config; None when everything is off."""
    https: HttpsView | None = None
    """Filled in by the gateway, which alone knows its certificates. None: plain requests are answered as they come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetView:
    """A deployment that a route leads to, with where its running instances answer."""

    deployment_id: str
    addresses: tuple[str, ...]
    """`host:port`, sorted. Empty: nothing runs, and the gateway answers 503."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyView:
    """A key that a gateway may let in: neither revoked nor, when it was read, over."""

    id: str
    keyspace_id: str
    sha256: str
    """Of the secret, in hexadecimal."""
    expires_at: datetime | None = None
    limit: RateLimit | None = None
    """Its own or its keyspace's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeView:
    """A path of a domain that the gateway answers by itself, in front of any app, whether or not there is one."""

    fqdn: str
    path: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectView:
    """Everything the gateway needs to know of one project."""

    project_id: str
    routes: tuple[RouteView, ...]
    """Sorted by fqdn."""
    targets: tuple[TargetView, ...]
    """Sorted by deployment id; exactly the deployments that `routes` name."""
    keys: tuple[KeyView, ...] = ()
    """Sorted by id; those of the keyspaces that the guards of `routes` name."""
    challenges: tuple[ChallengeView, ...] = ()
    """Sorted by fqdn and path. Also of domains that are not routed: those answer nothing else."""
    workspace_id: str = ""
    """Whose certificates serve its domains."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateView:
    """A certificate as a gateway has to know it: its private key is sealed, also in the snapshot on disk."""

    id: str
    workspace_id: str | None
    """Whose domains it serves. None for the root of the local authority."""
    source: CertificateSource
    names: tuple[str, ...]
    fingerprint: str
    chain_pem: str
    key: SealedKey | None
    """None: the certificate is gone."""
    not_before: datetime
    not_after: datetime
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayFeed:
    """The projects that changed after `since`, read in one transaction."""

    change: int
    """Give this as `since` next time. Grows with every change a gateway can see."""
    generation: int
    """The newest routing transaction that this feed contains."""
    projects: tuple[ProjectView, ...]
    """Each whole. A project without routes and challenges is gone from the gateway."""
    certificates: tuple[CertificateView, ...] = ()
    """Those that changed after `since`, each whole; a project's change brings none, and theirs brings no project."""


class GatewaySource(Protocol):
    """Where the gateway reads what is to be served."""

    async def gateway_feed(self, *, since: int) -> GatewayFeed:
        """All that changed after `since`; 0 is everything. Raises Unavailable when the store is away."""
        ...

    async def wait_for_change(self, *, timeout: float) -> None:
        """Return soon after something was committed, and after `timeout` seconds at the latest.

        A task that calls this again and again misses nothing: what was committed since its last call returned
        ends the next one at once.
        """
        ...


class GatewayJournal(Protocol):
    """Where the gateway alone writes: who is connected, and what each has acknowledged."""

    async def gateway_connected(self, *, gateway_id: str, region: str, at: datetime) -> None:
        """A gateway opened its stream."""
        ...

    async def gateway_disconnected(self, *, gateway_id: str, at: datetime) -> None:
        """Its stream ended; nobody waits for it any more."""
        ...

    async def gateways_seen(self, *, gateway_ids: Sequence[str], at: datetime) -> None:
        """Their streams are open: a heartbeat. Whoever is silent for longer is taken for away."""
        ...

    async def gateway_acknowledged(
        self, *, gateway_id: str, generation: int, at: datetime, whole: bool = False
    ) -> None:
        """Everything up to `generation` is applied there. Called with growing generations only.

        `whole`: also what was refused before is applied by now, or not wanted any more.
        """
        ...

    async def gateway_rejected(self, *, gateway_id: str, generation: int, error: str, at: datetime) -> None:
        """It refused the configuration of that generation and goes on with the old one."""
        ...
