"""What the handlers work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Path, Request

from turnout.api.logs import LogFiles
from turnout.builds.garbage import Collector
from turnout.builds.output import BuildOutput
from turnout.builds.sources import SourceStore
from turnout.domain.documents import StrayReport
from turnout.domain.errors import Unauthenticated
from turnout.domain.findings import Finding, FindingKind
from turnout.domain.tokens import TokenRecord
from turnout.settings import Settings
from turnout.store import Store
from turnout.vault import Boxes, Vault

OperationId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id in a path. Its form is looked at loosely: one that nobody has is not found, whatever it looks like."""
DeploymentId = OperationId
TokenId = OperationId


class DurableExecution(Protocol):
    """What the API asks of Restate."""

    async def restate_is_up(self) -> bool:
        """Whether it answers."""
        ...


class Watching(Protocol):
    """What the API asks of the watchdog, and tells it."""

    def findings(self, *, workspace_id: str) -> tuple[Finding, ...]:
        """What a workspace may know of what is wrong."""
        ...

    def repairs(self, *, workspace_id: str) -> Mapping[FindingKind, int]:
        """How many findings of each kind were repaired."""
        ...

    def seconds_since_look(self) -> float:
        """How old the findings are."""
        ...

    def heard_of_strays(self, *, region: str, strays: Iterable[StrayReport]) -> None:
        """A krane has found what it did not know."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Made once by the composition root."""

    store: Store
    vault: Vault
    boxes: Boxes
    """Seals the private keys of certificates."""
    sources: SourceStore
    logs: LogFiles
    build_output: BuildOutput
    collector: Collector
    settings: Settings
    gateway_url: str
    restate: DurableExecution
    watchdog: Watching
    logger: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """One request: who asks, and the parts to answer with."""

    request: Request
    parts: Parts
    token: TokenRecord | None
    """None on open routes only."""

    @property
    def store(self) -> Store:
        """The store."""
        return self.parts.store

    @property
    def signed_in(self) -> TokenRecord:
        """The caller's token, on every route that needs one."""
        if self.token is None:
            raise Unauthenticated("cannot tell who is calling")
        return self.token

    @property
    def workspace_id(self) -> str:
        """The workspace the token belongs to: the only one the caller can see."""
        return self.signed_in.workspace_id
