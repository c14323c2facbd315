"""One running Turnout for the whole session, and an app of its own for each test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit import App, Turnout


@pytest.fixture(scope="session")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """Everything `turnout up` starts, on free ports."""
    # What was replaced sleeps soon: the versions of all tests together would be more than a small machine can run.
    turnout = Turnout(tmp_path_factory.mktemp("turnout") / "home", TURNOUT_DEPLOY_KEEP_WARM_SECONDS="60")
    turnout.up()
    yield turnout
    turnout.down()


@pytest.fixture
def own_turnout(tmp_path: Path) -> Iterator[Turnout]:
    """One that the test may break."""
    turnout = Turnout(tmp_path / "home")
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


@pytest.fixture
def make_app(turnout: Turnout, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], App]:
    """Make an app whose project no other test uses."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:24].strip("-")

    def make(suffix: str = "") -> App:
        return App(turnout, tmp_path, f"{test}{suffix}")

    return make


@pytest.fixture
def app(make_app: Callable[[str], App]) -> App:
    """An app that was never deployed."""
    return make_app("")
