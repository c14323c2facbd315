"""Instances as local processes.

Enforced: memory (looked at about once a second, over the whole session; the instance is killed with a plain
reason), open files, no core dumps, an environment without krane's own. Not enforced: CPU is only a priority;
there is no wall between instances, which run as krane's own user, see each other's files and may use any
port; no limit on the size of files, since one on the output would kill healthy instances while krane is
away. Who runs code of strangers uses Docker.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import DeploymentFailed, Unavailable
from turnout.krane import sessions
from turnout.krane.files import instances_folder, read_json, write_atomically
from turnout.krane.network import can_bind, free_port
from turnout.krane.output import OutputFile
from turnout.krane.ports import Found, Launch, Observation, Output, Presence
from turnout.krane.process_plan import plan_process, release_of

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_RUN_ONCE: Final = Path(__file__).with_name("run_once.py")
_MEMORY_INTERVAL: Final = 1.0
_MIB: Final = 2**20
_RESERVED: Final = _MIB
"""Bytes of the disk that an instance has for printing when nobody else finds any more room on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """What is known of one process, in `process.json` of its folder."""

    deployment_id: str
    memory_mib: int
    port: int
    pid: int | None = None
    """The leader of the session; None between the decision to start it and its start."""
    born: str | None = None


@dataclass(kw_only=True, slots=True)
class _Process:
    """One instance's process, with what only the krane that started it knows."""

    state: _State
    output: OutputFile
    child: subprocess.Popen[bytes] | None = None
    reason: str | None = None


