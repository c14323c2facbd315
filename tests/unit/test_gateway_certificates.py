"""The certificates a gateway knows, what its snapshot keeps of them, and which domains they redirect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates_kit import boxes, local_root, view
from tests.gateway_kit import AUTHORITY, HOST, NOW, Gateway
from turnout.domain.views import CertificateView, GatewayFeed, ProjectView, RouteView
from turnout.gateway import protos
from turnout.gateway.certificates import Certificates
from turnout.gateway.feeds import decode_certificate, encode_certificate
from turnout.gateway.policies.https import HSTS_FILTER, Redirect
from turnout.gateway.snapshot import SnapshotKeeper, load_snapshot
from turnout.gateway.state import State
from turnout.gateway.testing import project


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """It routes one host and has a certificate for it."""
    gateway = Gateway(tmp_path)
    gateway.route(HOST, "hello.localhost")
    gateway.learn(gateway.certificate(HOST))
    return gateway


def test_only_a_workspaces_own_certificates_serve_its_domains(tmp_path: Path) -> None:
    """Whatever names others put into theirs."""
    known, keys = Certificates(), boxes(tmp_path)
    known.apply([view(keys, AUTHORITY.checked(HOST), "crt_1", workspace_id="ws_2")], whole=False)
    assert known.find(HOST, workspace_id="ws_1", now=NOW) is None
    assert known.find(HOST, workspace_id="ws_2", now=NOW) is not None


def test_a_whole_feed_forgets_the_certificates_it_does_not_have(tmp_path: Path) -> None:
    """After a restart nobody says what was removed meanwhile; and what did not change touches nothing."""
    known, keys = Certificates(), boxes(tmp_path)
    one, two = (view(keys, AUTHORITY.checked(name), f"crt_{name}") for name in ("a.example", "b.example"))
    assert known.apply([one, two], whole=True).names == {"a.example", "b.example"}
    assert not known.apply([one, two], whole=True)
    assert known.apply([one], whole=True).names == {"b.example"}
    assert known.find("b.example", workspace_id="ws_1", now=NOW) is None


async def test_the_snapshot_keeps_certificates_with_their_keys_sealed(gateway: Gateway, tmp_path: Path) -> None:
    """And one that an older version wrote, without certificates, is read as ever."""
    gateway.learn(local_root(gateway.boxes, NOW))
    path = tmp_path / "snapshot.jsonl"
    assert await SnapshotKeeper(path, gateway.state).flush()
    assert b"PRIVATE" not in path.read_bytes()
    feed = load_snapshot(path)
    assert feed is not None
    assert {each.id: each for each in feed.certificates} == gateway.state.certificates.views
    assert len(feed.projects) == 1
    line = encode_certificate(feed.certificates[0])
    assert decode_certificate(line) == feed.certificates[0]
    path.write_bytes(path.read_bytes().replace(b'"certificates": 2, ', b""))
    assert load_snapshot(path) is None  # its lines are no projects
    older = State()
    older.apply(GatewayFeed(change=1, generation=1, projects=(project("p", {"a.example": "d"}, {"d": []}),)))
    assert await SnapshotKeeper(path, older).flush()
    path.write_bytes(path.read_bytes().replace(b'"certificates": 0, ', b""))
    assert load_snapshot(path) is not None


@pytest.mark.parametrize(("mode", "redirected"), [("auto", {HOST}), ("on", {HOST, "hello.localhost"}), ("off", set())])
def test_which_domains_are_sent_to_https(tmp_path: Path, mode: str, redirected: set[str]) -> None:
    """Those that a certificate serves; local names only when that is asked for, and never with HSTS."""
    redirect = Redirect(mode=mode, port=8443, hsts_seconds=60)  # type: ignore[arg-type]  # the parameter is one
    gateway = Gateway(tmp_path, state=State(redirect.complete))
    gateway.route(HOST, "hello.localhost", "bare.example")
    gateway.learn(gateway.certificate(HOST), local_root(gateway.boxes, NOW))
    (routes,) = gateway.state.plan("prj_1").routes
    hosts = protos.RouteConfiguration.FromString(routes.body).virtual_hosts
    assert {host.name for host in hosts if host.routes[0].HasField("redirect")} == redirected
    assert {host.name for host in hosts if HSTS_FILTER in host.typed_per_filter_config} == redirected - {
        "hello.localhost"
    }
    assert all(host.routes[-1].route.cluster == "dep_1" for host in hosts)


def test_a_renewal_changes_no_route(tmp_path: Path) -> None:
    """A project is planned again only when a domain of it gains or loses its last certificate."""
    redirect = Redirect(mode="auto", port=8443)
    gateway = Gateway(tmp_path, state=State(redirect.complete))
    gateway.route(HOST)

    def moved(*certificates: CertificateView) -> set[str]:
        gateway.change += 1
        feed = GatewayFeed(change=gateway.change, generation=1, projects=(), certificates=certificates)
        return set(gateway.state.apply(feed).dropped)

    first, second = gateway.certificate(HOST), gateway.certificate("*.example", HOST, as_id="crt_2")
    assert moved(first) == {"prj_1"}
    assert moved(second) == set()
    assert moved(replace(first, key=None)) == set()
    assert moved(replace(second, key=None)) == {"prj_1"}


def test_views_of_before_are_read() -> None:
    """What was added to them has a meaning when it is missing."""
    route = RouteView(fqdn=HOST, deployment_id="dep_1")
    assert ProjectView(project_id="prj_1", routes=(route,), targets=()).workspace_id == ""
    assert route.https is None
