"""Ends what Restate keeps for a worker that is gone for good.

An operation is carried on by the revision of the workflows that began it. When Restate no longer knows that one (it was
removed before it had finished, or went with a machine) nobody ever will, and what waits behind the operation would
wait as long. So it is ended here, in the store first, where a person sees it, and then in Restate.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx

from turnout.domain.errors import TurnoutError, Unavailable
from turnout.store import Store

REASON: Final = "Turnout was upgraded meanwhile, and the version that had begun it is gone"
_LOOK_SECONDS: Final = 5.0
_QUERY: Final = """\
SELECT id, idempotency_key FROM sys_invocation
WHERE status <> 'completed' AND pinned_deployment_id IS NOT NULL
AND pinned_deployment_id NOT IN (SELECT id FROM sys_deployment)"""
_OPERATION: Final = "op_"


@dataclass(frozen=True, slots=True)
class _Invocation:
    id: str
    operation_id: str | None
    """None: it is no part of an operation, such as a look for the proof of a domain."""


class Stranded:
    """Runs beside the dispatcher; several may run at once, because everything it does may be repeated."""

    def __init__(self, *, store: Store, admin: httpx.AsyncClient, logger: Any) -> None:
        """`admin` has the address of Restate's admin API as its base URL."""
        self._store = store
        self._admin = admin
        self._logger = logger

    async def run(self) -> None:
        """Look every few seconds until cancelled. Trouble with Restate or the store is waited out, never raised."""
        while True:
            try:
                await self.sweep()
            except (TurnoutError, httpx.HTTPError) as error:
                self._logger.warning("stranded.trouble", error=str(error) or type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def sweep(self) -> None:
        """One round: operations are ended with the reason, messages are begun anew by whoever is there now."""
        for found in await self._find():
            if found.operation_id is not None:
                await self._store.end_lost(operation_id=found.operation_id, why=REASON)
            await self._admin.patch(f"/invocations/{found.id}/kill")
            self._logger.warning("stranded", invocation_id=found.id, operation_id=found.operation_id)
            if found.operation_id is None:
                await self._begin_anew(found.id)

    async def _find(self) -> list[_Invocation]:
        answer = await self._admin.post("/query", json={"query": _QUERY}, headers={"accept": "application/json"})
        if answer.status_code != 200:
            raise Unavailable(f"cannot look for stranded invocations: Restate answered {answer.status_code}")
        try:
            return [_Invocation(row["id"], _operation(row.get("idempotency_key"))) for row in answer.json()["rows"]]
        except (ValueError, KeyError, TypeError):
            raise Unavailable("cannot look for stranded invocations: Restate's answer cannot be read") from None

    async def _begin_anew(self, invocation_id: str) -> None:
        """What it was asked stands in its journal, which Restate keeps for a while; what it did may be done again."""
        answer = await self._admin.patch(f"/invocations/{invocation_id}/restart-as-new")
        if answer.status_code >= 400:
            self._logger.warning("stranded.lost", invocation_id=invocation_id, status=answer.status_code)


def _operation(key: str | None) -> str | None:
    return key if key is not None and key.startswith(_OPERATION) else None
