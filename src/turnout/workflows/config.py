"""What a workflow is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from turnout.builds.service import BuildClient
from turnout.domain.issuing_keys import KeyType
from turnout.domain.issuing_ports import AcmePort, KeyBoxes
from turnout.domain.proofs import Prover
from turnout.domain.records import Instance, RunSpec
from turnout.domain.waits import Wait
from turnout.settings import DeploySettings, DomainSettings
from turnout.store import Store
from turnout.vault import Vault


class Krane(Protocol):
    """Asks for instances and tells what became of them. The store is one: krane agents follow it."""

    async def place(self, *, spec: RunSpec, regions: tuple[str, ...], wait: Wait | None) -> int:
        """Want the deployment to run in the regions; returns how many instances that makes. Idempotent."""
        ...

    async def unplace(self, *, deployment_id: str, wait: Wait | None) -> None:
        """Want none of it to run. Idempotent."""
        ...

    async def place_job(self, *, spec: RunSpec, region: str, timeout: float, wait: Wait) -> str:
        """Want a command to run once for the deployment; returns its id. Idempotent."""
        ...

    async def instances_of(self, *, deployment_id: str) -> tuple[Instance, ...]:
        """What krane last observed."""
        ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuingParts:
    """What certificates by ACME are got with."""

    acme: AcmePort
    boxes: KeyBoxes
    """Seals private keys before they are kept."""
    key_type: KeyType = KeyType.ECDSA
    order_seconds: float = 300.0
    """How long one visit waits for the server to finish an order."""
    clock: Callable[[], datetime] = _utc_now
    """The store's clock. Read inside steps alone."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration of a deployment workflow."""

    db: Store
    """Workspaces, projects, deployments, routes: all that is true."""
    krane: Krane | None = None
    """Makes instances; None takes the store, which the krane agents follow."""
    logger: Any = field(default_factory=structlog.get_logger)
    """A structlog logger."""
    build_client: BuildClient | None = None
    """Builds images from source; None refuses deployments that need a build."""
    default_domain: str = "localhost"
    """The apex under which generated domains lie, such as `example.app`."""
    vault: Vault | None = None
    """Encryption of secrets. None is enough for deployments: what they keep is sealed before, and opened by krane's
    request alone."""
    cluster: object | None = None
    """Management of whole clusters. Not available in this version: anything but None is refused."""
    sentinel_image: str | None = None
    """Image of sentinel containers. Not available in this version: anything but None is refused."""
    available_regions: tuple[str, ...] = ("local",)
    """Regions a deployment may run in."""
    bearer: str | None = field(default=None, repr=False)
    """Token towards remote builders and kranes. The built-in ones share the store and need none."""
    limits: DeploySettings = field(default_factory=DeploySettings)
    """Deadlines and retries."""
    prover: Prover | None = None
    """Looks for the proofs of custom domains; None refuses to check any."""
    domains: DomainSettings = field(default_factory=DomainSettings)
    """How often that is."""
    issuing: IssuingParts | None = None
    """Gets certificates by ACME; None gets none."""
