"""What every backend promises, asked of the fake, of processes and of a real Docker Engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from tests.faults.disks import MIB, disk, full
from tests.faults.rows import Row
from tests.support import busybox_image, eventually, make_release, require
from turnout.domain.errors import DeploymentFailed, Unavailable
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, HealthCheck, Resources, RunSpec
from turnout.krane import sessions
from turnout.krane.docker import DockerBackend
from turnout.krane.docker_plan import container_name
from turnout.krane.health import Prober
from turnout.krane.output import OutputFile
from turnout.krane.ports import BackendPort, Launch, Observation, Presence
from turnout.krane.process import ProcessBackend
from turnout.krane.testing import FakeBackend

APP = """
import http.server, os, signal, sys, threading, time
print("hello", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.7)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["TURNOUT_INSTANCE_ID"].encode())
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = False
def drain(*_):
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else drain)
server.serve_forever()
server.server_close()
print("bye", flush=True)
"""


class Lab(Protocol):
    """One kind of backend, with apps that behave as the contract needs it."""

    @property
    def backend(self) -> BackendPort: ...

    def spec(self, behaviour: str) -> RunSpec: ...

    async def restarted(self) -> BackendPort:
        """A second backend over the same home, as the next krane would make it."""
        ...


@dataclass
class FakeLab:
    backend: FakeBackend

    def spec(self, behaviour: str) -> RunSpec:
        command = tuple(behaviour.split())
        return RunSpec(deployment_id=new_id("dep"), project="p", backend=Backend.PROCESS, image="any", command=command)

    async def restarted(self) -> BackendPort:
        return self.backend


@dataclass
class ProcessLab:
    home: Path
    backend: ProcessBackend

    def spec(self, behaviour: str, *, memory_mib: int = 256, files: dict[str, str] | None = None) -> RunSpec:
        commands = {
            "serve": ("python", "app.py"),
            "stubborn": ("python", "app.py", "stubborn"),
            "exit 3": ("sh", "-c", "echo goodbye; exit 3"),
        }
        return RunSpec(
            deployment_id=new_id("dep"),
            project="p",
            backend=Backend.PROCESS,
            image=make_release(self.home / "releases", files or {"app.py": APP}),
            command=commands.get(behaviour, tuple(behaviour.split())),
            resources=Resources(memory_mib=memory_mib),
        )

    async def restarted(self) -> BackendPort:
        return ProcessBackend(home=self.home, releases=self.home / "releases")


@dataclass
class DockerLab:
    home: Path
    home_id: str
    backend: DockerBackend

    def spec(self, behaviour: str, *, image: str | None = None) -> RunSpec:
        commands = {
            "serve": ("sh", "-c", "echo hello; exec httpd -f -p $PORT -h /www"),
            "stubborn": ("sh", "-c", 'trap "" TERM; httpd -p $PORT -h /www; while :; do sleep 1; done'),
            "exit 3": ("sh", "-c", "echo goodbye; exit 3"),
        }
        return RunSpec(
            deployment_id=new_id("dep"),
            project="p",
            backend=Backend.DOCKER,
            image=image or busybox_image(),
            command=commands.get(behaviour, tuple(behaviour.split())),
            resources=Resources(memory_mib=32, cpu_millicores=250),
        )

    async def restarted(self) -> BackendPort:
        await self.backend.close()
        self.backend = DockerBackend(home=self.home, home_id=self.home_id)
        return self.backend

    async def inspect(self, instance_id: str) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            "docker", "inspect", container_name(instance_id), stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return dict(json.loads(printed)[0])


@contextlib.asynccontextmanager
async def fake_lab(home: Path) -> AsyncIterator[FakeLab]:
    yield FakeLab(FakeBackend())


@contextlib.asynccontextmanager
async def process_lab(home: Path) -> AsyncIterator[ProcessLab]:
    yield ProcessLab(home, ProcessBackend(home=home, releases=home / "releases"))


@contextlib.asynccontextmanager
async def docker_lab(home: Path) -> AsyncIterator[DockerLab]:
    busybox_image()
    home_id = f"test-{uuid.uuid4().hex}"
    lab = DockerLab(home, home_id, DockerBackend(home=home, home_id=home_id))
    yield lab


LABS: dict[str, Callable[[Path], AbstractAsyncContextManager[Lab]]] = {
    "fake": fake_lab,
    "process": process_lab,
    "docker": docker_lab,
}


async def clean(backend: BackendPort) -> None:
    for found in await backend.found():
        await backend.stop(found.instance_id, grace=0)
        await backend.remove(found.instance_id)
    assert await backend.found() == ()
    await backend.close()


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    async with LABS[request.param](tmp_path) as lab:
        yield lab
        await clean(lab.backend)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[ProcessLab]:
    async with process_lab(tmp_path) as lab:
        yield lab
        await clean(lab.backend)


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[DockerLab]:
    async with docker_lab(tmp_path) as lab:
        yield lab
        await clean(lab.backend)


def launch(spec: RunSpec, *, instance_id: str | None = None) -> Launch:
    return Launch(instance_id=instance_id or new_id("ins"), slot=0, region="here", spec=spec)


async def exited(backend: BackendPort, instance_id: str, *, within: float = 5.0) -> Observation:
    async def gone() -> bool:
        return (await backend.observe(instance_id)).presence is Presence.EXITED

    await eventually(gone, within=within, what=f"{instance_id} exited")
    return await backend.observe(instance_id)


async def healthy(observation: Observation, path: str | None = None) -> None:
    prober = Prober()
    assert observation.address is not None

    async def passes() -> bool:
        assert observation.address is not None
        check = HealthCheck(path=path)
        return (await prober.check(observation.address, check, relayed=observation.relayed)).passed

    await eventually(passes, what=f"{observation.address} answers")
    await prober.close()


# ------------------------------------------------------------------------------------ the contract


async def test_starts_once_per_instance(lab: Lab) -> None:
    """Start is get-or-create: a second one finds the first, at the same address."""
    one = launch(lab.spec("serve"))
    first = await lab.backend.start(one)
    again = await lab.backend.start(one)
    assert first.presence is again.presence is Presence.ALIVE
    assert first.address == again.address
    assert [found.instance_id for found in await lab.backend.found()] == [one.instance_id]
    await healthy(first, "/")


async def test_tells_the_exit_code_and_what_was_printed(lab: Lab) -> None:
    """An instance that ends by itself is EXITED, with its code and its last words."""
    one = launch(lab.spec("exit 3"))
    await lab.backend.start(one)
    assert (await exited(lab.backend, one.instance_id)).exit_code == 3
    assert b"goodbye" in await lab.backend.last_output(one.instance_id)


async def test_starts_an_exited_instance_again(lab: Lab) -> None:
    """The id stays, and the output goes on where it ended."""
    one = launch(lab.spec("exit 3"))
    for _ in range(2):
        await lab.backend.start(one)
        await exited(lab.backend, one.instance_id)

    async def printed_twice() -> bool:
        return (await lab.backend.read_output(one.instance_id, offset=0, limit=1000)).data == b"goodbye\n" * 2

    await eventually(printed_twice)


async def test_stops_with_grace_then_by_force(lab: Lab) -> None:
    """SIGTERM first; who does not listen is killed when the grace is over."""
    one = launch(lab.spec("stubborn"))
    await healthy(await lab.backend.start(one))
    await lab.backend.stop(one.instance_id, grace=1)
    assert (await lab.backend.observe(one.instance_id)).presence is Presence.EXITED
    await lab.backend.stop(one.instance_id, grace=1)  # safe to repeat


async def test_removes_every_trace(lab: Lab) -> None:
    """Nothing is found afterwards, and removing again is no error."""
    one = launch(lab.spec("serve"))
    await lab.backend.start(one)
    await lab.backend.stop(one.instance_id, grace=2)
    await lab.backend.remove(one.instance_id)
    await lab.backend.remove(one.instance_id)
    assert await lab.backend.found() == ()
    assert (await lab.backend.observe(one.instance_id)).presence is Presence.MISSING


async def test_knows_nothing_of_strangers(lab: Lab) -> None:
    """An id nobody started is MISSING, has no output, and can be stopped."""
    stranger = new_id("ins")
    assert (await lab.backend.observe(stranger)).presence is Presence.MISSING
    assert (await lab.backend.read_output(stranger, offset=7, limit=10)).data == b""
    await lab.backend.stop(stranger, grace=0)


@pytest.mark.fault(Row.KRANE_KILLED)
async def test_the_next_krane_takes_over(lab: Lab) -> None:
    """Another backend over the same home finds the instance alive, reads its output and ends it."""
    one = launch(lab.spec("serve"))
    first = await lab.backend.start(one)
    await healthy(first)
    following = await lab.restarted()
    assert [found.presence for found in await following.found()] == [Presence.ALIVE]
    assert (await following.start(one)).address == first.address

    async def has_output() -> bool:
        return b"hello" in (await following.read_output(one.instance_id, offset=0, limit=1000)).data

    await eventually(has_output)
    await following.stop(one.instance_id, grace=3)
    assert (await following.observe(one.instance_id)).presence is not Presence.ALIVE


# --------------------------------------------------------------------------------------- processes


async def test_process_environment_is_its_own(processes: ProcessLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of krane's environment reaches an app; leading assignments and $PORT do."""
    monkeypatch.setenv("TURNOUT_TOKEN", "secret-of-krane")
    spec = processes.spec(
        "GREETING=hi-$PORT TURNOUT_REGION=forged sh show.sh", files={"show.sh": "env; pwd; ulimit -c"}
    )
    one = launch(spec)
    await processes.backend.start(one)
    await exited(processes.backend, one.instance_id)
    lines = (await processes.backend.last_output(one.instance_id)).decode().splitlines()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    assert "secret-of-krane" not in "\n".join(lines)
    assert set(seen) - {"_", "SHLVL", "OLDPWD"} == {
        "GREETING", "HOME", "HOST", "LANG", "PATH", "PORT", "PWD", "PYTHONUNBUFFERED",
        "TURNOUT_DEPLOYMENT_ID", "TURNOUT_INSTANCE_ID", "TURNOUT_REGION",
    }  # fmt: skip
    assert seen["GREETING"] == f"hi-{seen['PORT']}"
    assert seen["TURNOUT_REGION"] == "here"
    assert lines[-1] == "0"  # no core dumps


