"""One health check: connect, or ask. What follows from it is decided in `instance`."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from turnout.domain.records import HealthCheck

if TYPE_CHECKING:
    import httpx

_BODY_LIMIT: Final = 4096
_QUOTE: Final = 200
_SETTLE: Final = 0.2
_NOBODY: Final = "nothing listens on $PORT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a check went."""

    passed: bool
    detail: str
    """What was asked and what came back, for a person."""


class Prober:
    """Carries out health checks. Follows no redirect, reads a bounded piece of a body, trusts no proxy."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def check(self, address: str, health: HealthCheck, *, relayed: bool = False) -> Verdict:
        """Check once, within the check's timeout. Never raises."""
        what = f"connecting to {address}" if health.path is None else f"GET {health.path}"
        try:
            async with asyncio.timeout(health.timeout):
                if health.path is None:
                    return await _connect(address, what, settle=relayed)
                return await self._get(f"http://{address}{health.path}", what)
        except TimeoutError:
            return Verdict(passed=False, detail=f"{what} got no answer within {health.timeout:g} s")
        except OSError as error:
            return Verdict(passed=False, detail=f"{what} failed: {_plain(error)}")

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()

    async def _get(self, url: str, what: str) -> Verdict:
        import httpx  # noqa: PLC0415  # only once something asks for it: an idle krane stays small

        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=False,  # noqa: S501  # plain HTTP on this machine; saves loading certificates
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113  # the caller bounds the whole check
                limits=httpx.Limits(max_keepalive_connections=0),
                headers={"User-Agent": "turnout-krane", "Accept": "*/*"},
            )
        try:
            port = url.removeprefix("http://").partition("/")[0].rpartition(":")[2]
            # An app that checks Host knows `localhost`; few know the address they are reached under.
            async with self._client.stream("GET", url, headers={"Host": f"localhost:{port}"}) as response:
                if 200 <= response.status_code < 400:
                    return Verdict(passed=True, detail=f"{what} answered {response.status_code}")
                return Verdict(passed=False, detail=f"{what} answered {response.status_code}{await _quote(response)}")
        except httpx.ConnectError:
            return Verdict(passed=False, detail=f"{what} failed: {_NOBODY}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Verdict(passed=False, detail=f"{what} failed: {str(error) or type(error).__name__}")


async def _connect(address: str, what: str, *, settle: bool) -> Verdict:
    """`settle`: a relay accepts for the app and hangs up when the app does not, so wait for that a moment."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        if settle:
            try:
                async with asyncio.timeout(_SETTLE):
                    if not await reader.read(1):
                        return Verdict(passed=False, detail=f"{what} failed: {_NOBODY}")
            except TimeoutError:
                pass  # still connected and silent, as a server waiting for a request should be
        return Verdict(passed=True, detail=f"{what} worked")
    finally:
        writer.close()


async def _quote(response: httpx.Response) -> str:
    """The beginning of the body, on one line."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= _BODY_LIMIT:
            break
    text = " ".join(body[:_BODY_LIMIT].decode("utf-8", errors="replace").split())[:_QUOTE]
    return f": {text}" if text.isprintable() and text else ""


def _plain(error: OSError) -> str:
    """`Connection refused`: what the system calls it, which asyncio's own words hide."""
    if error.errno == errno.ECONNREFUSED:
        return f"{_NOBODY} ({os.strerror(error.errno)})"
    return os.strerror(error.errno) if error.errno else str(error)
