"""Variables on their way through krane: fetched for each start, given to the instance, and kept nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.contract.test_krane_agent import Region, S, region_of
from tests.support import eventually
from turnout.domain.errors import NotFound, Undecryptable
from turnout.domain.records import Backend, RunSpec
from turnout.krane.process import ProcessBackend
from turnout.krane.testing import FakeBackend

SECRET = "planted-9Zr4Wm"
APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            os._exit(7)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("KEY", "nothing").encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Region]:
    """A region with real processes."""
    backend = ProcessBackend(home=tmp_path, releases=tmp_path / "releases")
    async with region_of(tmp_path, {Backend.PROCESS: backend}) as region:
        yield region


def wants(region: Region, *words: str) -> RunSpec:
    """An app that has a variable."""
    spec = replace(region.app(APP, *words), has_variables=True)
    region.server.variables[spec.deployment_id] = {"KEY": SECRET}
    return spec


async def answer(address: str | None, path: str = "/") -> str:
    """What an instance says."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{address}{path}")).text


async def crash(address: str | None) -> None:
    """Have an instance end by itself."""
    with contextlib.suppress(httpx.HTTPError):
        await answer(address, "/exit")


async def test_the_instance_alone_has_them(machine: Region) -> None:
    """It reads them; krane's files and the list of processes do not hold them, also after a restart and a new krane."""
    spec = wants(machine, "$KEY")
    machine.server.run(spec)
    one = await machine.become(spec, S.RUNNING)
    assert await answer(one.address) == SECRET
    await crash(one.address)
    await machine.server.until(lambda: machine.of(spec)[0].restarts == 1 and machine.are(spec, S.RUNNING))
    await machine.restarts_krane()
    await machine.server.until(lambda: machine.are(spec, S.RUNNING))
    assert await answer(machine.of(spec)[0].address) == SECRET
    assert machine.server.fetched == [spec.deployment_id] * 2, "once for each start, none for taking over"
    files = [path for path in machine.home.rglob("*") if path.is_file()]
    assert any(path.name == "instance.json" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert SECRET.encode() not in arguments.read_bytes()


async def test_a_restart_waits_for_the_server(machine: Region) -> None:
    """While it is away nothing is started without its variables; an app that has none does not wait."""
    with_variables, without = wants(machine), machine.app(APP)
    machine.server.run(with_variables, without)
    one = await machine.become(with_variables, S.RUNNING)
    other = await machine.become(without, S.RUNNING)
    machine.server.go_away()
    await crash(one.address)
    await crash(other.address)
    await eventually(lambda: answers(other.address, "nothing"))
    assert not await answers(one.address, SECRET)
    machine.server.come_back()
    await eventually(lambda: answers(one.address, SECRET), within=10)


async def answers(address: str | None, text: str) -> bool:
    """Whether an instance is there and says that."""
    try:
        return await answer(address) == text
    except httpx.HTTPError:
        return False


async def test_variables_that_do_not_open_fail_the_deployment(tmp_path: Path) -> None:
    """At once, with the server's sentence; nothing was started."""
    fake = FakeBackend()
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        region.server.refusal = Undecryptable("cannot decrypt KEY version 1: it was changed")
        spec = replace(region.spec(), has_variables=True)
        region.server.run(spec)
        assert "KEY version 1" in ((await region.become(spec, S.FAILED)).reason or "")
        assert fake.starts == 0


async def test_another_refusal_is_waited_out(tmp_path: Path) -> None:
    """It may be over in a moment; the report says what it is."""
    fake = FakeBackend()
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        region.server.refusal = NotFound("there is no such deployment")
        spec = replace(region.spec(), has_variables=True)
        region.server.run(spec)
        await region.server.until(lambda: any("cannot be fetched" in (one.reason or "") for one in region.of(spec)))
        region.server.refusal = None
        await region.become(spec, S.RUNNING)
        assert fake.starts == 1