async def test_process_grandchildren_end_with_the_group(processes: ProcessLab) -> None:
    """Children, also those that left the session, do not outlive their instance."""
    script = "sleep 300 & setsid sleep 301 & echo $! ; nohup sleep 302 >/dev/null 2>&1 & wait"
    one = launch(processes.spec("sh run.sh", files={"run.sh": script}))
    await processes.backend.start(one)

    def sleepers() -> list[int]:
        return [
            p.pid for p in psutil.process_iter(["name", "environ"])
            if p.info["name"] == "sleep" and (p.info["environ"] or {}).get("TURNOUT_INSTANCE_ID") == one.instance_id
        ]  # fmt: skip

    await eventually(lambda: len(sleepers()) == 3)
    await processes.backend.stop(one.instance_id, grace=1)
    await eventually(lambda: not sleepers())


async def test_process_exit_takes_its_children_along(processes: ProcessLab) -> None:
    """When the main process ends, what it left running is cleared away before anything is started again."""
    one = launch(processes.spec("sh run.sh", files={"run.sh": "sleep 300 & exit 4"}))
    await processes.backend.start(one)
    assert (await exited(processes.backend, one.instance_id)).exit_code == 4
    pid = json.loads((processes.home / f"krane/instances/{one.instance_id}/process.json").read_text())["pid"]
    assert sessions.members(pid) == []


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_process_memory_is_watched(processes: ProcessLab) -> None:
    """Who uses more than asked for is killed, and told why."""
    one = launch(
        processes.spec(
            "python hog.py", memory_mib=60, files={"hog.py": "x = bytearray(150 * 2**20)\nimport time; time.sleep(60)"}
        )
    )
    await processes.backend.start(one)
    seen = await exited(processes.backend, one.instance_id)
    assert seen.reason == "used more than its 60 MiB of memory and was killed"


