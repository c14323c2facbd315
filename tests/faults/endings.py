"""I2 and I5: everything has ended and says why; each switch happened once, in order, and history tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.faults.world import World
from turnout.domain.statuses import ACTIVE, OPERATION_TERMINAL, TERMINAL

_BADLY: Final = ("failed", "cancelled", "superseded")
_seen: Final[dict[Path, int]] = {}
"""The highest generation that was ever seen of each home."""


def all_ended(world: World) -> Iterator[str]:
    """I2: no operation or deployment is under way, and what did not succeed has a reason."""
    for operation in world.tables["operations"]:
        name = f"{operation['kind']} {operation['id']}"
        if operation["status"] not in OPERATION_TERMINAL:
            yield f"I2: {name} is {operation['status']}"
        elif operation["status"] != "succeeded" and not operation["reason"]:
            yield f"I2: {name} is {operation['status']} without a reason"
    carried = {row["deployment_id"] for row in world.tables["operations"] if row["ended_at"] is None}
    for deployment in world.tables["deployments"]:
        if deployment["status"] in ACTIVE and deployment["id"] not in carried:
            yield f"I2: {deployment['id']} is {deployment['status']}, and no operation carries it on"
        if deployment["status"] in TERMINAL and not deployment["reason"]:
            yield f"I2: {deployment['id']} is {deployment['status']} without a reason"


def counted_once(world: World) -> Iterator[str]:
    """I5: generations, operations, history and the audit log tell the same of every switch."""
    if world.generation < (before := _seen.get(world.home, 0)):
        yield f"I5: the generation fell from {before} to {world.generation}"
    _seen[world.home] = max(before, world.generation)
    for of in (_operations, _chain, _audit):
        yield from (f"I5: {sentence}" for sentence in of(world))


def _operations(world: World) -> Iterator[str]:
    switched = {row["operation_id"]: row["generation"] for row in world.tables["switches"]}
    for operation in world.tables["operations"]:
        name, generation = f"{operation['kind']} {operation['id']}", switched.get(operation["id"])
        if generation != operation["generation"]:
            yield f"{name} has generation {operation['generation']}, its switch {generation}"
        if generation is not None and operation["status"] in _BADLY:
            yield f"{name} has switched, and is {operation['status']}"
        if generation is None and operation["kind"] != "start" and operation["status"] in ("succeeded", "degraded"):
            yield f"{name} is {operation['status']}, and has never switched"


def _chain(world: World) -> Iterator[str]:
    """Who, when, from and to: each switch begins where the one before it ended."""
    for project in world.tables["projects"]:
        live, when = None, ""
        for switch in world.history(project["id"]):
            if switch["from_deployment_id"] != live or str(switch["committed_at"]) < when:
                yield f"{switch['id']} does not follow from the switch before it"
            if not switch["actor"] or switch["generation"] > world.generation:
                yield f"{switch['id']} is of {switch['actor']!r} and generation {switch['generation']}"
            live, when = switch["to_deployment_id"], str(switch["committed_at"])


def _audit(world: World) -> Iterator[str]:
    told: dict[str, list[str]] = {}
    for row in world.tables["audit_log"]:
        if row["action"].endswith(".switched"):
            told.setdefault(row["subject"], []).append(row["action"])
    for switch in world.tables["switches"]:
        if told.get(switch["operation_id"]) != [f"{switch['kind']}.switched"]:
            yield f"the audit log tells of the switch of {switch['operation_id']}: {told.get(switch['operation_id'])}"
