"""The home, the ports and the tokens of `turnout up`."""

from __future__ import annotations

import json
import re
import socket
import stat
from pathlib import Path

import pytest

from turnout.domain.errors import Conflict, Invalid
from turnout.domain.tokens import hash_token
from turnout.local import home as home_module
from turnout.local.credentials import ensure_credentials, read_credentials
from turnout.local.home import is_held, only_supervisor_of, prepare, write_private
from turnout.local.parts import Plan, parts, reachable
from turnout.local.ports import Ports, choose_ports
from turnout.local.record import Addresses, PartRecord, PartStatus, parts_document, read_running, write_running
from turnout.settings import Settings, load_settings


def settings(home: Path, **environment: str) -> Settings:
    """The settings of a home."""
    return load_settings({"TURNOUT_HOME": str(home), "TURNOUT_GATEWAY_PORT": "0", **environment})


def test_a_home_that_cannot_be_used_is_said_plainly(tmp_path: Path) -> None:
    """A file, a path through a file, a path that is too long, a NUL."""
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "home", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(Invalid, match="TURNOUT_HOME"):
            prepare(home)


def test_a_full_disk_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written that could be half of something."""
    monkeypatch.setattr(home_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5 * 1024 * 1024}))
    with pytest.raises(Conflict, match="only 5 MiB are left"):
        prepare(tmp_path)


def test_one_supervisor_holds_a_home(tmp_path: Path) -> None:
    """The second one is told so, and the lock ends with its holder."""
    assert not is_held(tmp_path)
    prepare(tmp_path)
    with only_supervisor_of(tmp_path) as first:
        assert first
        assert is_held(tmp_path)
        with only_supervisor_of(tmp_path) as second:
            assert not second
    assert not is_held(tmp_path)


def test_ports_are_remembered_and_chosen_again_when_taken(tmp_path: Path) -> None:
    """All different, and a port of our own that still runs is kept."""
    first = choose_ports(settings(tmp_path))
    assert len(set(vars_of(first))) == len(vars_of(first))
    assert choose_ports(settings(tmp_path)) == first
    with socket.create_server(("127.0.0.1", first.worker)):
        second = choose_ports(settings(tmp_path))
        assert second.worker != first.worker
        assert (second.api, second.gateway) == (first.api, first.gateway)
        assert choose_ports(settings(tmp_path), ours={second.worker}).worker == second.worker


def test_a_port_that_is_set_has_to_be_free(tmp_path: Path) -> None:
    """The error names the port and what changes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for variable, changed_by in (
            ("TURNOUT_GATEWAY_PORT", "--gateway-port"),
            ("TURNOUT_API_PORT", "TURNOUT_API_PORT"),
            ("TURNOUT_GATEWAY_TLS_PORT", "TURNOUT_GATEWAY_TLS_PORT"),
        ):
            with pytest.raises(Conflict, match=f"port {port} .*{changed_by}"):
                choose_ports(settings(tmp_path, **{variable: str(port)}))
        again = choose_ports(settings(tmp_path, TURNOUT_GATEWAY_PORT=str(port)), ours={port})
        assert again.gateway == port
    with pytest.raises(Invalid, match="address of this machine"):
        choose_ports(settings(tmp_path, TURNOUT_GATEWAY_HOST="203.0.113.1", TURNOUT_GATEWAY_PORT="0"))


def test_https_has_its_usual_port_or_a_free_one_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes the usual one when it is free, and stays where it was; `off` is no port and no address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        usual = taken.getsockname()[1]
        monkeypatch.setattr("turnout.local.ports.TLS_PORT", usual)
        elsewhere = choose_ports(settings(tmp_path)).gateway_tls
        assert elsewhere not in (0, usual)
    assert choose_ports(settings(tmp_path)).gateway_tls == elsewhere
    (tmp_path / "run" / "ports.json").unlink()
    assert choose_ports(settings(tmp_path)).gateway_tls == usual
    off = choose_ports(settings(tmp_path, TURNOUT_GATEWAY_TLS_PORT="off"))
    assert off.gateway_tls == 0
    plan = Plan(
        settings=settings(tmp_path), ports=off, token="t", restate_server=None, identity_key="", register=_nothing
    )
    assert plan.gateway_https_url is None
    assert {part.environment["TURNOUT_GATEWAY_TLS_PORT"] for part in parts(plan)} == {"off"}


