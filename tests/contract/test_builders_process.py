"""Release folders and the processes that build them: kills, cancels, deadlines, environments."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.builder_labs import WORK, ProcessLab, Work, ended, nothing_runs, processes_of, request_of, running
from tests.faults.rows import Row
from tests.support import eventually
from turnout.builds.local import LocalBuilds
from turnout.builds.service import BuildStatus
from turnout.domain.errors import NotFound
from turnout.domain.records import Backend


@pytest.fixture
def local(tmp_path: Path) -> Iterator[ProcessLab]:
    lab = ProcessLab(tmp_path)
    yield lab
    lab.go_on()
    assert nothing_runs(tmp_path)


async def test_killed_builder_is_started_again(local: ProcessLab) -> None:
    """The process of a build dies: what it started is ended too, and another one builds from the beginning."""
    local.hold()
    request = await local.request()
    await local.builds.start(request)
    work = await Work(local, request).process()
    builder = work.parent()
    assert builder is not None
    builder.kill()
    await eventually(lambda: not builder.is_running())
    assert work.is_running(), "the command outlives its builder, until somebody looks"
    await local.builds.look(request.deployment_id)
    await eventually(lambda: not work.is_running())
    local.go_on()
    assert (await ended(local.builds, request)).status is BuildStatus.DONE
    assert local.count(request) == 1, "the second began with a fresh folder"
    assert "starting again" in local.log(request)


async def test_builder_lost_too_often(local: ProcessLab) -> None:
    """Three times, and the build fails with a reason."""
    local.hold()
    request = await local.request()
    await local.builds.start(request)
    for _ in range(3):
        builder = (await Work(local, request).process()).parent()
        assert builder is not None
        builder.kill()
        await eventually(lambda dead=builder: not dead.is_running())  # type: ignore[misc]
        state = await local.builds.look(request.deployment_id)
    assert state.status is BuildStatus.FAILED
    assert state.reason is not None
    assert "lost 3 times" in state.reason
    assert list(local.home.glob("releases/*")) == []


async def test_build_outlives_its_starter(local: ProcessLab) -> None:
    """`kill -9` of the process that started it leaves a build alone; another process sees it end."""
    local.hold()
    request = await local.request()
    code = f"""
import asyncio, pathlib, time
from turnout.builds.local import LocalBuilds
from turnout.builds.service import BuildRequest
from turnout.domain.records import Backend
home = pathlib.Path({str(local.home)!r})
builds = LocalBuilds(home)
request = BuildRequest(deployment_id={request.deployment_id!r}, workspace="hello", source_id={request.source_id!r},
                       backend=Backend.PROCESS, build_command={request.build_command!r}, deadline_seconds=60.0)
asyncio.run(builds.start(request))
print("started", flush=True)
time.sleep(60)
"""
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    assert await starter.stdout.readline() == b"started\n"
    work = await Work(local, request).process()
    os.killpg(starter.pid, signal.SIGKILL)
    await starter.wait()
    assert work.is_running()
    local.go_on()
    assert (await ended(local.builds, request)).status is BuildStatus.DONE
    assert local.count(request) == 1
    assert "starting again" not in local.log(request)


async def test_cancel_ends_every_process(local: ProcessLab) -> None:
    """Children, and children that have left the group, the session and their environment's parent."""
    local.hold()
    work = "import os, subprocess, sys\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n" + WORK
    source_id = await local.store({"work.py": work})
    request = request_of(source_id, Backend.PROCESS, ("python3", "work.py", str(local.gate)))
    await local.builds.start(request)
    await eventually(lambda: len(processes_of(local.folder)) >= 4, within=15, what="three and the builder")
    await local.builds.cancel(request.deployment_id)
    assert processes_of(local.folder) == []
    assert list(local.home.glob("releases/.*")) + list(local.home.glob("releases/*")) == []


@pytest.mark.full
async def test_what_a_command_leaves_running_ends_with_the_build(local: ProcessLab) -> None:
    """A daemon that a build starts is not part of the image, and does not keep the build from ending."""
    leave = "import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)\nprint('done')"
    request = request_of(await local.store({"work.py": leave}), Backend.PROCESS, ("python3", "work.py"))
    await local.builds.start(request)
    assert (await ended(local.builds, request, within=40)).status is BuildStatus.DONE
    assert await asyncio.to_thread(nothing_runs, local.folder)


async def test_deadline(local: ProcessLab) -> None:
    """A build that takes too long is ended, says so, and leaves nothing."""
    local.hold()
    request = replace(await local.request(), deadline_seconds=6.0)
    await local.builds.start(request)
    state = await ended(local.builds, request, within=40)
    assert state.reason is not None
    assert "took longer than 6 seconds" in state.reason
    assert "building" in state.reason, "it quotes what was printed"
    assert list(local.home.glob("releases/*")) == []


