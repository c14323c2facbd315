"""What must hold, whatever was broken: one function, `check`, called after every fault.

I1 one live deployment, and store, gateways and traffic agree. I2 everything has ended, with a reason. I3 no request
has failed. I4 nothing is left over. I5 generations only grow, each switch happened once, and history tells of it.
I6 no secret is anywhere but where it is sealed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.faults.leaks import leaks_of
from tests.faults.leftovers import nothing_left
from tests.faults.world import World, look
from tests.kit import Traffic, Turnout
from tests.support import PATIENCE
from turnout.domain.records import PRODUCTION
from turnout.domain.statuses import ACTIVE, OPERATION_TERMINAL, TERMINAL

_ENDED_BADLY: Final = ("failed", "cancelled", "superseded")
_generations: Final[dict[Path, int]] = {}
"""The highest generation that was seen of each home."""


def check(
    turnout: Turnout,
    *,
    traffic: Iterable[Traffic] = (),
    secrets: Iterable[str] = (),
    within: float = 20.0,
) -> World:
    """Fail with every sentence that is not as it must be; returns what was seen.

    What still settles (instances that drain, a gateway that follows) is given `within` seconds. `traffic` is what
    was asked while things broke; `secrets` are values that must not be found anywhere.
    """
    deadline = time.monotonic() + within * PATIENCE
    while True:
        try:
            world = look(turnout)
            wrong = [sentence for invariant in INVARIANTS for sentence in invariant(world)]
        except (httpx.HTTPError, OSError) as error:
            wrong = [f"cannot look: {error!r}"]
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    wrong += [
        f"I3: {len(each.failures)} requests failed, first {each.failures[0]}" for each in traffic if each.failures
    ]
    wrong += [f"I6: {place} has a secret" for place in leaks_of(turnout, tuple(secrets))]
    if wrong:
        pytest.fail("\n".join(["what must hold does not:", *wrong]))
    return world


def one_live(world: World) -> Iterator[str]:
    """I1: the history, the pointer, the routes, the sentinel configs, Envoy and traffic name the same deployment."""
    deployments = {row["id"]: row for row in world.tables["deployments"]}
    environments = {row["id"]: row["slug"] for row in world.tables["environments"]}
    for project in world.tables["projects"]:
        live, history = project["live_deployment_id"], _history(world, project["id"])
        if history and history[-1]["to_deployment_id"] != live:
            yield f"I1: {live} is live in {project['slug']}, but the last switch led to {history[-1]['to_deployment_id']}"
        if live is None:
            continue
        if deployments[live]["status"] != "ready":
            yield f"I1: {live} is live, but {deployments[live]['status']}"
        if not _addresses(world, live):
            yield f"I1: {live} is live, but no instance of it has traffic"
        for route in world.rows("routes", project_id=project["id"]):
            follows = route["sticky"] == "live" or (
                route["sticky"] == "environment" and environments[route["environment_id"]] == PRODUCTION
            )
            if follows and route["deployment_id"] != live:
                yield f"I1: {route['fqdn']} leads to {route['deployment_id']}, but {live} is live"
    yield from _gateway_agrees(world)
    yield from _traffic_agrees(world)


def _gateway_agrees(world: World) -> Iterator[str]:
    routes = {row["fqdn"]: row["deployment_id"] for row in world.tables["routes"]}
    configs = {row["fqdn"]: row["deployment_id"] for row in world.tables["sentinel_configs"]}
    for fqdn, deployment in configs.items():
        if routes.get(fqdn) != deployment:
            yield f"I1: the sentinel config of {fqdn} names {deployment}, its route {routes.get(fqdn)}"
    challenged = {row["fqdn"] for row in world.tables["challenges"]}
    for fqdn in sorted(routes.keys() | world.envoy.leads.keys()):
        if fqdn not in routes and fqdn not in challenged:
            yield f"I4: Envoy answers for {fqdn}, which has no route"
        elif world.envoy.leads.get(fqdn, "") != routes.get(fqdn, ""):
            yield f"I1: {fqdn} leads to {routes.get(fqdn)}, in Envoy to {world.envoy.leads.get(fqdn)}"
    for deployment in sorted(set(routes.values()) | world.envoy.endpoints.keys()):
        if deployment not in routes.values():
            yield f"I4: Envoy has a cluster {deployment}, to which nothing leads"
        elif (served := world.envoy.endpoints.get(deployment)) != (there := _addresses(world, deployment)):
            yield f"I1: {deployment} answers at {sorted(there)}, for Envoy at {sorted(served or ())}"
    yield from (f"I1: Envoy did not take {each}" for each in world.envoy.refused)
    generation = _generation(world)
    for gateway in world.tables["gateways"]:
        if gateway["connected"] and gateway["acknowledged_generation"] < generation:
            yield f"I1: {gateway['id']} serves {gateway['acknowledged_generation']}, the store is at {generation}"
        if gateway["connected"] and gateway["error"] is not None:
            yield f"I1: {gateway['id']} refused a configuration: {gateway['error']}"
    if not any(gateway["connected"] for gateway in world.tables["gateways"]):
        yield "I1: no gateway is connected"


def _traffic_agrees(world: World) -> Iterator[str]:
    for route in world.tables["routes"]:
        there, seen = _addresses(world, route["deployment_id"]), world.answers.get(route["fqdn"])
        if seen is None:
            yield f"I1: no line of the access log tells of a request to {route['fqdn']}"
        elif seen.deployment != route["deployment_id"]:
            yield f"I1: {route['fqdn']} was answered by {seen.deployment} and leads to {route['deployment_id']}"
        elif there and seen.instance != "-" and seen.instance not in there:
            yield f"I1: {route['fqdn']} was answered at {seen.instance}, no instance of {route['deployment_id']}"
        elif there and seen.status >= 500:
            yield f"I1: {route['fqdn']} answered {seen.status}"


def all_ended(world: World) -> Iterator[str]:
    """I2: every operation and deployment has come to an end that says why, and nothing of Restate's waits for more."""
    for operation in world.tables["operations"]:
        name = f"{operation['kind']} {operation['id']}"
        if operation["status"] not in OPERATION_TERMINAL:
            yield f"I2: {name} is {operation['status']}"
        elif operation["status"] != "succeeded" and not operation["reason"]:
            yield f"I2: {name} is {operation['status']} without a reason"
    open_operations = {row["deployment_id"] for row in world.tables["operations"] if row["ended_at"] is None}
    for deployment in world.tables["deployments"]:
        if deployment["status"] in ACTIVE and deployment["id"] not in open_operations:
            yield f"I2: {deployment['id']} is {deployment['status']}, and no operation carries it on"
        if deployment["status"] in TERMINAL and not deployment["reason"]:
            yield f"I2: {deployment['id']} is {deployment['status']} without a reason"


