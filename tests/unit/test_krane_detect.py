"""Which backends a machine has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from turnout.domain.records import Backend
from turnout.krane.detect import Wanted, detect_backends, docker_address, docker_answers
from turnout.krane.process_plan import nice_for


async def _engine(socket: Path, answer: bytes) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return await asyncio.start_unix_server(handle, str(socket))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("auto", (Backend.DOCKER, Backend.PROCESS)),
        ("docker", (Backend.DOCKER,)),
        ("process", (Backend.PROCESS,)),
    ],
)
async def test_wanted_decides(tmp_path: Path, wanted: Wanted, found: tuple[Backend, ...]) -> None:
    """Both, or only the one that was asked for."""
    server = await _engine(tmp_path / "s", b"HTTP/1.0 200 OK\r\n\r\nOK")
    assert await detect_backends(wanted, docker_url=f"unix://{tmp_path / 's'}") == found
    server.close()


async def test_only_an_engine_that_answers_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, an error, a hung engine, an address of a kind we do not know: no Docker."""
    monkeypatch.setattr("turnout.krane.detect._TIMEOUT", 0.1)
    sick = await _engine(tmp_path / "sick", b"HTTP/1.0 500 X\r\n\r\n")
    hung = await asyncio.start_unix_server(lambda _r, _w: None, str(tmp_path / "hung"))
    for url in (None, f"unix://{tmp_path}/none", f"unix://{tmp_path}/sick", f"unix://{tmp_path}/hung", "ssh://x"):
        assert not await docker_answers(url)
    sick.close()
    hung.close()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert docker_address() == f"unix://{tmp_path}/none"
    assert await detect_backends() == (Backend.PROCESS,)


def test_less_cpu_yields_to_more() -> None:
    """Nice falls as the share grows, within 0 to 10."""
    values = [nice_for(millicores) for millicores in (10, 100, 250, 500, 1000, 8000)]
    assert values == sorted(values, reverse=True)
    assert (values[0], values[-1]) == (10, 0)
    assert nice_for(1000) == 0
