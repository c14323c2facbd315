"""One authenticated connection to the API: requests, streams, and what happens when they are cut."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import BaseModel, ValidationError

from turnout import __version__
from turnout.client.problems import error_from, unreachable, unreadable
from turnout.domain.errors import Invalid

M = TypeVar("M", bound=BaseModel)

SILENCE_SECONDS: Final = 30.0
"""A stream that says nothing for so long is cut: the server writes a comment every ten seconds."""
_HIGHEST_PORT: Final = 65535
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)


def segment(text: str) -> str:
    """The text as one segment of a path, whatever it is: a slash begins no other, and dots lead nowhere."""
    quoted = quote(text, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


class Wire:
    """What the clients share. Close it, or use it in `async with`."""

    def __init__(self, api_url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raises Invalid when `api_url` is not an http address, or `token` can be none."""
        url = _checked(api_url)
        if not (token.isascii() and token.isprintable()):
            raise Invalid("cannot sign in: there are characters in the token that none has; look at TURNOUT_TOKEN")
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}", "user-agent": f"turnout/{__version__}"},
            timeout=_TIMEOUT,
            verify=url.scheme == "https",  # loading the world's certificates takes longer than a request
            transport=transport,
            # A proxy from the environment is for the way out of the machine, never for the way to itself.
            trust_env=not _is_loopback(url.host),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def ask(self, answer: type[M], method: str, path: str, **options: Any) -> M:
        """Send a request and read its answer. Raises TurnoutError."""
        response = await self.send(method, path, **options)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise unreadable(response, error) from None

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request whose answer has nothing to read, or is read by the caller. Raises TurnoutError."""
        try:
            response = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise unreachable(self._http.base_url, error) from None
        if not response.is_success:
            raise error_from(response)
        return response

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, silence: float | None, accept: str
    ) -> AsyncIterator[httpx.Response]:
        """Open a stream that may be silent for `silence` seconds. Raises TurnoutError, also while reading."""
        timeout = httpx.Timeout(30.0, connect=5.0, read=silence)
        headers = {"accept": accept, "cache-control": "no-store"}
        try:
            async with self._http.stream("GET", path, params=params, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_from(response)
                yield response
        except httpx.TransportError as error:
            raise unreachable(self._http.base_url, error) from None

    async def events(self, message: type[M], path: str, *, event: str) -> AsyncGenerator[M, None]:
        """The messages named `event` of one stream, until the server ends it. Raises TurnoutError."""
        async with self.stream(path, silence=SILENCE_SECONDS, accept="text/event-stream") as response:
            try:
                async with aclosing(EventSource(response).aiter_sse()) as events:
                    async for each in events:
                        if each.event == event:
                            yield message.model_validate_json(each.data)
            except (SSEError, ValidationError) as error:
                raise unreadable(response, error) from None


def _checked(api_url: str) -> httpx.URL:
    try:
        url = httpx.URL(api_url)
    except httpx.InvalidURL as error:
        raise Invalid(f"cannot use the server address {api_url!r}: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > _HIGHEST_PORT:
        raise Invalid(f"cannot use the server address {api_url!r}: it has to look like http://127.0.0.1:7000")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
