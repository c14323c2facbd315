"""Envoy's admin interface: the few questions and requests we have for it."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Self

import httpx

from turnout.domain.errors import Unavailable

ACTIVE_CONNECTIONS = "http.gateway.downstream_cx_active"


class Admin:
    """Talks to the admin interface at a Unix socket's path or `host:port`.

    Every method raises Unavailable when nobody answers there.
    """

    def __init__(self, address: str) -> None:
        socket = address if address.startswith("/") else None
        base = "http://envoy" if socket else f"http://{address}"
        self._client = httpx.AsyncClient(base_url=base, transport=httpx.AsyncHTTPTransport(uds=socket), timeout=2.0)

    async def close(self) -> None:
        """Give the connection back."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def is_ready(self) -> bool:
        """Whether Envoy takes requests: it has its first configuration and is not draining."""
        try:
            response = await self._client.get("/ready")
        except httpx.HTTPError as error:
            raise Unavailable(f"cannot reach Envoy's admin interface: {error}") from None
        return response.status_code == httpx.codes.OK

    async def statistic(self, name: str) -> int:
        """One counter or gauge; 0 when Envoy does not have it."""
        response = await self._ask("GET", "/stats", {"filter": f"^{name}$", "format": "json"})
        stats = json.loads(response.content)["stats"]
        return next((int(stat["value"]) for stat in stats if stat.get("name") == name), 0)

    async def drain(self) -> None:
        """Ask every client to go: answers carry `connection: close`, HTTP/2 gets a GOAWAY.

        New connections are still taken, so nobody is turned away before the process really goes.
        """
        await self._ask("POST", "/drain_listeners", {"graceful": "", "skip_exit": ""})

    async def reopen_logs(self) -> None:
        """Have the access log opened anew under its name, soon; until then lines go where they went."""
        await self._ask("POST", "/reopen_logs", {})

    async def config_dump(self) -> bytes:
        """Everything Envoy holds, as JSON; megabytes with many projects."""
        return (await self._ask("GET", "/config_dump", {"include_eds": ""})).content

    async def _ask(self, method: str, path: str, parameters: dict[str, str]) -> httpx.Response:
        try:
            response = await self._client.request(method, path, params=parameters)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"cannot have {path} from Envoy's admin interface: {error}") from None
        return response
