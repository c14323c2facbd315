"""The rooms around the conversation: what is kept, what is written down, what is written to disk."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.rows import Row
from turnout.domain.errors import Invalid, NotFound, Unavailable
from turnout.domain.views import GatewayFeed, ProjectView
from turnout.gateway.bootstrap import BootstrapSettings, as_json, bootstrap
from turnout.gateway.feeds import decode_project, encode_project
from turnout.gateway.launch import LaunchSettings, argv, find_envoy
from turnout.gateway.scribe import Connected, Scribe
from turnout.gateway.service import GatewayService
from turnout.gateway.snapshot import SnapshotKeeper, load_snapshot, write_atomically
from turnout.gateway.state import State
from turnout.gateway.testing import MemoryStore, project
from turnout.gateway.verdicts import Acknowledged, Generations, Rejected

ONE = project("p1", {"one.example": "d1"}, {"d1": ["127.0.0.1:1"]})
TWO = project("p2", {"two.example": "d2"}, {"d2": []})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def feed(*views: ProjectView, change: int = 1, generation: int = 1) -> GatewayFeed:
    return GatewayFeed(change=change, generation=generation, projects=views)


# State


def test_applying_a_feed_again_changes_nothing() -> None:
    """A store that repeats itself costs nothing."""
    state = State()
    assert set(state.apply(feed(ONE, TWO)).dropped) == {"p1", "p2"}
    assert not state.apply(feed(ONE, TWO)).dropped


def test_a_whole_feed_removes_what_it_does_not_have() -> None:
    """After a restart nobody says what was deleted meanwhile."""
    state = State()
    state.apply(feed(ONE, TWO))
    assert set(state.apply(feed(ONE), whole=True).dropped) == {"p2"}
    assert state.projects() == ("p1",)


# Verdicts


def test_verdicts_come_in_the_order_of_generations() -> None:
    """A rejection waits for older changes, so that they get their own verdict first."""
    generations = Generations(1, projects=0)
    assert list(generations.verdicts()) == [Acknowledged(generation=1)]
    for generation in (2, 3, 4):
        generations.announce(generation)
        generations.begin(generation)
    generations.spoil(3, "no good")
    generations.end(3)
    generations.end(4)
    assert list(generations.verdicts()) == []
    generations.end(2)
    assert list(generations.verdicts()) == [
        Acknowledged(generation=2),
        Rejected(generation=3, error="no good"),
        Acknowledged(generation=4),
    ]


# Scribe


async def _scribe(store: MemoryStore, scribe: Scribe) -> None:
    task = asyncio.create_task(scribe.run())
    assert await scribe.written(timeout=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.asyncio
async def test_acknowledgements_that_wait_are_written_as_one() -> None:
    """The newest stands for those before it; a rejection in between is never lost."""
    store = MemoryStore()
    scribe = Scribe(store)
    scribe.note("gw", Connected(region="here"), NOW)
    for verdict in (1, 2, None, 4, 5):
        event = Rejected(generation=3, error="no") if verdict is None else Acknowledged(generation=verdict)
        scribe.note("gw", event, NOW)
    await _scribe(store, scribe)
    assert store.connected == {"gw"}
    assert store.acknowledged == {"gw": [2, 5]}
    assert store.rejected == [("gw", 3, "no")]


@pytest.mark.asyncio
async def test_what_cannot_be_written_is_written_later() -> None:
    """The journal's absence loses nothing and stops nobody."""
    store = MemoryStore(away=True)
    scribe = Scribe(store)
    scribe.note("gw", Acknowledged(generation=1), NOW)
    task = asyncio.create_task(scribe.run())
    assert not await scribe.written(timeout=0.1)
    store.away = False
    await store.until_acknowledged(1, by="gw")
    task.cancel()


# Service


class BrokenStore(MemoryStore):
    """Fails in a way that its port does not know."""

    async def gateway_feed(self, *, since: int) -> GatewayFeed:
        raise RuntimeError("a bug")


@pytest.mark.asyncio
async def test_a_service_that_cannot_go_on_ends_with_the_error(tmp_path: Path) -> None:
    """Whoever watches it starts it again; it never merely looks alive."""
    store = BrokenStore()
    with pytest.raises(RuntimeError, match="a bug"):
        await GatewayService(source=store, journal=store, home=tmp_path).run()


