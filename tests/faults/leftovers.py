"""I4: what may be there once everything has ended. Whatever else there is was left behind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.faults.world import World
from turnout.domain.statuses import ACTIVE

_GOES_ON: Final = re.compile(r"Deployments/.+/retire|Domains/.+/check|Certificates/.+/visit|Observations/observe")
"""Handlers that no operation waits for: delayed messages, and what is watched after a switch."""


def nothing_left(world: World) -> Iterator[str]:
    """Every leftover as a sentence: rows, invocations, instances, containers, processes and folders."""
    for of in (_rows, _wanted, _invocations, _instances, _running, _processes, _folders):
        yield from (f"I4: {sentence}" for sentence in of(world))


def _rows(world: World) -> Iterator[str]:
    ended = {row["id"] for row in world.tables["operations"] if row["ended_at"] is not None}
    observed = {row["operation_id"] for row in world.rows("observations", status="open")}
    for step in world.tables["operation_steps"]:
        if step["operation_id"] in ended and step["ended_at"] is None:
            yield f"{step['operation_id']} has ended, its step {step['name']} has not"
    for wait in world.tables["waits"]:
        goes_on = wait["kind"] == "observation" and wait["operation_id"] in observed
        if wait["settled_at"] is None and wait["operation_id"] in ended and not goes_on:
            yield f"{wait['operation_id']} has ended, its wait for {wait['kind']} has not"
    for place in world.tables["build_places"]:
        if place["operation_id"] in ended:
            yield f"{place['operation_id']} has ended and holds a place to build"
    for job in world.tables["jobs"]:
        if job["ended_at"] is None or job["wanted"] or job["present"]:
            yield f"the release command {job['id']} is {job['status']}, wanted {job['wanted']}, there {job['present']}"


def _wanted(world: World) -> Iterator[str]:
    """What shall run is what is ready; a release command is not wanted any more."""
    for job in world.tables["jobs"]:
        if job["ended_at"] is None or job["wanted"] or job["present"]:
            yield f"the release command {job['id']} is {job['status']}, wanted {job['wanted']}, there {job['present']}"
    ready = {row["id"] for row in world.rows("deployments", status="ready") if row["removed_at"] is None}
    placed = {row["deployment_id"] for row in world.rows("placements", desired="running")}
    for deployment in sorted(placed ^ ready):
        yield f"{deployment} is {'to run and not ready' if deployment in placed else 'ready and not to run'}"


def _invocations(world: World) -> Iterator[str]:
    observed = world.rows("observations", status="open")
    for each in world.invocations:
        over = each["status"] == "completed" or (each["status"] == "scheduled" and _GOES_ON.fullmatch(each["target"]))
        watches = each["target"] == "Observations/observe" and observed and each["status"] != "paused"
        if not over and not watches:
            yield f"{each['target']} {each['id']} is {each['status']}"


def _instances(world: World) -> Iterator[str]:
    """The store has an instance for each that is wanted, and all of them run."""
    wanted = {
        (row["deployment_id"], row["region"]): row["replicas"] for row in world.rows("placements", desired="running")
    }
    there = Counter((row["deployment_id"], row["region"]) for row in world.tables["instances"])
    for place in sorted(wanted.keys() | there.keys()):
        if wanted.get(place, 0) != there[place]:
            yield f"{place[0]} has {there[place]} instances in {place[1]}, {wanted.get(place, 0)} are wanted"
    for row in world.tables["instances"]:
        if row["status"] != "running" or not row["registered"]:
            yield f"{row['id']} of {row['deployment_id']} is {row['status']}: {row['reason']}"


def _running(world: World) -> Iterator[str]:
    """krane runs what the store says that it runs: no more and no less."""
    backends = {row["id"]: row["backend"] for row in world.tables["deployments"]}
    known = {row["id"]: backends[row["deployment_id"]] for row in world.tables["instances"]}
    for instance, state in world.containers.items():
        if known.get(instance) != "docker" or state != "running":
            yield f"the container of {instance} is {state}"
    for process in world.processes:
        if process.instance is not None and known.get(process.instance) != "process":
            yield f"process {process.pid} of {process.instance} is alive: {process.command}"
    alive = {each.instance for each in world.processes} | world.containers.keys()
    for instance, backend in known.items():
        if instance not in alive:
            yield f"{instance} runs, says the store, but there is no {backend} of it"


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
    instances = {row["id"] for name in ("instances", "jobs") for row in world.tables[name]}
    for folder, known in (("krane/instances", instances), ("builds", deployments), ("logs", deployments)):
        for path in (world.home / folder).glob("*"):
            if path.name not in known:
                yield f"{folder} has {path.name}, which is no more"
    for scratch in (world.home / "builds").glob("*/scratch"):
        yield f"the build of {scratch.parent.name} has left its scratch folder"
    for release in (world.home / "releases").glob("*"):
        if not release.name.startswith(".") and not (release / "release.json").exists():
            yield f"the release {release.name[:12]} is half a release"
    for hidden in (*(world.home / "releases").glob(".*"), *(world.home / "sources").glob(".*")):
        yield f"{hidden.parent.name} has {hidden.name}, which was in use and is not any more"
