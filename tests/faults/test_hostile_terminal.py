"""What is typed, what stands in an app's files, and what a person's environment says: one plain line, and no change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store
from tests.contract.store_kit import Clock
from tests.faults.attack_kit import SECRET, World, world
from tests.faults.hostile.commands import COMMANDS, SETTINGS, WORD, WORDS
from tests.faults.hostile.manifests import MANIFESTS, PROCFILES
from tests.faults.hostile.names import TRICKS
from tests.faults.rows import Row
from tests.faults.test_hostile_connections import listening
from turnout import cli
from turnout.domain.errors import Invalid
from turnout.domain.manifest import parse_manifest, parse_procfile
from turnout.store import Store

__all__ = ["clock", "database_url", "postgres_template", "sqlite_template", "store"]  # fixtures

pytestmark = pytest.mark.fault(Row.HOSTILE)


@pytest.fixture
async def here(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[World]:
    """Two workspaces and the API."""
    async with world(store, clock, tmp_path / "home") as made:
        yield made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A person in an empty folder, with no settings but those of the test."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("TURNOUT_HOME", str(tmp_path / "no-home"))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "10000")
    return monkeypatch


async def _typed(arguments: list[str]) -> int:
    """The exit code of a command line. In a thread: a verb has an event loop of its own."""
    return await asyncio.to_thread(cli.run, arguments)


async def test_hostile_words(
    here: World, terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], subtests: pytest.Subtests
) -> None:
    """Every verb, with a hostile word where it takes one: a code, and one document or one line that can be printed."""
    terminal.setenv("TURNOUT_TOKEN", await here.token("ada"))
    before = await here.dump(apart_from=("audit_log",))
    async with listening(here) as port:
        terminal.setenv("TURNOUT_API_URL", f"http://127.0.0.1:{port}")
        for verb, words in COMMANDS.items():
            for trick in WORDS:
                arguments = [word.replace(WORD, TRICKS[trick]) for word in words]
                with subtests.test(f"{verb}: {trick}"):
                    capsys.readouterr()
                    assert await _typed([*arguments, "--json"]) in (1, 2)
                    told = capsys.readouterr()
                    problem = json.loads(told.out)["error"]
                    assert problem["detail"]
                    assert "fault in Turnout" not in problem["detail"]
                    assert await _typed(arguments) in (1, 2)
                    told = capsys.readouterr()
                    assert told.out == ""
                    assert told.err.removesuffix("\n").isprintable(), told.err
                    assert "Traceback" not in told.err
                    assert SECRET not in told.err
        with subtests.test("nothing changed"):
            assert await here.dump(apart_from=("audit_log",)) == before


async def test_hostile_settings(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], subtests: pytest.Subtests
) -> None:
    """Of the environment: said what is wrong with them, and nobody is asked anything."""
    for name, settings in SETTINGS.items():
        with subtests.test(name):
            terminal.setenv("TURNOUT_TOKEN", "tno_good")
            terminal.setenv("TURNOUT_API_URL", "http://127.0.0.1:1")
            for variable, value in settings.items():
                terminal.setenv(variable, value)
            capsys.readouterr()
            assert await _typed(["ls", "--project", "shop", "--json"]) in (1, 2, 3)
            detail = json.loads(capsys.readouterr().out)["error"]["detail"]
            assert detail.isprintable()
            assert "fault in Turnout" not in detail
            assert "X-Injected" not in detail


def test_hostile_files_of_an_app(subtests: pytest.Subtests) -> None:
    """The file, the line, and what is wrong in it."""
    for name, text in MANIFESTS.items():
        with subtests.test(f"turnout.toml: {name}"):
            with pytest.raises(Invalid) as caught:
                parse_manifest(text)
            assert caught.value.detail.startswith("cannot read turnout.toml: ")
            assert caught.value.detail.isprintable()
            assert len(caught.value.detail) < 1000
    for name, text in PROCFILES.items():
        with subtests.test(f"Procfile: {name}"):
            with pytest.raises(Invalid) as caught:
                parse_procfile(text)
            assert caught.value.detail.isprintable()