@pytest.mark.full
async def test_deadline_of_a_builder_that_hangs(local: ProcessLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder ends late builds itself; when it cannot, the next look does."""
    monkeypatch.setattr("turnout.builds.local._LATE_GRACE_SECONDS", 0.2)
    local.hold()
    request = replace(await local.request(), deadline_seconds=6.0)
    await local.builds.start(request)
    builder = (await Work(local, request).process()).parent()
    assert builder is not None
    builder.suspend()
    state = await ended(local.builds, request, within=40)
    assert state.reason is not None
    assert "took longer than 6 seconds" in state.reason
    assert list(local.home.glob("releases/*")) == []


@pytest.mark.fault(Row.CLOCK_JUMPS)
async def test_changed_clock_changes_no_deadline(local: ProcessLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sets the machine's clock while a build runs: the build goes on."""
    local.hold()
    request = await local.request()
    await local.builds.start(request)
    await Work(local, request).process()
    now = time.time()
    for minutes in (-5, 5):
        monkeypatch.setattr(time, "time", lambda moved=now + minutes * 60: moved)
        assert (await local.builds.look(request.deployment_id)).status is BuildStatus.RUNNING
    monkeypatch.undo()
    local.go_on()
    assert (await ended(local.builds, request)).status is BuildStatus.DONE


async def test_cancel_of_one_leaves_the_other(local: ProcessLab) -> None:
    """Two deployments of one source: the one that waits is cancelled, or the one that builds; the other ends well."""
    local.hold()
    first, second, third = [await local.request() for _ in range(3)]
    await local.builds.start(first)
    await Work(local, first).process()
    await local.builds.start(second)
    await local.builds.start(third)
    await running(local.builds, second)
    await local.builds.cancel(second.deployment_id)
    assert (await local.builds.look(first.deployment_id)).status is BuildStatus.RUNNING
    await local.builds.cancel(first.deployment_id)
    local.go_on()
    assert (await ended(local.builds, third)).status is BuildStatus.DONE
    assert local.count(third) == 1
    assert list(local.home.glob("releases/.*")) == []


async def test_requirements_get_an_environment_of_their_own(local: ProcessLab) -> None:
    """The build command finds the release's own `python` and `pip`, and nothing of Turnout's or secret."""
    show = (
        "import os, sys, pathlib, shutil\n"
        "print(sys.prefix, shutil.which('pip'), sorted(os.environ))\n"
        "pathlib.Path('seen').write_text(f\"{sys.prefix}\\n{shutil.which('pip')}\\n{os.environ['HOME']}\")\n"
    )
    source_id = await local.store({"requirements.txt": "# nothing\n", "show.py": show})
    request = request_of(source_id, Backend.PROCESS, ("python", "show.py"))
    environ = {**os.environ, "TURNOUT_TOKEN": "secret-1", "AWS_SECRET_ACCESS_KEY": "secret-2"}
    builds = LocalBuilds(local.home, environ=environ)
    await builds.start(request)
    state = await ended(builds, request, within=60)
    assert state.image is not None, state.reason
    release = builds.release_folder(state.image)
    assert (release / "app/seen").read_text().splitlines()[:2] == [
        str(release / ".venv"),
        str(release / ".venv/bin/pip"),
    ]
    assert str(Path.home()) not in (release / "app/seen").read_text().splitlines()[2:]
    assert "TURNOUT_TOKEN" not in local.log(request)
    assert "AWS_SECRET" not in local.log(request)
    assert not local.build(request).scratch.exists()


async def test_source_without_anything_to_build(local: ProcessLab) -> None:
    """No requirements and no command: the release is the source, and no environment is made."""
    request = request_of(await local.store({"app.py": "print(1)"}), Backend.PROCESS)
    await local.builds.start(request)
    state = await ended(local.builds, request)
    assert state.image is not None
    release = local.builds.release_folder(state.image)
    assert (release / "app/app.py").read_text() == "print(1)"
    assert not (release / ".venv").exists()


@pytest.mark.parametrize("command", [("no-such-program",), ("./missing.sh",), ("sh", "-c", "kill -9 $$")])
async def test_command_that_cannot_run(local: ProcessLab, command: tuple[str, ...]) -> None:
    """The reason names the program, or the signal; nothing is left of the release."""
    request = request_of(await local.store({"app.py": ""}), Backend.PROCESS, command)
    await local.builds.start(request)
    state = await ended(local.builds, request)
    assert state.reason is not None
    assert "SIGKILL" in state.reason if command[0] == "sh" else f"no program {command[0]!r}" in state.reason
    assert list(local.home.glob("releases/*")) == []


async def test_shell_characters_stay_words(local: ProcessLab) -> None:
    """No shell takes part: what a name or a word contains is never run."""
    words = ("python3", "-c", "import sys; print(sys.argv[1:])", "; touch pwned", "$(touch pwned)", "`touch pwned`")
    request = request_of(await local.store({"app.py": ""}), Backend.PROCESS, words)
    await local.builds.start(request)
    state = await ended(local.builds, request)
    assert state.image is not None
    assert [path.name for path in (local.builds.release_folder(state.image) / "app").iterdir()] == ["app.py"]


async def test_unknown_source(local: ProcessLab) -> None:
    """A build of a source that nobody uploaded is refused, and nothing is begun."""
    with pytest.raises(NotFound, match="upload it again"):
        await local.builds.start(request_of("0" * 64, Backend.PROCESS))
    assert not (local.home / "builds").exists()
