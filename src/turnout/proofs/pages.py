"""Fetches one short text of a name's web server, and is of no use for anything else.

Whoever asks for a name decides where this request goes. So: the name is looked up once, here; only public addresses
are connected to, and exactly those that were looked at (no second lookup that could answer differently); redirects
are followed on the same host and port only; time and size are bounded; and nothing that was read is ever repeated.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from turnout.domain.proofs import Addresses, NotSeenError
from turnout.proofs.addresses import is_public

_LIMIT: Final = 4096
"""Bytes of an answer."""
_REDIRECTS: Final = 3
_TRIED: Final = 2
"""Addresses of a name that are connected to, one after the other."""
_HEADERS: Final = {"accept": "text/plain", "accept-encoding": "identity", "user-agent": "turnout-domains"}


class WebPages:
    """Implements `Pages` of `domain.proofs`."""

    def __init__(self, addresses: Addresses, *, port: int = 80, timeout: float = 5.0, private: bool = False) -> None:
        """`timeout` is for one whole fetch, in seconds; `private` also connects to addresses that are not public."""
        self._addresses = addresses
        self._port = port
        self._timeout = timeout
        self._private = private

    async def text(self, host: str, path: str) -> str:
        """See `Pages`."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._text(host, path)
        except TimeoutError:
            raise NotSeenError(f"{host} did not answer within {self._timeout:g} s") from None

    async def _text(self, host: str, path: str) -> str:
        found = await self._addresses.addresses(host)
        allowed = [address for address in found if self._private or is_public(address)]
        if not allowed:
            raise NotSeenError(f"{host} leads to {found[0]}, which is no public address")
        trouble: httpx.HTTPError | None = None
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=self._timeout) as client:
            for address in allowed[:_TRIED]:
                try:
                    return await self._follow(client, address, host, path)
                except httpx.TransportError as error:
                    trouble = error
        raise NotSeenError(f"{host} ({allowed[0]}) cannot be asked: {type(trouble).__name__}")

    async def _follow(self, client: httpx.AsyncClient, address: str, host: str, path: str) -> str:
        """One page, and where it redirects to on the same host: the address stays the same all the way."""
        asked = httpx.URL(scheme="http", host=host, port=self._port, path=path)
        for _ in range(_REDIRECTS + 1):
            headers = {**_HEADERS, "host": asked.netloc.decode("ascii")}
            async with client.stream("GET", asked.copy_with(host=address), headers=headers) as response:
                if not response.has_redirect_location:
                    return await _read(host, response)
                asked = self._redirected(asked, response.headers["location"])
        raise NotSeenError(f"{host} redirects more than {_REDIRECTS} times")

    def _redirected(self, asked: httpx.URL, location: str) -> httpx.URL:
        try:
            led = asked.join(location)
        except (httpx.InvalidURL, ValueError):
            raise NotSeenError(f"{asked.host} redirects to what is no address") from None
        if (led.scheme, led.host, led.port) != (asked.scheme, asked.host, asked.port) or led.userinfo:
            raise NotSeenError(
                f"{asked.host} redirects elsewhere, which is not followed; answer the path itself, over plain HTTP"
            )
        return led


async def _read(host: str, response: httpx.Response) -> str:
    if response.status_code != 200:
        raise NotSeenError(f"{host} answers {response.status_code}")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _LIMIT:
            raise NotSeenError(f"{host} answers with more than {_LIMIT} bytes")
    return body.decode("utf-8", "replace")
