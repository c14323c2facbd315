"""Everything that can be seen of one running Turnout, read once from where each part keeps it.

Nothing here asks a part what it believes of another one: rows are read from the database, invocations from Restate,
containers from the engine, processes and folders from the machine, routes from Envoy, and answers from the domains.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from tests.kit import Turnout, until
from turnout.builds.processes import MARK as BUILD_MARK
from turnout.krane.docker_plan import LABEL_HOME, LABEL_INSTANCE
from turnout.krane.sessions import MARK as INSTANCE_MARK
from turnout.local.processes import gateways_of
from turnout.local.record import read_running

Rows = list[dict[str, Any]]

_LONGEST_LOG = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One process of the home."""

    pid: int
    command: str
    part: str | None
    """The part it is, or was started by; None when it is neither."""
    instance: str | None
    """The instance it belongs to."""
    build: str | None
    """The folder of the build it belongs to."""
    gateway: bool
    """Whether it is Envoy, or the sentinel beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Where a request to a domain went, as Envoy wrote it down."""

    deployment: str
    instance: str
    """The address that answered; `-` when none was asked."""
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Envoy:
    """What Envoy serves at this moment."""

    leads: dict[str, str] = field(default_factory=dict)
    """Domain → deployment, through scope and route."""
    endpoints: dict[str, frozenset[str]] = field(default_factory=dict)
    """Deployment → addresses. Every cluster is in here, routed or not."""
    refused: tuple[str, ...] = ()
    """Resources that it did not take, or is still waiting for."""


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
        f"{address}/query", json={"query": query}, headers={"accept": "application/json"}, timeout=30, trust_env=False
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


def see_processes(turnout: Turnout) -> tuple[Seen, ...]:
    """The processes of the home, but the test's own and the command lines that it has started."""
    running = read_running(turnout.home)
    parts = {each.pid: each.name for each in running.parts if each.pid is not None} if running else {}
    if running is not None:
        parts[running.pid] = "supervisor"
    parents: dict[int, int] = {each.pid: each.info["ppid"] for each in psutil.process_iter(["ppid"])}
    gateway = {each.pid for each in gateways_of(turnout.home)}
    mine = psutil.Process().pid
    found = []
    for process, environment in turnout.environments():
        try:
            line = [process.pid, *_ancestors(process.pid, parents)]
            command = " ".join(process.cmdline())
            if mine in line or not command:  # our own, or one that has just ended
                continue
        except psutil.Error:
            continue
        found.append(
            Seen(
                pid=process.pid,
                command=command[:200],
                part=next((parts[each] for each in line if each in parts), None),
                instance=environment.get(INSTANCE_MARK),
                build=environment.get(BUILD_MARK),
                gateway=bool(gateway.intersection(line)),
            )
        )
    return tuple(found)


def _ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    line: list[int] = []
    while (pid := parents.get(pid, 0)) > 1 and pid not in line:
        line.append(pid)
    return line


def dump_envoy(turnout: Turnout) -> dict[str, Any]:
    """Everything that Envoy holds."""
    socket = httpx.HTTPTransport(uds=str(turnout.home / "run" / "envoy.sock"))
    with httpx.Client(base_url="http://envoy", transport=socket, timeout=30) as client:
        dump: dict[str, Any] = client.get("/config_dump", params={"include_eds": ""}).raise_for_status().json()
        return dump


def see_envoy(turnout: Turnout) -> Envoy:
    """What Envoy serves, put together from its dump."""
    sections = {each["@type"].rsplit(".", 1)[-1]: each for each in dump_envoy(turnout)["configs"]}

    def section(name: str, part: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sections.get(name, {}).get(part, [])
        return found

    led: dict[tuple[str, str], str] = {}
    for each in section("RoutesConfigDump", "dynamic_route_configs"):
        for host in each["route_config"].get("virtual_hosts", ()):
            clusters = [route["route"]["cluster"] for route in host["routes"] if "cluster" in route.get("route", {})]
            if clusters:
                led[each["route_config"]["name"], host["name"]] = clusters[-1]
    scopes = [
        scope
        for each in section("ScopedRoutesConfigDump", "dynamic_scoped_route_configs")
        for scope in each.get("scoped_route_configs", ())
    ]
    clusters = [each["cluster"]["name"] for each in section("ClustersConfigDump", "dynamic_active_clusters")]
    endpoints = {name: frozenset[str]() for name in clusters}
    for each in section("EndpointsConfigDump", "dynamic_endpoint_configs"):
        config = each["endpoint_config"]
        sockets = [
            one["endpoint"]["address"]["socket_address"]
            for locality in config.get("endpoints", ())
            for one in locality.get("lb_endpoints", ())
        ]
        endpoints[config["cluster_name"]] = frozenset(f"{one['address']}:{one['port_value']}" for one in sockets)
    refused = [
        f"{name}: {json.dumps(each['error_state'])[:300]}"
        for name, parts in sections.items()
        for part in parts.values()
        if isinstance(part, list)
        for each in part
        if "error_state" in each
    ]
    warming = [
        f"cluster {each['cluster']['name']}" for each in section("ClustersConfigDump", "dynamic_warming_clusters")
    ]
    return Envoy(
        leads={each["name"]: led.get((each["route_configuration_name"], each["name"]), "") for each in scopes},
        endpoints=endpoints,
        refused=(*refused, *warming),
    )


def ask_domains(turnout: Turnout, domains: list[str]) -> dict[str, Answer]:
    """Ask every domain once, under a path of its own, and find in the access log who answered.

    So it is known of any app, whatever it says. Domains for which no line is written in time are left out.
    """
    paths = {f"/seen-{secrets.token_hex(8)}": domain for domain in domains}
    log = turnout.home / "gateway" / "requests.log"
    begin = log.stat().st_size if log.exists() else 0
    with httpx.Client(base_url=turnout.urls["gateway_url"], timeout=30, trust_env=False) as client:
        for path, domain in paths.items():
            client.get(path, headers={"host": domain})
    answers: dict[str, Answer] = {}
    deadline = time.monotonic() + 20

    def all_are_written() -> bool:
        if log.exists():
            with log.open("rb") as file:
                file.seek(begin if begin <= log.stat().st_size else 0)  # the log was rotated: all of it is new
                lines = file.read(_LONGEST_LOG).splitlines()
            for line in lines:
                if b'"/seen-' in line and (told := _read(line)) is not None and told["path"] in paths:
                    answers[paths[told["path"]]] = Answer(
                        deployment=told["deployment_id"] or "-",
                        instance=told["instance"] or "-",
                        status=int(told["status"] or 0),
                    )
        return len(answers) == len(paths) or time.monotonic() > deadline

    until(all_are_written, within=60, what="the access log tells of every request")
    return answers


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:  # the end of it is still to be written
        return None
    return told
