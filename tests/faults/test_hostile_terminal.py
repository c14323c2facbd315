"""What is typed, what stands in an app's files, and what a person's environment says: one plain line, and no change."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.faults.attack_kit import SECRET, World
from tests.faults.hostile.commands import COMMANDS, FEW, SETTINGS, WORD, WORDS
from tests.faults.hostile.manifests import MANIFESTS, PROCFILES
from tests.faults.hostile.names import TRICKS
from tests.faults.rows import Row
from tests.faults.test_hostile_connections import listening
from turnout import cli
from turnout.domain.errors import Invalid
from turnout.domain.manifest import parse_manifest, parse_procfile

pytestmark = pytest.mark.fault(Row.HOSTILE)


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


@pytest.mark.parametrize(
    "verbs",
    [FEW, pytest.param(tuple(verb for verb in COMMANDS if verb not in FEW), marks=pytest.mark.full)],
    ids=["a few verbs", "the others"],
)
async def test_hostile_words(
    here: World,
    terminal: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    subtests: pytest.Subtests,
    verbs: tuple[str, ...],
) -> None:
    """Every verb, with a hostile word where it takes one: a code, and a document or lines that can be printed."""
    terminal.setenv("TURNOUT_TOKEN", await here.token("ada"))
    before = await here.dump(apart_from=("audit_log",))
    async with listening(here) as port:
        terminal.setenv("TURNOUT_API_URL", f"http://127.0.0.1:{port}")
        for verb in verbs:
            for number, trick in enumerate(WORDS):
                arguments = [word.replace(WORD, TRICKS[trick]) for word in COMMANDS[verb]]
                with subtests.test(f"{verb}: {trick}"):
                    await _refused(arguments, capsys, as_json=number % 2 == 0)
        with subtests.test("nothing changed"):
            assert await here.dump(apart_from=("audit_log",)) == before


async def _refused(arguments: list[str], capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    capsys.readouterr()
    assert await _typed([*arguments, "--json"] if as_json else arguments) in (1, 2)
    told = capsys.readouterr()
    if as_json:
        assert json.loads(told.out)["error"]["detail"]
    else:
        assert told.out == ""
        assert "\nturnout: " in f"\n{told.err}"
        assert told.err.replace("\n", "").isprintable(), told.err
    for never in ("Traceback", "fault in Turnout", SECRET):
        assert never not in told.out + told.err


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
