"""Output on its way to a server that forgets, lags and goes away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from turnout.domain.errors import Unavailable
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, RunSpec
from turnout.krane.ports import Launch, Output
from turnout.krane.settings import KraneSettings
from turnout.krane.shipping import Shipper
from turnout.krane.testing import FakeBackend, FakeControlPlane

SPEC = RunSpec(deployment_id="dep_1", project="p", backend=Backend.PROCESS, image="i", command=("silent",))
INSTANCE = new_id("ins")


class Forgetful(FakeBackend):
    """Its oldest bytes are gone."""

    oldest = 0

    async def read_output(self, instance_id: str, *, offset: int, limit: int) -> Output:
        start = max(offset, self.oldest)
        output = await super().read_output(instance_id, offset=start, limit=limit)
        return Output(offset=start if output.data else offset, data=output.data)


@pytest.fixture
async def backend() -> Forgetful:
    backend = Forgetful()
    await backend.start(Launch(instance_id=INSTANCE, slot=0, region="r", spec=SPEC))
    backend._instances[INSTANCE].output = b""
    return backend


def shipper(server: FakeControlPlane, backend: FakeBackend, chunk: int = 4) -> Shipper:
    settings = KraneSettings(home=Path("/h"), region="r", log_chunk=chunk, log_flush=0.2)
    return Shipper(server, backend, settings, instance_id=INSTANCE, deployment_id="dep_1")


async def test_goes_on_where_the_server_stands(backend: Forgetful) -> None:
    """A new krane asks first, and repeats nothing."""
    server = FakeControlPlane(known={INSTANCE}, logs={INSTANCE: b"0123"})
    backend.print(INSTANCE, b"0123456789")
    await shipper(server, backend).flush()
    assert server.logs[INSTANCE] == b"0123456789"


async def test_a_server_that_lost_some_gets_it_again(backend: Forgetful) -> None:
    """After a time without the server, what it says it has is what counts."""
    server = FakeControlPlane(known={INSTANCE})
    ship = shipper(server, backend)
    backend.print(INSTANCE, b"01234567")
    await ship.flush()
    server.logs[INSTANCE] = b"01"
    backend.print(INSTANCE, b"89")
    await ship.flush()
    assert server.logs[INSTANCE] == b"0123456789"


async def test_bytes_that_are_gone_are_counted(backend: Forgetful) -> None:
    """The rest keeps its position, so that the next krane goes on at the right one."""
    server = FakeControlPlane(known={INSTANCE})
    ship = shipper(server, backend)
    backend.print(INSTANCE, b"0123456789")
    assert await ship.ship() == 4
    backend.oldest = 8
    while await ship.ship():
        pass
    backend.print(INSTANCE, b"ab")
    await shipper(server, backend).flush()
    assert server.logs[INSTANCE] == b"012389ab"
    assert server.lost[INSTANCE] == 4


async def test_flush_gives_up(backend: Forgetful) -> None:
    """A server that is away does not hold up the end of an instance."""
    server = FakeControlPlane(away=True)
    backend.print(INSTANCE, b"0123")
    await shipper(server, backend).flush()
    with pytest.raises(Unavailable):
        await shipper(server, backend).ship()


def test_an_idle_krane_is_small() -> None:
    """Nothing heavy is loaded before it is needed."""
    code = (
        "import sys, turnout.krane.agent, turnout.krane.process, turnout.krane.docker, turnout.krane.detect;"
        "print([m for m in ('aiodocker', 'aiohttp', 'httpx', 'sqlalchemy', 'fastapi', 'restate', 'grpc')"
        " if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