async def test_docker_containers_that_krane_cannot_have_made(docker: DockerLab) -> None:
    """Our mark under another name is found and removed; a copy of an instance, run to look at it, is not touched."""
    one = launch(docker.spec("serve"))
    await docker.backend.start(one)
    mark = f"turnout.home={docker.home_id}"
    with_labels = ["--label", mark, "--label", f"turnout.instance={one.instance_id}"]
    stray = run_docker("run", "-d", *with_labels, busybox_image(), "sleep", "600")
    copy = run_docker("commit", f"turnout-{one.instance_id}")
    looking = run_docker("run", "-d", "--entrypoint", "sleep", copy, "600")
    try:
        found = [found.instance_id for found in await docker.backend.found()]
        assert found == [f"container-{stray[:12]}", one.instance_id]
        await docker.backend.stop(found[0], grace=0)
        await docker.backend.remove(found[0])
        assert [found.instance_id for found in await docker.backend.found()] == [one.instance_id]
        assert run_docker("inspect", "--format", "{{.State.Running}}", looking) == "true"
    finally:
        run_docker("rm", "-f", looking)
        run_docker("image", "rm", copy)


def run_docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


async def test_process_start_nobody_wrote_down(processes: ProcessLab) -> None:
    """krane killed between starting a process and noting its pid: the next one still finds it by its mark."""
    one = launch(processes.spec("serve"))
    await healthy(await processes.backend.start(one))
    note = processes.home / f"krane/instances/{one.instance_id}/process.json"
    state = json.loads(note.read_text())
    note.write_text(json.dumps(state | {"pid": None, "born": None}))
    following = await processes.restarted()
    assert [found.presence for found in await following.found()] == [Presence.ALIVE]
    await following.stop(one.instance_id, grace=0)
    await eventually(lambda: not psutil.pid_exists(state["pid"]) or psutil.Process(state["pid"]).status() == "zombie")


