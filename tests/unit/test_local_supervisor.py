"""The supervisor, with small scripts as parts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support import eventually
from turnout.domain.errors import Unavailable
from turnout.local.home import prepare
from turnout.local.parts import Part
from turnout.local.processes import MARK, birth, parts_of
from turnout.local.record import Addresses, PartStatus, forget_running, read_running
from turnout.local.stop import down
from turnout.local.supervisor import Supervisor

PROGRAM = """
import os, pathlib, signal, sys, time
name, log = sys.argv[1], pathlib.Path(sys.argv[2])
def note(word):
    with log.open("a") as file:
        file.write(f"{name} {word}\\n")
signal.signal(signal.SIGTERM, lambda *_: (note("stopped"), sys.exit(0)))
note("started")
pathlib.Path(sys.argv[2] + "." + name).write_text(str(os.getpid()))
while True:
    time.sleep(10)
"""


def part(home: Path, name: str, *, after: tuple[str, ...] = (), program: str = PROGRAM, **options: object) -> Part:
    """A part that writes down when it starts and stops, and is ready once it has started."""
    log = home / "order"
    mark = Path(f"{log}.{name}")

    async def is_ready() -> bool:
        return mark.exists()

    defaults: dict[str, object] = {
        "argv": (sys.executable, "-c", program, name, str(log)),
        "environment": {"TURNOUT_HOME": str(home), MARK: name},
        "is_ready": is_ready,
        "after": after,
        "grace": 3.0,
    }
    return Part(name=name, **(defaults | options))  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that can be used."""
    prepare(tmp_path)
    return tmp_path


@asynccontextmanager
async def running(home: Path, *table: Part, stop_order: tuple[str, ...] = ()) -> AsyncIterator[list[str]]:
    """Everything is ready inside of the block, and nothing is left after it. Yields what was said."""
    said: list[str] = []
    stop, ready = asyncio.Event(), asyncio.Event()
    supervisor = Supervisor(
        home, table, say=said.append, stop_order=stop_order or [p.name for p in table], start_seconds=10
    )
    task = asyncio.create_task(supervisor.run(addresses(home), stop=stop, ready=ready.set))
    try:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        yield said
    finally:
        stop.set()
        await task
    assert parts_of(home) == []


def addresses(home: Path) -> Addresses:
    """What `up` would print."""
    return Addresses(api_url="http://api", gateway_url="http://gateway", dashboard_url=None, home=str(home))


def order(home: Path) -> list[str]:
    """What the parts have written down."""
    return (home / "order").read_text().splitlines()


def pid_of(home: Path, name: str) -> int | None:
    """The process of a part, as it is written down."""
    found = read_running(home)
    return next((each.pid for each in found.parts if each.name == name), None) if found else None


async def test_parts_start_after_those_they_need_and_stop_in_the_stated_order(home: Path) -> None:
    """Whatever the order of the table is."""
    table = (part(home, "c", after=("b",)), part(home, "b", after=("a",)), part(home, "a"))
    async with running(home, *table, stop_order=("b", "a", "c")):
        assert order(home) == ["a started", "b started", "c started"]
    assert order(home)[3:] == ["b stopped", "a stopped", "c stopped"]


async def test_what_runs_is_written_down(home: Path) -> None:
    """With pids, births and addresses; the addresses only once everything is ready."""
    async with running(home, part(home, "a")):
        found = read_running(home)
        assert found is not None
        assert found.addresses == addresses(home)
        assert found.parts[0].status is PartStatus.RUNNING
        assert found.parts[0].birth == birth(found.parts[0].pid or 0)


async def test_a_part_that_dies_is_started_again_and_the_others_are_left_alone(home: Path) -> None:
    """The restart is counted."""
    async with running(home, part(home, "a"), part(home, "b", after=("a",))) as said:
        old, other = pid_of(home, "a"), pid_of(home, "b")
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await eventually(lambda: pid_of(home, "a") not in (None, old) and order(home).count("a started") == 2)
        assert pid_of(home, "b") == other
        found = read_running(home)
        assert found is not None
        assert [each.restarts for each in found.parts] == [1, 0]
        assert any("a ended by SIGKILL" in line for line in said)


async def test_hooks_are_done_after_every_start_or_only_after_another_one(home: Path) -> None:
    """And again until they succeed."""
    done: list[str] = []

    async def each_time() -> None:
        done.append("each")
        if len(done) == 1:
            raise Unavailable("not yet")

    async def on_restart() -> None:
        done.append("restart")

    async with running(home, part(home, "a", once_ready=each_time), part(home, "b", on_restart=on_restart)):
        assert done == ["each", "each"]
        os.kill(pid_of(home, "b") or 0, signal.SIGKILL)
        await eventually(lambda: "restart" in done)


async def test_a_part_that_cannot_start_stops_everything_and_is_quoted(home: Path) -> None:
    """Its last lines are in the error."""
    broken = part(home, "broken", after=("a",), program="import sys; sys.exit('cannot find the database')")
    with pytest.raises(
        Unavailable, match=r"(?s)cannot start broken: it ended with exit code 1.*cannot find the database"
    ):
        async with running(home, part(home, "a"), broken):
            pytest.fail("it became ready")
    assert order(home) == ["a started", "a stopped"]
    assert parts_of(home) == []


