"""I4: what may be there once everything has ended. Whatever else there is was left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tests.faults.world import World
from turnout.domain.statuses import ACTIVE

_GOES_ON: Final = re.compile(r"Deployments/.+/retire|Domains/.+/check|Certificates/.+/visit|Observations/observe")
"""Handlers that no operation waits for: delayed messages, and what is watched after a switch."""
_OVER: Final = ("completed", "scheduled")


def nothing_left(world: World) -> Iterator[str]:
    """Every leftover as a sentence: rows, invocations, instances, containers, processes and folders."""
    for of in (_rows, _invocations, _instances, _processes, _folders):
        yield from (f"I4: {sentence}" for sentence in of(world))


def _rows(world: World) -> Iterator[str]:
    ended = {row["id"] for row in world.tables["operations"] if row["ended_at"] is not None}
    observed = {row["operation_id"] for row in world.rows("observations", status="open")}
    for step in world.tables["operation_steps"]:
        if step["operation_id"] in ended and step["ended_at"] is None:
            yield f"{step['operation_id']} has ended, its step {step['name']} has not"
    for wait in world.tables["waits"]:
        over = observed.isdisjoint({wait["operation_id"]}) if wait["kind"] == "observation" else True
        if wait["settled_at"] is None and wait["operation_id"] in ended and over:
            yield f"{wait['operation_id']} has ended, its wait for {wait['kind']} has not"
    for place in world.tables["build_places"]:
        if place["operation_id"] in ended:
            yield f"{place['operation_id']} has ended and holds a place to build"
    for job in world.tables["jobs"]:
        if job["ended_at"] is None or job["wanted"] or job["present"]:
            yield f"the release command {job['id']} is {job['status']}, wanted {job['wanted']}, there {job['present']}"
    ready = {row["id"] for row in world.rows("deployments", status="ready") if row["removed_at"] is None}
    placed = {row["deployment_id"] for row in world.rows("placements", desired="running")}
    for deployment in sorted(placed ^ ready):
        yield f"{deployment} is {'to run and not ready' if deployment in placed else 'ready and not to run'}"


def _invocations(world: World) -> Iterator[str]:
    observed = {row["operation_id"] for row in world.rows("observations", status="open")}
    for each in world.invocations:
        status, target = each["status"], each["target"]
        if status == "paused" or (status == "scheduled" and not _GOES_ON.fullmatch(target)) or (status not in _OVER and not (target == "Observations/observe" and observed)):
            yield f"{target} {each['id']} is {status}"


def _instances(world: World) -> Iterator[str]:
    """krane runs what the store wants: no more, no less, and each once."""
    placements = {(row["deployment_id"], row["region"]): row for row in world.rows("placements", desired="running")}
    backends = {row["id"]: row["backend"] for row in world.tables["deployments"]}
    rows: dict[tuple[str, str], list[str]] = {}
    for row in world.tables["instances"]:
        place = (row["deployment_id"], row["region"])
        rows.setdefault(place, []).append(row["id"])
        if place not in placements:
            yield f"{row['id']} of {row['deployment_id']} is {row['status']}, and is not to run"
        elif row["status"] != "running" or not row["registered"]:
            yield f"{row['id']} of {row['deployment_id']} is {row['status']}: {row['reason']}"
    for place, placement in placements.items():
        if len(found := rows.get(place, [])) != placement["replicas"]:
            yield f"{place[0]} has {len(found)} instances in {place[1]}, {placement['replicas']} are wanted"
    known = {each: backends[place[0]] for place, ids in rows.items() for each in ids}
    for instance, state in world.containers.items():
        if known.get(instance) != "docker" or state != "running":
            yield f"the container of {instance} is {state}"
    processes = {each.instance for each in world.processes if each.instance is not None}
    for instance, backend in known.items():
        there = instance in (world.containers if backend == "docker" else processes)
        if not there:
            yield f"{instance} runs, says the store, but there is no {backend} of it"
    for process in world.processes:
        if process.instance is not None and known.get(process.instance) != "process":
            yield f"process {process.pid} of {process.instance} is alive: {process.command}"


def _processes(world: World) -> Iterator[str]:
    building = {row["id"] for row in world.tables["deployments"] if row["status"] in ACTIVE}
    for each in world.processes:
        if each.build is not None:
            if each.build.rsplit("/", 1)[-1] not in building:
                yield f"process {each.pid} of a build is alive: {each.command}"
        elif each.instance is None and each.part is None and not each.gateway:
            yield f"process {each.pid} belongs to no part: {each.command}"
    envoys = [each.pid for each in world.processes if each.gateway and "--config-path" in each.command]
    if len(envoys) != 1:
        yield f"{len(envoys)} Envoys run: {envoys}"


def _folders(world: World) -> Iterator[str]:
    deployments = {row["id"] for row in world.tables["deployments"]}
    kept = {row["id"] for name in ("instances", "jobs") for row in world.tables[name]}
    for folder in (world.home / "krane" / "instances").glob("*"):
        if folder.name not in kept:
            yield f"krane has a folder of {folder.name}, which is gone"
    for name in ("builds", "logs"):
        for folder in (world.home / name).glob("*"):
            if folder.name not in deployments:
                yield f"{name} has {folder.name}, which no deployment is"
    for scratch in (world.home / "builds").glob("*/scratch"):
        yield f"the build of {scratch.parent.name} has left its scratch folder"
    for release in (world.home / "releases").glob("*"):
        if release.name.startswith("."):
            yield f"a build has left {release.name}"
        elif not (release / "release.json").exists():
            yield f"the release {release.name[:12]} is half a release"
    for part in (world.home / "sources").glob(".*"):
        yield f"an upload has left {part.name}"
