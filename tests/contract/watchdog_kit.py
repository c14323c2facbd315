"""A watchdog over a real store, with a Restate that says what the test wants and writes down what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
from sqlalchemy import select, update

from tests.contract.store_kit import Yard
from turnout.domain.findings import Finding
from turnout.domain.records import Backend
from turnout.store.schema import audit_log
from turnout.watchdog import SERVICES, DurableSide, Watchdog

WARM = 600.0


@dataclass
class FakeRestate:
    """Answers the admin API from what stands here."""

    away: bool = False
    services: tuple[str, ...] = SERVICES
    invocations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id: rows of `sys_invocation`."""
    told: list[str] = field(default_factory=list)
    """The orders, such as `resume inv_1`."""
    obeys: Callable[[FakeRestate, str, str], None] | None = None
    """What an order does to the rows: of that name, to that invocation."""

    def invoke(
        self, invocation_id: str, status: str, operation_id: str | None = None, handler: str = "Deployments/deploy"
    ) -> None:
        """Have an invocation."""
        service, name = handler.split("/")
        self.invocations[invocation_id] = {
            "id": invocation_id,
            "status": status,
            "idempotency_key": operation_id,
            "target_service_name": service,
            "target_handler_name": name,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """One request to the admin API."""
        if self.away:
            raise httpx.ConnectError("nobody is there")
        if request.url.path == "/query":
            return httpx.Response(200, json={"rows": self._rows(json.loads(request.content)["query"])})
        if request.url.path == "/revision":  # the worker's, not Restate's
            return httpx.Response(200, json={"revision": "r1"})
        if request.url.path == "/deployments":
            self.told.append(f"register {json.loads(request.content)['uri']}")
            self.services = SERVICES
            return httpx.Response(201, json={})
        _, _, invocation_id, order = request.url.path.split("/")
        self.told.append(f"{order} {invocation_id}")
        if self.obeys is not None:
            self.obeys(self, order, invocation_id)
        return httpx.Response(202)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        rows = list(self.invocations.values())
        if "sys_service" in sql:
            return [{"name": name} for name in self.services]
        if "'paused'" in sql:
            return [row for row in rows if row["status"] in ("paused", "backing-off")]
        if "'running'" in sql:
            return [row for row in rows if row["status"] in ("running", "suspended") and row["idempotency_key"]]
        return [row for row in rows if row["idempotency_key"] and f"'{row['idempotency_key']}'" in sql]


class Kennel:
    """A watchdog, its world, and a clock of the test's own."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.restate = FakeRestate()
        self.cancelled_builds: list[str] = []
        self.sent_again: list[str] = []
        self.beats = True
        """Whether the krane and the gateways that are connected are heard of at each look."""
        self.seconds = 0.0
        admin = httpx.AsyncClient(transport=httpx.MockTransport(self.restate), base_url="http://restate")
        self.watchdog = Watchdog(
            store=yard.store,
            restate=DurableSide(admin, worker_url="http://127.0.0.1:1"),
            sender=self,
            builds=self,
            regions=(),
            warm_seconds=WARM,
            logger=structlog.get_logger(),
            clock=lambda: self.seconds,
        )

    async def cancel(self, deployment_id: str) -> None:
        """See `Builds`."""
        self.cancelled_builds.append(deployment_id)

    async def send_again(self, *, operation_id: str) -> None:
        """See `Sender`: Restate has it from then on."""
        asked = await self.yard.store.to_send_again(operation_id=operation_id)
        if asked is not None:
            self.sent_again.append(asked.operation_id)
            self.restate.invoke(f"inv_again_{len(self.sent_again)}", "pending", asked.operation_id)

    async def look(self, *, after: float = 5.0, times: int = 1) -> dict[str, Finding]:
        """Look, some seconds later; what is found then, by its subject."""
        for _ in range(times):
            self.seconds += after
            self.yard.clock.advance(after)
            if self.beats:
                await self._beat()
            await self.watchdog.look()
        return {each.subject: each for each in self.findings()}

    async def _beat(self) -> None:
        store = self.yard.store
        for region in await store.regions():
            if region.connected:
                await store.krane_connected(region=region.name, backends=[Backend.DOCKER])
        if connected := [each.id for each in await store.gateways() if each.connected]:
            await store.gateways_seen(gateway_ids=connected, at=self.yard.clock())

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row but the heartbeats."""
        rows = await self.yard.dump()
        return {name: found for name, found in rows.items() if name not in ("regions", "gateways")}

    def findings(self, workspace_id: str | None = None) -> tuple[Finding, ...]:
        """What the workspace is shown."""
        return self.watchdog.findings(workspace_id=workspace_id or self.yard.workspace.id)

    async def audit(self) -> list[tuple[str, str]]:
        """What the watchdog has written down: what, and about whom."""
        mine = select(audit_log.c.action, audit_log.c.subject).where(audit_log.c.actor == "watchdog")
        async with self.yard.store._db.read() as tx:
            return [tuple(row) for row in await tx.execute(mine.order_by(audit_log.c.id))]

    async def plant(self, table: Any, where: Any, **values: Any) -> None:
        """Change rows behind everybody's back."""
        async with self.yard.store._db.write() as tx:
            await tx.execute(update(table).where(where).values(**values))