async def test_process_pid_of_a_stranger_is_left_alone(processes: ProcessLab) -> None:
    """A pid that somebody else got after a restart of the machine is neither adopted nor killed."""
    one = launch(processes.spec("exit 3"))
    await processes.backend.start(one)
    await exited(processes.backend, one.instance_id)
    stranger = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    note = processes.home / f"krane/instances/{one.instance_id}/process.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"pid": stranger.pid}))
    following = await processes.restarted()
    await following.stop(one.instance_id, grace=1)
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_process_output_rotates(tmp_path: Path) -> None:
    """Positions go on over a rotation; what is gone is skipped, and said to be."""
    file = OutputFile(tmp_path, limit=1000)
    descriptor = file.open()
    printed = b""
    for number in range(40):
        line = b"%0100d\n" % number
        os.write(descriptor, line)
        printed += line
        assert file.read(len(printed) - 101, 200).data == line
    os.close(descriptor)
    oldest = file.read(0, 10**6)
    assert oldest.offset > 0
    assert printed[oldest.offset :].startswith(oldest.data)
    assert printed.endswith(OutputFile(tmp_path, limit=1000).tail())


@pytest.mark.root
@pytest.mark.fault(Row.DISK_FULL)
async def test_process_output_on_a_full_disk(tmp_path: Path) -> None:
    """Whoever prints goes on printing; when its room is used up, older output makes place for the newer."""
    require("root")
    with disk(tmp_path / "small", mib=8):
        file = OutputFile(tmp_path / "small" / "instance", limit=4 * MIB, reserved=MIB)
        descriptor = file.open()
        os.write(descriptor, b"first\n")
        with full(tmp_path / "small", afterwards=8), pytest.raises(OSError, match="No space left"):
            (tmp_path / "small" / "another").write_bytes(b"x" * MIB)
        with full(tmp_path / "small", afterwards=8):
            printed, seen = 6, 0
            for number in range(100):
                printed += os.write(descriptor, b"%0100000d\n" % number)
                told = file.read(printed - 11, 20)
                assert told.offset == (printed - 11 if told.data else printed)
                seen += told.data == b"%010d\n" % number
            assert seen > 60, "only what stood there when its room was used up is gone"
        os.write(descriptor, b"last\n")
        os.close(descriptor)
        assert file.tail().endswith(b"last\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "nginx:1"}, "is no release"),
        ({"image": f"release:{'0' * 64}"}, "not on this machine"),
        ({"command": ()}, "nothing says what to run"),
    ],
)
async def test_process_refusals_are_plain(processes: ProcessLab, change: dict[str, Any], words: str) -> None:
    """What can never start says why, at once."""
    with pytest.raises(DeploymentFailed, match=words):
        await processes.backend.start(launch(replace(processes.spec("serve"), **change)))


