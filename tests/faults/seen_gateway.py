"""What Envoy serves, by its own dump, and who answers at the domains, by its access log."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.kit import Turnout, until
from tests.support import CERTIFICATES

_LONGEST_LOG: Final = 4 * 1024 * 1024


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
    with httpx.Client(base_url=turnout.urls["gateway_url"], timeout=30, trust_env=False, verify=CERTIFICATES) as client:
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