def counted_once(world: World) -> Iterator[str]:
    """I5: generations only grow, each switch happened exactly once, and history tells who, when, from and to."""
    generation = _generation(world)
    if generation < (before := _generations.get(world.home, 0)):
        yield f"I5: the generation fell from {before} to {generation}"
    _generations[world.home] = max(before, generation)
    switches = {row["operation_id"]: row for row in world.tables["switches"]}
    told = [(row["subject"], row["action"]) for row in world.tables["audit_log"] if row["action"].endswith(".switched")]
    for operation in world.tables["operations"]:
        switch = switches.get(operation["id"])
        if (switch and switch["generation"]) != operation["generation"]:
            yield f"I5: {operation['id']} has generation {operation['generation']}, its switch is {switch}"
        if switch is not None and operation["status"] in _ENDED_BADLY:
            yield f"I5: {operation['id']} has switched, and is {operation['status']}"
        if switch is None and operation["status"] in ("succeeded", "degraded") and operation["kind"] != "start":
            yield f"I5: {operation['id']} is {operation['status']}, and has never switched"
    for project in world.tables["projects"]:
        before_it, when = None, None
        for switch in _history(world, project["id"]):
            if switch["from_deployment_id"] != before_it or (when is not None and switch["committed_at"] < when):
                yield f"I5: {switch['id']} does not follow from the switch before it"
            before_it, when = switch["to_deployment_id"], switch["committed_at"]
            if not switch["actor"] or switch["generation"] > generation:
                yield f"I5: {switch['id']} has actor {switch['actor']!r} and generation {switch['generation']}"
            audited = [action for subject, action in told if subject == switch["operation_id"]]
            if audited != [f"{switch['kind']}.switched"]:
                yield f"I5: the audit log tells of {switch['id']} as {audited}"


def _history(world: World, project_id: str) -> list[dict[str, object]]:
    return sorted(world.rows("switches", project_id=project_id), key=lambda row: row["generation"])


def _generation(world: World) -> int:
    found = world.rows("counters", name="generation")
    return int(found[0]["value"]) if found else 0


def _addresses(world: World, deployment_id: str) -> frozenset[str]:
    running = world.rows("instances", deployment_id=deployment_id, status="running")
    return frozenset(row["address"] for row in running if row["registered"] and row["address"])


INVARIANTS: Final[tuple[Callable[[World], Iterator[str]], ...]] = (all_ended, one_live, nothing_left, counted_once)