@pytest.mark.asyncio
async def test_two_services_cannot_share_a_port(tmp_path: Path) -> None:
    """They would share the gateways between them, silently."""
    store = MemoryStore()
    async with GatewayService(source=store, journal=store, home=tmp_path) as first:
        second = GatewayService(source=store, journal=store, home=tmp_path, listen=first.ads.address)
        with pytest.raises(Unavailable, match="cannot listen"):
            await second.start()


# Snapshot


@pytest.mark.parametrize("view", [ONE, TWO, project("p", {}, {})])
def test_a_project_survives_its_line(view: ProjectView) -> None:
    """And the line has no line breaks."""
    assert decode_project(encode_project(view)) == view
    assert b"\n" not in encode_project(view)


@pytest.mark.asyncio
async def test_a_snapshot_is_what_was_known(tmp_path: Path) -> None:
    """Removed projects are not in it."""
    state = State()
    path = tmp_path / "gateway" / "snapshot"
    keeper = SnapshotKeeper(path, state)
    state.apply(feed(ONE, TWO))
    assert await keeper.flush()
    state.apply(feed(project("p1", {}, {}), change=2, generation=5))
    assert await keeper.flush()
    assert load_snapshot(path) == feed(TWO, change=2, generation=5)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["snapshot"]


@pytest.mark.asyncio
@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"null\n"])
async def test_a_damaged_snapshot_is_none(tmp_path: Path, damage: bytes) -> None:
    """Better nothing than half of it."""
    state = State()
    state.apply(feed(ONE, TWO))
    path = tmp_path / "snapshot"
    await SnapshotKeeper(path, state).flush()
    content = path.read_bytes()
    path.write_bytes(damage or content[:-20])
    assert load_snapshot(path) is None
    assert load_snapshot(tmp_path / "there is none") is None


@pytest.mark.asyncio
@pytest.mark.fault(Row.DISK_FULL)
async def test_a_full_disk_keeps_the_snapshot_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is tried again later."""
    state = State()
    state.apply(feed(ONE))
    path = tmp_path / "snapshot"
    keeper = SnapshotKeeper(path, state)
    assert await keeper.flush()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    state.apply(feed(TWO, change=2, generation=2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert not await keeper.flush()
    kept = load_snapshot(path)
    assert kept is not None
    assert kept.generation == 1
    assert await keeper.flush()
    assert load_snapshot(path) == feed(ONE, TWO, change=2, generation=2)


def test_a_write_that_fails_leaves_no_file_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaks."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


# Bootstrap and launch

SETTINGS = BootstrapSettings(gateway_id="gw", region="here", ads="unix:/run/ads", admin="/run/admin")


def test_the_bootstrap_is_the_same_for_the_same_settings() -> None:
    """A running Envoy is recognised by it."""
    assert as_json(bootstrap(SETTINGS)) == as_json(bootstrap(SETTINGS))


def test_the_admin_interface_is_for_this_machine_alone() -> None:
    """It has no password and can stop Envoy."""
    with pytest.raises(Invalid, match="others could reach it"):
        bootstrap(BootstrapSettings(gateway_id="gw", region="here", ads="unix:/run/ads", admin="0.0.0.0:9901"))


def test_a_socket_path_that_the_system_would_cut_is_refused() -> None:
    """With the path in the message, rather than an Envoy that does not start."""
    with pytest.raises(Invalid, match="103 bytes"):
        bootstrap(replace(SETTINGS, admin="/" + "x" * 103))


def test_envoy_is_the_one_named_or_found(tmp_path: Path) -> None:
    """What TURNOUT_ENVOY names wins, and is never silently passed over."""
    binary = tmp_path / "envoy"
    binary.touch(mode=0o755)
    assert find_envoy({"TURNOUT_ENVOY": str(binary)}) == binary
    with pytest.raises(NotFound, match="TURNOUT_ENVOY"):
        find_envoy({"TURNOUT_ENVOY": str(tmp_path / "missing")})


def test_the_command_line_is_a_list_without_a_shell() -> None:
    """Each argument one string, whatever characters a path has."""
    settings = LaunchSettings(binary=Path("/opt/my envoy"), folder=Path("/home/a;b"), admin="/run/admin")
    assert argv(settings)[:3] == ["/opt/my envoy", "--config-path", "/home/a;b/envoy.json"]


def test_unavailable_is_what_the_fake_says_when_away() -> None:
    """As the real store does."""
    with pytest.raises(Unavailable):
        asyncio.run(MemoryStore(away=True).gateway_feed(since=0))