class ProcessBackend:
    """Runs each instance in a session of its own, with its output in a file of its own."""

    poll_interval: Final = 0.25

    def __init__(
        self,
        *,
        home: Path,
        releases: Path,
        output_limit: int = 10 * _MIB,
        open_files: int = 65536,
        search_path: str | None = None,
    ) -> None:
        """`search_path` is where programs are looked for after the release's own; by default krane's PATH
        without the virtual environment that krane itself runs in, then a folder with the bare `python` and
        `python3` that krane runs on, so that a machine without either still runs Python apps."""
        self._instances = instances_folder(home)
        self._bin = home / "krane" / "bin"
        self._releases = releases
        self._output_limit = output_limit
        self._launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(open_files)]
        self._search_path = own_search_path() if search_path is None else search_path
        self._known: dict[str, _Process] = {}
        self._memory_seen = 0.0

    async def found(self) -> tuple[Found, ...]:
        folders = await asyncio.to_thread(lambda: [path.parent.name for path in self._instances.glob("*/process.json")])
        marked = await asyncio.to_thread(sessions.marked, self._instances)
        alive = set(marked.values()) | {name for name in folders if (it := self._recall(name)) and _runs(it)}
        return tuple(
            Found(instance_id=name, presence=Presence.ALIVE if name in alive else Presence.EXITED)
            for name in sorted(alive.union(folders))
        )

    async def start(self, launch: Launch) -> Observation:
        process = self._recall(launch.instance_id)
        if process is not None and _runs(process):
            return await self.observe(launch.instance_id)
        if launch.once and process is not None and process.state.pid is not None:
            return await self.observe(launch.instance_id)
        release = release_of(launch.spec.image, self._releases)
        if process is not None:
            await self.stop(launch.instance_id, grace=0)  # what is left of the last run may hold its port
        port = process.state.port if process is not None else free_port(self._ports())
        if not can_bind(port):
            port = free_port(self._ports())
        folder = self._instances / launch.instance_id
        self._provide_python()
        plan = plan_process(
            launch,
            release=release,
            home=folder / "home",
            port=port,
            search_path=f"{self._search_path}:{self._bin}",
        )
        state = _State(deployment_id=launch.spec.deployment_id, memory_mib=launch.spec.resources.memory_mib, port=port)
        process = _Process(state=state, output=OutputFile(folder, limit=self._output_limit, reserved=_RESERVED))
        self._known[launch.instance_id] = process
        # Written before the start: should krane die in between, the next one knows whose mark to look for.
        self._write(launch.instance_id, process)
        (folder / "home").mkdir(exist_ok=True, mode=0o700)
        descriptor = process.output.open()
        try:
            # Not in a thread: between the start and the second write nothing may cancel us.
            process.child = subprocess.Popen(  # noqa: ASYNC220
                [*self._program(launch), str(plan.nice), *plan.arguments],
                cwd=plan.folder,
                env=dict(plan.environment),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"cannot start a process: {error.strerror}") from error
        except ValueError as error:
            raise DeploymentFailed(f"cannot start: {error}; mend the command in turnout.toml") from error
        finally:
            os.close(descriptor)
        process.state = replace(state, pid=process.child.pid, born=sessions.birth(process.child.pid))
        self._write(launch.instance_id, process)
        return Observation(presence=Presence.ALIVE, address=_address(process))

    async def observe(self, instance_id: str) -> Observation:
        process = self._recall(instance_id)
        written = read_json(self._instances / instance_id / "exit.json")
        if process is None or (process.state.pid is None and written is None):
            return Observation(presence=Presence.MISSING)
        self._watch_memory()
        if _runs(process):
            return Observation(presence=Presence.ALIVE, address=_address(process))
        code = process.child.poll() if process.child is not None else None
        code = written["code"] if written is not None else code
        await self._clear(process, within=1.0)
        return Observation(
            presence=Presence.EXITED,
            exit_code=code,
            reason=process.reason,
            port_taken=not can_bind(process.state.port),
        )

    async def stop(self, instance_id: str, *, grace: float) -> None:
        process = self._recall(instance_id)
        if process is not None and grace > 0:
            deadline = time.monotonic() + grace
            sessions.send(_members(process), signal.SIGTERM)
            while _members(process) and time.monotonic() < deadline:  # noqa: ASYNC110  # the kernel sets no event
                await asyncio.sleep(0.05)
        if process is not None:
            await self._clear(process, within=5.0)
            if process.child is not None:
                process.child.poll()
        if process is not None or (self._instances / instance_id).exists():
            await self._clear_marked(instance_id)

    async def remove(self, instance_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._instances / instance_id, ignore_errors=True)
        self._known.pop(instance_id, None)

    async def read_output(self, instance_id: str, *, offset: int, limit: int) -> Output:
        process = self._recall(instance_id)
        return Output(offset=offset, data=b"") if process is None else process.output.read(offset, limit)

    async def last_output(self, instance_id: str) -> bytes:
        process = self._recall(instance_id)
        return b"" if process is None else process.output.tail()

    async def close(self) -> None:
        """Nothing to let go of."""

    def _program(self, launch: Launch) -> list[str]:
        """What is run; a job's end is written down beside it."""
        if not launch.once:
            return self._launcher
        exit_file = self._instances / launch.instance_id / "exit.json"
        return [sys.executable, "-I", "-S", str(_RUN_ONCE), str(exit_file), *self._launcher]

    # ------------------------------------------------------------------------------- what is remembered

    def _recall(self, instance_id: str) -> _Process | None:
        """The process of an instance, if need be as an earlier krane wrote it down."""
        if instance_id not in self._known:
            folder = self._instances / instance_id
            state = _state(read_json(folder / "process.json"))
            if state is None:
                return None
            self._known[instance_id] = _Process(
                state=state, output=OutputFile(folder, limit=self._output_limit, reserved=_RESERVED)
            )
        return self._known[instance_id]

    def _write(self, instance_id: str, process: _Process) -> None:
        try:
            write_atomically(self._instances / instance_id / "process.json", asdict(process.state))
        except OSError as error:
            raise Unavailable(f"cannot write below {self._instances}: {error.strerror}; free some space") from error

    def _ports(self) -> set[int]:
        """Ports given to instances, running or about to be restarted."""
        return {process.state.port for process in self._known.values()}

    def _provide_python(self) -> None:
        python = os.path.realpath(sys.executable)
        for name in ("python", "python3"):
            link = self._bin / name
            if not link.exists():
                self._bin.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(python)

    # -------------------------------------------------------------------------------- ending and limits

    async def _clear(self, process: _Process, *, within: float) -> None:
        """Kill what is left of the session. Raises Unavailable when the kernel does not let go in time."""
        deadline = time.monotonic() + within
        while alive := _members(process):
            sessions.send(alive, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise Unavailable(f"cannot end the processes {alive}: the kernel still holds them")
            await asyncio.sleep(0.01)

    async def _clear_marked(self, instance_id: str) -> None:
        """Kill what left the session but still carries the mark: daemons, and starts nobody wrote down."""
        marked = await asyncio.to_thread(sessions.marked, self._instances)
        sessions.send([pid for pid, name in marked.items() if name == instance_id], signal.SIGKILL)

    def _watch_memory(self) -> None:
        """Once a second, for all instances in one go: kill those that use more than they asked for."""
        if time.monotonic() - self._memory_seen < _MEMORY_INTERVAL:
            return
        self._memory_seen = time.monotonic()
        table = sessions.sessions()
        for process in self._known.values():
            pids = table.get(process.state.pid or 0, [])
            if pids and _owns(process) and sessions.memory(pids) > process.state.memory_mib * _MIB:
                process.reason = f"used more than its {process.state.memory_mib} MiB of memory and was killed"
                sessions.send(pids, signal.SIGKILL)


def own_search_path() -> str:
    """krane's PATH without the virtual environment it runs in: no app shall see Turnout's own libraries."""
    own = Path(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if folder and Path(folder) != own) or os.defpath


def _address(process: _Process) -> str:
    return f"127.0.0.1:{process.state.port}"


def _runs(process: _Process) -> bool:
    """Whether the leader lives; an own child that ended is reaped."""
    if process.child is not None and process.child.poll() is not None:
        return False
    return process.state.pid is not None and sessions.birth(process.state.pid) == process.state.born is not None


def _owns(process: _Process) -> bool:
    """Whether the session of that number is still ours: its leader lives, or nobody has its pid."""
    return process.state.pid is not None and sessions.birth(process.state.pid) in (None, process.state.born)


def _members(process: _Process) -> list[int]:
    return sessions.members(process.state.pid) if process.state.pid is not None and _owns(process) else []


def _state(content: dict[str, Any] | None) -> _State | None:
    try:
        return None if content is None else _State(**content)
    except TypeError:  # written by a krane of another version
        return None
