"""Constant requests to one domain, counted while versions are switched underneath."""

import asyncio
import collections
import time
from typing import Self

import httpx


class Traffic:
    """A few clients that ask again as soon as they were answered, until the block is left."""

    def __init__(self, gateway_url: str, host: str, *, clients: int = 4) -> None:
        self.host = host
        self.answers: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self._gateway_url = gateway_url
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def sent(self) -> int:
        """Requests that were answered or failed."""
        return sum(self.answers.values()) + len(self.failures)

    async def _ask(self) -> None:
        async with httpx.AsyncClient(
            base_url=self._gateway_url, headers={"host": self.host}, trust_env=False
        ) as client:
            while True:
                try:
                    answer = await client.get("/")
                except httpx.HTTPError as error:
                    self.failures.append(type(error).__name__)
                    continue
                if answer.status_code == 200:
                    self.answers[answer.headers.get("x-hello-version", "?")] += 1
                else:
                    self.failures.append(f"{answer.status_code} {answer.text[:80]}")
                await asyncio.sleep(0.002)


async def version_at(gateway_url: str, host: str) -> str:
    """The version that answers at a domain."""
    async with httpx.AsyncClient(base_url=gateway_url, headers={"host": host}, trust_env=False) as client:
        started = time.monotonic()
        answer = await client.get("/")
        took = (time.monotonic() - started) * 1000
    return f"{answer.text.strip()} ({answer.status_code}, {took:.1f} ms)"
