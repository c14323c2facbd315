"""Restate as the watchdog sees it: questions to its SQL interface, and a few orders to its admin API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpx

from turnout.domain.errors import Unavailable
from turnout.domain.watched import Invocation, RestateFacts, Trace

SERVICES: Final = ("Builds", "Certificates", "Deployments", "Domains", "Observations", "Routing", "Wakes")
"""What the worker serves. Nothing else on that server is looked at or touched: it may be somebody else's."""
_OPERATION: Final = re.compile(r"op_[0-9a-z]{26}")
_LIMIT: Final = 200
_OURS: Final = "target_service_name IN ({})".format(", ".join(f"'{name}'" for name in SERVICES))
_COLUMNS: Final = "id, target_service_name, target_handler_name, idempotency_key, status"
_TROUBLED: Final = (
    f"SELECT {_COLUMNS} FROM sys_invocation WHERE {_OURS} AND status IN ('paused', 'backing-off') "  # noqa: S608
    f"ORDER BY created_at LIMIT {_LIMIT}"
)
_AT_WORK: Final = (
    f"SELECT {_COLUMNS} FROM sys_invocation WHERE {_OURS} AND status IN ('running', 'suspended') "  # noqa: S608
    f"AND idempotency_key LIKE 'op_%' ORDER BY created_at LIMIT {_LIMIT}"
)
_KNOWN: Final = f"SELECT idempotency_key, status FROM sys_invocation WHERE {_OURS} AND idempotency_key IN "  # noqa: S608


class DurableSide:
    """One Restate server. Every method raises Unavailable when it does not answer as it should."""

    def __init__(self, admin: httpx.AsyncClient, *, worker_url: str | None) -> None:
        """`admin` has the admin API's address as its base URL. Without `worker_url` no worker can be registered."""
        self._admin = admin
        self._worker_url = worker_url

    @property
    def can_register(self) -> bool:
        """Whether it is known where the worker is."""
        return self._worker_url is not None

    async def look(self, operation_ids: Iterable[str]) -> RestateFacts:
        """What it has, also of these operations. While it starts it refuses to answer rather than to answer half."""
        services = {row["name"] for row in await self._query("SELECT name FROM sys_service")}
        found = [*await self._query(_TROUBLED), *await self._query(_AT_WORK)]
        return RestateFacts(
            missing_services=tuple(name for name in SERVICES if name not in services),
            invocations=tuple(_invocation(row) for row in found),
            traces=await self._traces([each for each in operation_ids if _OPERATION.fullmatch(each)]),
        )

    async def resume(self, invocation_id: str) -> None:
        """Go on with a paused invocation; one that is not paused stays as it is."""
        await self._order(invocation_id, "resume")

    async def cancel(self, invocation_id: str) -> None:
        """Have its handler end by itself, and undo what it has done."""
        await self._order(invocation_id, "cancel")

    async def kill(self, invocation_id: str) -> None:
        """End it without its handler. What it had begun is for the store to end."""
        await self._order(invocation_id, "kill")

    async def register(self) -> None:
        """Make the worker known, by its revision. Raises Unavailable also when nobody listens at its address."""
        worker = await self._ask("GET", f"{self._worker_url}/revision", None)
        if worker.status_code != 200:
            raise Unavailable(f"cannot ask the worker for its revision: it answers {worker.status_code}")
        try:
            revision = worker.json()["revision"]
        except (ValueError, KeyError, TypeError):
            raise Unavailable("cannot ask the worker for its revision: its answer cannot be read") from None
        response = await self._ask("POST", "/deployments", {"uri": f"{self._worker_url}/v/{revision}"})
        if response.status_code not in (200, 201, 409):
            raise Unavailable(f"cannot register the worker with Restate: it answers {response.status_code}")

    async def _traces(self, operation_ids: Sequence[str]) -> dict[str, Trace]:
        traces: dict[str, Trace] = {}
        for first in range(0, len(operation_ids), _LIMIT):
            named = ", ".join(f"'{each}'" for each in operation_ids[first : first + _LIMIT])
            for row in await self._query(f"{_KNOWN} ({named})"):
                key = row["idempotency_key"]
                if row["status"] != "completed":
                    traces[key] = Trace.ALIVE
                else:
                    traces.setdefault(key, Trace.OVER)
        return traces

    async def _query(self, sql: str) -> list[dict[str, Any]]:
        response = await self._ask("POST", "/query", {"query": sql})
        if response.status_code != 200:
            raise Unavailable(f"cannot ask Restate: it answers {response.status_code}")
        try:
            rows: list[dict[str, Any]] = response.json()["rows"]
        except (ValueError, KeyError, TypeError):
            raise Unavailable("cannot ask Restate: its answer cannot be read") from None
        return rows

    async def _order(self, invocation_id: str, what: str) -> None:
        response = await self._ask("PATCH", f"/invocations/{invocation_id}/{what}", None)
        # 404 and 409: it has ended meanwhile.
        if response.status_code >= 400 and response.status_code not in (404, 409):
            raise Unavailable(f"cannot {what} {invocation_id}: Restate answers {response.status_code}")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        try:
            return await self._admin.request(method, path, json=body, headers={"accept": "application/json"})
        except httpx.HTTPError as error:
            raise Unavailable(f"cannot reach Restate: {type(error).__name__}") from None


def _invocation(row: dict[str, Any]) -> Invocation:
    key = row.get("idempotency_key") or ""
    return Invocation(
        id=row["id"],
        handler=f"{row['target_service_name']}/{row['target_handler_name']}",
        status=row["status"],
        operation_id=key if _OPERATION.fullmatch(key) else None,
    )