async def test_process_unknown_program(processes: ProcessLab) -> None:
    """The launcher says which program is missing and where it was looked for."""
    one = launch(processes.spec("nosuchprogram --port $PORT"))
    await processes.backend.start(one)
    assert (await exited(processes.backend, one.instance_id)).exit_code == 127
    assert b"cannot run 'nosuchprogram'" in await processes.backend.last_output(one.instance_id)


async def test_process_virtual_environment_comes_first(processes: ProcessLab) -> None:
    """Programs of the release's own .venv win over those of the machine."""
    spec = processes.spec("python --version")
    release = processes.home / "releases" / spec.image.removeprefix("release:")
    (release / ".venv/bin").mkdir(parents=True)
    (release / ".venv/bin/python").write_text("#!/bin/sh\necho own python of $VIRTUAL_ENV\n")
    (release / ".venv/bin/python").chmod(0o755)
    one = launch(spec)
    await processes.backend.start(one)
    await exited(processes.backend, one.instance_id)
    assert f"own python of {release}/.venv" in (await processes.backend.last_output(one.instance_id)).decode()


async def test_process_taken_port(processes: ProcessLab) -> None:
    """Somebody was faster on the port: that is said, and the next start takes another."""
    one = launch(processes.spec("serve"))
    first = await processes.backend.start(one)
    await processes.backend.stop(one.instance_id, grace=0)
    thief = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", int((first.address or "").split(":")[1]))
    try:
        assert (await processes.backend.observe(one.instance_id)).port_taken
        assert (await processes.backend.start(one)).address != first.address
    finally:
        thief.close()


# ------------------------------------------------------------------------------------------ docker


