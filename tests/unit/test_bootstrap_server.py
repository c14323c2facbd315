"""What runs beside the API."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import uvicorn

from turnout.bootstrap.server import _serve


class Server:
    """Serves until it is told to stop."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.cut_off = False

    async def serve(self) -> None:
        try:
            await self.told.wait()
        except asyncio.CancelledError:
            self.cut_off = True
            raise


async def test_a_fault_beside_the_api_ends_the_server() -> None:
    """It would take operations that nobody begins; whoever started it starts it again."""
    server = Server()

    async def faulty() -> None:
        raise KeyError("a fault of ours")

    with pytest.raises(ExceptionGroup) as raised:
        await _serve(cast(uvicorn.Server, server), faulty(), _for_ever())
    assert raised.group_contains(KeyError)
    assert server.cut_off


async def test_a_server_that_is_told_to_stop_ends_what_runs_beside_it() -> None:
    """Without an error."""
    server = Server()
    serving = asyncio.create_task(_serve(cast(uvicorn.Server, server), _for_ever()))
    server.told.set()
    await asyncio.wait_for(serving, 5)


async def _for_ever() -> Any:
    await asyncio.Event().wait()
