"""A gateway's state, clock and vault without any Envoy: the tests are its Envoy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.certificates_kit import DAY, Authority, boxes, view
from turnout.domain.views import CertificateView, GatewayFeed, ProjectView
from turnout.gateway.handshakes import Handshakes
from turnout.gateway.messages import Push
from turnout.gateway.resources import Kind
from turnout.gateway.secrets import Secrets
from turnout.gateway.state import State
from turnout.gateway.testing import project

NOW = datetime(2030, 6, 1, tzinfo=UTC)
AUTHORITY = Authority(NOW)
HOST = "shop.example"


@dataclass
class Gateway:
    """State, clock and one stream; the tests are its Envoy."""

    folder: Path
    now: datetime = NOW
    change: int = 0
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        self.boxes = boxes(self.folder)
        self.secrets = Secrets(self.state, self.boxes, clock=lambda: self.now)
        self.stream = Handshakes(self.secrets)

    def learn(self, *certificates: CertificateView, projects: tuple[ProjectView, ...] = ()) -> list[Push]:
        """A feed, and what is said because of it."""
        self.change += 1
        feed = GatewayFeed(change=self.change, generation=self.change, projects=projects, certificates=certificates)
        changes = self.state.apply(feed)
        return self.stream.look_again(changes.certificates.concerns)

    def route(self, *hosts: str) -> None:
        """One project with these domains."""
        self.learn(projects=(project("prj_1", dict.fromkeys(hosts, "dep_1"), {"dep_1": []}),))

    def certificate(self, *names: str, as_id: str = "crt_1", ends: timedelta = 30 * DAY) -> CertificateView:
        """A certificate that was added now."""
        return view(self.boxes, AUTHORITY.checked(*names, ends=ends), as_id, created_at=self.now)

    def ask(self, *names: str, held: dict[str, str] | None = None) -> list[Push]:
        """Envoy asks."""
        return self.stream.subscribe(Kind.SECRET, names, held or {})
