"""Everything that can be seen of one running Turnout, read once from where each part keeps it.

Nothing here asks a part what it believes of another one: rows are read from the database, invocations from Restate,
containers from the engine, processes and folders from the machine, routes from Envoy, and answers from the domains.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.faults.seen_gateway import Answer, Envoy, ask_domains, see_envoy
from tests.faults.seen_machine import Seen, see_processes
from tests.kit import Turnout
from tests.support import CERTIFICATES
from turnout.krane.docker_plan import LABEL_HOME, LABEL_INSTANCE

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """One moment of a home. The parts are read one after another, so what still moves may disagree."""

    home: Path
    tables: dict[str, Rows]
    invocations: Rows
    containers: dict[str, str]
    """Instance → state of its container."""
    processes: tuple[Seen, ...]
    envoy: Envoy
    answers: dict[str, Answer]

    def rows(self, table: str, **having: Any) -> Rows:
        """The rows of a table with these values."""
        return [row for row in self.tables[table] if all(row[name] == value for name, value in having.items())]

    def addresses(self, deployment_id: str) -> frozenset[str]:
        """Where the instances of a deployment are that may have traffic, by the store."""
        running = self.rows("instances", deployment_id=deployment_id, status="running")
        return frozenset(row["address"] for row in running if row["registered"] and row["address"])

    @property
    def generation(self) -> int:
        """The newest generation of the store."""
        return max((int(row["value"]) for row in self.rows("counters", name="generation")), default=0)

    def history(self, project_id: str) -> Rows:
        """The switches of a project, the first one first."""
        return sorted(self.rows("switches", project_id=project_id), key=lambda row: row["generation"])


def look(turnout: Turnout) -> World:
    """See everything. Raises httpx.HTTPError or OSError when a part does not answer at all."""
    tables = read_tables(turnout)
    return World(
        home=turnout.home,
        tables=tables,
        invocations=ask_restate(turnout, "SELECT id, target, status, idempotency_key FROM sys_invocation"),
        containers=see_containers(turnout),
        processes=see_processes(turnout),
        envoy=see_envoy(turnout),
        answers=ask_domains(turnout, [row["fqdn"] for row in tables["routes"]]),
    )


def read_tables(turnout: Turnout) -> dict[str, Rows]:
    """Every table of the store, as they were at one moment."""
    url = turnout.environment.get("TURNOUT_DATABASE_URL", "")
    if url.startswith("postgresql"):
        return asyncio.run(_read_postgres(url.replace("+asyncpg", "")))
    with closing(sqlite3.connect(f"file:{turnout.home / 'turnout.db'}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        database.execute("BEGIN")
        names = [row["name"] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: [dict(row) for row in database.execute(f'SELECT * FROM "{name}"')] for name in names}


async def _read_postgres(url: str) -> dict[str, Rows]:
    database = await asyncpg.connect(url)
    try:
        async with database.transaction(isolation="repeatable_read", readonly=True):
            named = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            names = [row["tablename"] for row in named]
            return {name: [dict(row) for row in await database.fetch(f'SELECT * FROM "{name}"')] for name in names}
    finally:
        await database.close()


def ask_restate(turnout: Turnout, query: str) -> Rows:
    """A query of Restate's own tables."""
    address = turnout.environment.get("TURNOUT_RESTATE_ADMIN_URL")
    if address is None:
        ports = json.loads((turnout.home / "run" / "ports.json").read_text())
        address = f"http://127.0.0.1:{ports['restate_admin']}"
    asked = httpx.post(
        f"{address}/query",
        json={"query": query},
        headers={"accept": "application/json"},
        timeout=30,
        trust_env=False,
        verify=CERTIFICATES,
    )
    rows: Rows = asked.raise_for_status().json()["rows"]
    return rows


def see_containers(turnout: Turnout) -> dict[str, str]:
    """The containers of this home, running or not; none when no engine has ever been used."""
    mark = turnout.home / "run" / "home-id"
    if not mark.exists() or turnout.environment.get("TURNOUT_KRANE_BACKEND") == "process":
        return {}
    form = '{{.Label "' + LABEL_INSTANCE + '"}} {{.State}}'
    listing = ["docker", "ps", "--all", "--filter", f"label={LABEL_HOME}={mark.read_text()}", "--format", form]
    try:
        said = subprocess.run(listing, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return {}
    if said.returncode:  # no engine: then krane runs processes alone
        return {}
    return dict(line.rsplit(" ", 1) for line in said.stdout.splitlines())