@pytest.mark.docker
async def test_docker_limits_are_really_applied(docker: DockerLab) -> None:
    """What the plan says is what the engine holds the container to."""
    one = launch(docker.spec("serve"))
    await healthy(await docker.backend.start(one))
    details = await docker.inspect(one.instance_id)
    host = details["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 32 * 2**20
    assert (host["NanoCpus"], host["PidsLimit"], host["Init"]) == (250_000_000, 256, True)
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert (details["Mounts"], host["Binds"], host["Privileged"]) == ([], None, False)
    assert "docker.sock" not in json.dumps(details["Mounts"])
    assert details["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"


@pytest.mark.docker
async def test_docker_root_cannot_be_written(docker: DockerLab) -> None:
    """Only /tmp can."""
    words = "touch /tmp/x && echo tmp-writable; touch /x || echo root-read-only; ls /var/run/docker.sock"
    one = launch(docker.spec("serve"))
    one = replace(one, spec=replace(one.spec, command=("sh", "-c", words)))
    await docker.backend.start(one)
    await exited(docker.backend, one.instance_id)
    printed = await docker.backend.last_output(one.instance_id)
    assert b"tmp-writable" in printed
    assert b"root-read-only" in printed


@pytest.mark.docker
@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_docker_memory_hog_has_a_plain_reason(docker: DockerLab) -> None:
    """The engine's out-of-memory kill becomes a sentence."""
    one = launch(docker.spec("tail /dev/zero"))
    await docker.backend.start(one)
    seen = await exited(docker.backend, one.instance_id, within=10)
    assert seen.reason == "used more than its 32 MiB of memory and was killed"


@pytest.mark.docker
async def test_docker_missing_image_says_what_to_do(docker: DockerLab) -> None:
    """No image here and none to be had: the error names both ways out."""
    spec = docker.spec("serve", image="localhost:1/nosuch:v1")
    with pytest.raises(DeploymentFailed, match=r"build it here, or run `docker pull localhost:1/nosuch:v1`"):
        await docker.backend.start(launch(spec))


@pytest.mark.docker
async def test_docker_missing_program_is_named(docker: DockerLab) -> None:
    """A command that the image does not have ends at once, and its name is in the last words."""
    one = launch(docker.spec("nosuchprogram"))
    await docker.backend.start(one)
    assert (await exited(docker.backend, one.instance_id)).exit_code == 127
    assert b"nosuchprogram" in await docker.backend.last_output(one.instance_id)


@pytest.mark.docker
async def test_docker_leaves_other_homes_alone(docker: DockerLab, tmp_path: Path) -> None:
    """Another home on the same engine neither lists nor stops nor removes our containers."""
    one = launch(docker.spec("serve"))
    await docker.backend.start(one)
    other = DockerBackend(home=tmp_path / "other", home_id="another-home")
    assert await other.found() == ()
    await other.stop(one.instance_id, grace=0)
    await other.remove(one.instance_id)
    assert (await docker.backend.observe(one.instance_id)).presence is Presence.ALIVE
    await other.close()


@pytest.mark.docker
async def test_docker_output_is_written_once_over_restarts(docker: DockerLab) -> None:
    """A krane that comes back goes on after the last message, neither losing nor repeating one."""
    spec = docker.spec("serve")
    words = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line-$i; [ $((i%100)) = 0 ] && sleep 0.3; done; sleep 60"
    one = launch(replace(spec, command=("sh", "-c", words)))
    await docker.backend.start(one)

    async def in_the_middle() -> bool:
        return b"line-100\n" in (await docker.backend.read_output(one.instance_id, offset=0, limit=10**6)).data

    await eventually(in_the_middle)
    following = await docker.restarted()
    await following.observe(one.instance_id)

    async def all_there() -> bool:
        data = (await following.read_output(one.instance_id, offset=0, limit=10**6)).data
        return data.endswith(b"line-400\n")

    await eventually(all_there)
    data = (await following.read_output(one.instance_id, offset=0, limit=10**6)).data
    assert data.decode().split() == [f"line-{number}" for number in range(1, 401)]


@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_a_container_that_docker_still_makes_is_waited_for(tmp_path: Path) -> None:
    """The name is taken before the container is there: the answer to a call that was given up and made again."""
    taken = b'{"message": "Conflict. The container name is already in use by container 9e. You have to remove it"}'
    missing = b'{"message": "no such container"}'
    answers = {b"POST": (b"409 Conflict", taken), b"GET": (b"200 OK", b'{"ApiVersion": "1.43"}')}

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, body = answers[head.split()[0]]
                if head.startswith(b"GET") and b"/containers/" in head:
                    status, body = b"404 Not Found", missing
                if length := re.search(rb"(?i)content-length: (\d+)", head):
                    await reader.readexactly(int(length[1]))
                size = str(len(body)).encode()
                kind = b"content-type: application/json"
                writer.write(b"HTTP/1.1 %s\r\n%s\r\ncontent-length: %s\r\n\r\n%s" % (status, kind, size, body))

    server = await asyncio.start_unix_server(engine, str(tmp_path / "engine.sock"))
    backend = DockerBackend(home=tmp_path, home_id="h", url=f"unix://{tmp_path / 'engine.sock'}")
    with pytest.raises(Unavailable, match="still busy"):
        await backend.start(launch(FakeLab(FakeBackend()).spec("serve")))
    await backend.close()
    server.close()


@pytest.mark.parametrize("kind", ["hung", "absent"])
@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_docker_engine_away_is_unavailable(tmp_path: Path, kind: str) -> None:
    """An engine that hangs or is not there is never mistaken for an instance that failed."""
    socket = tmp_path / "engine.sock"
    server = None
    if kind == "hung":
        server = await asyncio.start_unix_server(lambda _r, _w: None, str(socket))
    backend = DockerBackend(home=tmp_path, home_id="h", url=f"unix://{socket}", call_timeout=0.3)
    for call in (
        backend.found(),
        backend.observe(new_id("ins")),
        backend.stop(new_id("ins"), grace=1),
        backend.start(launch(FakeLab(FakeBackend()).spec("serve"))),
    ):
        with pytest.raises(Unavailable, match="Docker Engine"):
            await call
    await backend.close()
    if server is not None:
        server.close()
    shutil.rmtree(tmp_path, ignore_errors=True)