def test_garbage_in_the_remembered_ports_does_no_harm(tmp_path: Path) -> None:
    """New ones are chosen."""
    for text in ("{", "[]", '{"api": "x", "worker": 99999999, "gateway": -1}'):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "ports.json").write_text(text)
        assert all(0 < port < 65536 for port in vars_of(choose_ports(settings(tmp_path))))


def test_tokens_are_made_once_private_and_known_to_the_server_as_hashes(tmp_path: Path) -> None:
    """A second start keeps them, with the new address."""
    prepare(tmp_path)
    first = ensure_credentials(tmp_path, api_url="http://127.0.0.1:1", region="local")
    assert re.fullmatch(r"tno_[0-9A-Za-z]{43}", first.token)
    krane = (tmp_path / "run" / "krane.token").read_text().strip()
    second = ensure_credentials(tmp_path, api_url="http://127.0.0.1:2", region="local")
    assert second.token == first.token
    assert read_credentials(tmp_path) == second
    assert (tmp_path / "run" / "krane.token").read_text().strip() == krane != first.token
    tokens = (tmp_path / "run" / "tokens.json").read_text()
    assert first.token not in tokens
    assert krane not in tokens
    assert json.loads(tokens) == [
        {"name": "local", "access": "admin", "hash": hash_token(first.token)},
        {"name": "krane-local", "access": "krane", "region": "local", "hash": hash_token(krane)},
    ]
    for file in ("credentials.json", "run/krane.token", "run/tokens.json"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600, file
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_private_file_is_private_even_when_an_open_one_was_there(tmp_path: Path) -> None:
    """It is replaced, not written into."""
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_the_table_of_parts(tmp_path: Path) -> None:
    """No token in any argument or environment; the store is there before who needs it."""
    plan = Plan(
        settings=settings(tmp_path, TURNOUT_GATEWAY_HOST="0.0.0.0"),
        ports=Ports(api=1, gateway=2, worker=3, restate_ingress=4, restate_admin=5, restate_node=6),
        token="tno_secret",
        restate_server=Path("/bin/restate-server"),
        identity_key="publickeyv1_x",
        register=_nothing,
    )
    table = {part.name: part for part in parts(plan)}
    assert list(table) == ["restate", "server", "worker", "krane", "gateway"]
    assert table["worker"].after == ("server", "restate")
    assert table["krane"].after == table["gateway"].after == ("server",)
    assert table["worker"].environment["TURNOUT_RESTATE_WORKER_PORT"] == "3"
    assert table["worker"].environment["TURNOUT_RESTATE_IDENTITY_KEY"] == "publickeyv1_x"
    assert table["server"].environment["TURNOUT_RESTATE_INGRESS_URL"] == "http://127.0.0.1:4"
    assert plan.gateway_url == "http://127.0.0.1:2"
    assert "tno_secret" not in repr([(part.argv, part.environment) for part in table.values()])
    assert reachable("::1") == "[::1]"


def test_what_runs_is_written_down_and_read_again(tmp_path: Path) -> None:
    """A part that is dead by now is told as stopped, whatever the file says; garbage is nothing."""
    addresses = Addresses(api_url="a", gateway_url="b", dashboard_url=None, home=str(tmp_path))
    dead = PartRecord(name="worker", pid=2**22 + 1, birth="1", status=PartStatus.RUNNING, restarts=2)
    write_running(tmp_path, since="2026-01-01T00:00:00+00:00", addresses=addresses, parts=[dead])
    running = read_running(tmp_path)
    assert running is not None
    assert running.alive
    assert running.addresses == addresses
    assert running.parts == (dead,)
    supervisor, worker = parts_document(tmp_path)
    assert supervisor["memory_mib"] > 1
    assert (worker["pid"], worker["status"], worker["memory_mib"], worker["restarts"]) == (None, "stopped", 0, 2)
    for garbage in ("", "[]", "{}", '{"supervisor": 1}'):
        (tmp_path / "run" / "state.json").write_text(garbage)
        assert read_running(tmp_path) is None
        assert parts_document(tmp_path) == []


def vars_of(ports: Ports) -> list[int]:
    """All of them."""
    return [getattr(ports, name) for name in Ports.__slots__]


async def _nothing() -> None: ...