async def test_a_part_that_never_becomes_ready_is_given_up(home: Path) -> None:
    """After the time it has."""

    async def never() -> bool:
        return False

    supervisor = Supervisor(home, [part(home, "a", is_ready=never)], say=_quiet, stop_order=["a"], start_seconds=0.5)
    with pytest.raises(Unavailable, match=r"not ready within 0\.5 seconds"):
        await supervisor.run(addresses(home), stop=asyncio.Event(), ready=lambda: None)
    assert parts_of(home) == []


async def test_a_program_that_does_not_exist_is_named(home: Path) -> None:
    """Plainly."""
    with pytest.raises(Unavailable, match="cannot start a: /no/such/program"):
        async with running(home, part(home, "a", argv=("/no/such/program",))):
            pytest.fail("it became ready")


async def test_a_part_that_ignores_sigterm_is_killed_with_all_it_has_started(home: Path) -> None:
    """After its grace."""
    stubborn = (
        "import pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path(sys.argv[2] + '.' + sys.argv[1]).write_text('x')\n"
        "time.sleep(60)\n"
    )
    async with running(home, part(home, "a", program=stubborn, grace=0.2)):
        assert len(parts_of(home)) == 2


async def test_a_long_log_is_put_aside_at_the_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One older log is kept."""
    monkeypatch.setattr("turnout.local.launching._LOG_LIMIT", 10)
    (home / "run" / "a.log").write_text("x" * 11)
    async with running(home, part(home, "a")):
        assert (home / "run" / "a.log.1").read_text() == "x" * 11
        assert (home / "run" / "a.log").read_text() == ""


async def test_a_token_for_another_server_is_not_handed_to_the_parts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of no use to them."""
    monkeypatch.setenv("TURNOUT_TOKEN", "tno_elsewhere")
    async with running(home, part(home, "a")):
        [process] = parts_of(home)
        assert "TURNOUT_TOKEN" not in process.environ()


SUPERVISED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.test_local_supervisor import addresses, part
from turnout.local.home import only_supervisor_of
from turnout.local.supervisor import Supervisor
home = Path(sys.argv[1])
async def main():
    stop = asyncio.Event()
    import signal
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    table = (part(home, "gateway"), part(home, "worker"))
    supervisor = Supervisor(home, table, say=lambda text: None, stop_order=("gateway", "worker"))
    await supervisor.run(addresses(home), stop=stop, ready=lambda: print("ready", flush=True))
with only_supervisor_of(home) as alone:
    assert alone
    asyncio.run(main())
"""


@pytest.fixture
def supervise(home: Path) -> Callable[[], subprocess.Popen[str]]:
    """Start a supervisor in a process of its own; returns once its parts are ready."""

    def start() -> subprocess.Popen[str]:
        script = SUPERVISED.format(root=str(Path(__file__).parents[2]))
        process = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return start


def test_down_tells_the_supervisor(home: Path, supervise: Callable[[], subprocess.Popen[str]]) -> None:
    """It stops its parts in order."""
    process = supervise()
    assert down(home, say=_quiet) == ("gateway", "worker")
    assert process.wait(5) == 0
    assert order(home)[-2:] == ["gateway stopped", "worker stopped"]
    assert down(home, say=_quiet) == ()


def test_down_after_the_supervisor_was_killed_leaves_nothing(
    home: Path, supervise: Callable[[], subprocess.Popen[str]]
) -> None:
    """The parts are asked to end, in the same order."""
    process = supervise()
    process.kill()
    process.wait(5)
    assert len(parts_of(home)) == 2
    assert down(home, say=_quiet) == ("gateway", "worker")
    assert parts_of(home) == []
    assert order(home)[-2:] == ["gateway stopped", "worker stopped"]


def test_what_a_killed_supervisor_has_left_is_found_without_its_record(
    home: Path, supervise: Callable[[], subprocess.Popen[str]]
) -> None:
    """Even what it could not write down any more."""
    process = supervise()
    process.kill()
    process.wait(5)
    forget_running(home)
    assert down(home, say=_quiet) == ("gateway", "worker")
    assert parts_of(home) == []


def test_a_pid_that_was_given_to_somebody_else_is_left_alone(home: Path) -> None:
    """`down` kills only what it can prove to be ours."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (home / "run" / "state.json").write_text(
            json.dumps({
                "supervisor": {"pid": stranger.pid, "birth": "1", "since": "2026-01-01T00:00:00+00:00"},
                "addresses": None,
                "parts": [],
            })
        )  # fmt: skip
        assert down(home, say=_quiet) == ()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_processes_of_another_home_are_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two homes on one machine do not know each other."""
    environment = os.environ | {MARK: "worker", "TURNOUT_HOME": str(tmp_path_factory.mktemp("other"))}
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent("import time; time.sleep(60)")], env=environment)
    try:
        assert down(home, say=_quiet) == ()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def _quiet(_text: str) -> None: ...
