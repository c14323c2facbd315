"""Holds what was observed against the model. Pure: records and a picture in, sentences out; none is good.

Operations of one project overlap, so several courses are legal. The store says in which order the switches happened;
the model then knows all that each of them must have done, and what must be true after the last one. Of what is refused
or ends without a switch, the set of legal ends is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.histories import choices as c
from tests.faults.histories.answers import Batch, heard
from tests.faults.histories.ends import illegal_end
from tests.faults.histories.model import Moved, Name, Project, Refused
from tests.faults.histories.picture import Picture, Row
from tests.faults.histories.record import Record


@dataclass(frozen=True)
class _Event:
    """Something that took a generation."""

    generation: int
    what: str
    row: Row


class Judge:
    """Knows what should be true of every project, and is told batch after batch what is."""

    def __init__(self, projects: tuple[str, ...]) -> None:
        self.projects = {slug: Project(slug=slug) for slug in projects}
        self._seen = 0
        self._known: set[str] = set()

    def judge(self, record: Record, picture: Picture) -> list[str]:
        """All that is not as it has to be. The model goes on from what was observed, where several ends were legal."""
        found: list[str] = []
        for slug, project in self.projects.items():
            batch = Batch(project=project, record=record)
            found += heard(batch, record.requests.get(slug, []), picture)
            self._known |= batch.asked.keys()
            if slug in picture.projects:
                found += self._happened(batch, picture)
                found += _ended(batch, picture)
                found += _agrees(batch, picture)
        found += [f"I2: nobody asked for {each}" for each in picture.operations.keys() - self._known]
        self._seen = max([self._seen, *(row.value for row in picture["counters"] if row.name == "generation")])
        return found

    # --------------------------------------------------------------------------- switches, in order

    def _happened(self, batch: Batch, picture: Picture) -> Iterator[str]:
        project = batch.project
        batch.moments.append((project.live, project.rolled_back))
        for event in self._events(batch, picture):
            if event.what == "proved":
                project.prove(event.row.fqdn)
            elif event.what == "given up":
                project.give_up(event.row.fqdn)
            else:
                yield from _switched(batch, event.row, picture)
            batch.moments.append((project.live, project.rolled_back))

    def _events(self, batch: Batch, picture: Picture) -> list[_Event]:
        project_id = picture.projects[batch.project.slug].id
        events = [_Event(row.generation, "switched", row) for row in picture.of_project("switches", project_id)]
        events += [
            _Event(row.generation, "proved", row)
            for row in picture.of_project("domains", project_id)
            if row.generation is not None
        ]
        events += [_Event(generation, "given up", Row(fqdn=fqdn)) for generation, fqdn in batch.given_up]
        return sorted((each for each in events if each.generation > self._seen), key=lambda each: each.generation)


def _switched(batch: Batch, row: Row, picture: Picture) -> Iterator[str]:
    project, asked = batch.project, batch.asked.get(row.operation_id)
    if asked is None:
        yield f"I5: {row.operation_id} switched, and was not asked for in this batch"
        return
    if asked.cancelled:
        yield f"{row.operation_id} switched although its cancellation was accepted"
    operation = picture.operations[row.operation_id]
    target = operation.deployment_id
    try:
        if row.kind == "deploy":
            expected = project.deploy(project.versions[target])
        elif row.kind == "rollback":
            expected = project.rollback(operation.source_deployment_id, target)
        else:
            expected = project.promote(target)
    except Refused as refusal:
        yield f"I5: {row.kind} {row.operation_id} to {target} had to be refused: {refusal}"
        return
    batch.lost |= {before for name, before in expected.names.items() if before is not None and name[0] != "none"}
    batch.switched.append(target)
    yield from _did(row, expected, picture)


def _did(row: Row, expected: Moved, picture: Picture) -> Iterator[str]:
    seen = (row.from_deployment_id, row.to_deployment_id, row.rolled_back)
    wanted = (expected.live_before, expected.live_after, expected.rolled_back)
    if seen != wanted:
        yield f"I5: {row.kind} {row.operation_id} went from, to and marked {seen}; that had to be {wanted}"
    names = {route.fqdn: name_of(route, picture) for route in picture["routes"]}
    moved = {names[each["fqdn"]]: each["from"] for each in row.routes if each["fqdn"] in names}
    still = {name: before for name, before in expected.names.items() if name in names.values()}
    if moved != still:
        yield f"I5: {row.kind} {row.operation_id} moved {moved}; that had to be {still}"


def name_of(route: Row, picture: Picture) -> Name:
    """A route as the model names it."""
    environment = picture.environments[route.environment_id]
    if route.sticky == "none":
        return "none", route.deployment_id
    if route.sticky == "branch":
        return "branch", f"{environment}/{route.branch}"
    if route.sticky == "environment":
        return "environment", environment
    return "live", "" if route.fqdn.endswith(".localhost") else route.fqdn


# ------------------------------------------------------------------------------------ ends and states


def _ended(batch: Batch, picture: Picture) -> Iterator[str]:
    """Each operation as it may end, and each deployment as its operations left it."""
    for asked in batch.asked.values():
        row = picture.operations.get(asked.operation_id)
        if row is None:
            yield f"I2: {asked.operation_id} was accepted, and there is no such operation"
        elif (problem := illegal_end(batch, asked, row, picture)) is not None:
            yield f"I2: {row.kind} {row.id} of {batch.project.slug} is {row.status} ({row.reason!r}): {problem}"
    for version in batch.project.versions.values():
        row = picture.deployments[version.id]
        removed = row.removed_at is not None
        if (problem := _illegal_status(batch, version.id, row.status, removed=removed)) is not None:
            yield f"{version.id} of {batch.project.slug} is {row.status}{', removed' * removed}: {problem}"
        version.status = row.status
        if removed and not version.removed:
            batch.project.remove(version.id)


def _illegal_status(batch: Batch, deployment_id: str, status: str, *, removed: bool) -> str | None:
    """Why it cannot be so, by what was asked about it; that it fits its deploy's end is an invariant."""
    version, about, woken = batch.project.versions[deployment_id], batch.about(deployment_id), batch.woke(deployment_id)
    may_stop = not batch.record.warm or woken or c.Remove in about or c.Stop in about
    wrong = {
        "it was removed before": version.removed and not removed,
        "nobody removed it": removed and not version.removed and c.Remove not in about and not batch.kept,
        "its removal was accepted": c.Remove in about and not removed,
        "nobody stopped it, and it is to stay warm": (version.status, status) == ("ready", "stopped") and not may_stop,
        "nobody started it": (version.status, status) == ("stopped", "ready") and not woken,
        "its stop was accepted": status == "ready" and c.Stop in about and not woken,
    }
    return next((sentence for sentence, so in wrong.items() if so), None)


def _agrees(batch: Batch, picture: Picture) -> Iterator[str]:
    """What is true at the end is what the model says."""
    project = batch.project
    row = picture.projects[project.slug]
    if (row.live_deployment_id, row.rolled_back) != (project.live, project.rolled_back):
        seen_live, live = (row.live_deployment_id, row.rolled_back), (project.live, project.rolled_back)
        yield f"I1: what is live in {project.slug}, and the mark, are {seen_live}; not {live}"
    routes = {name_of(each, picture): each.deployment_id for each in picture.of_project("routes", row.id)}
    if routes != project.routes:
        more, missing = dict(routes.items() - project.routes.items()), dict(project.routes.items() - routes.items())
        yield f"I1: {project.slug} leads {more}; not {missing}"
    for version in project.versions.values():
        if picture.variables_of(version.id) != version.variables:
            yield f"{version.id} has the variables {picture.variables_of(version.id)}; not {version.variables}"
    for environment in picture.of_project("environments", row.id):
        mine = [each for each in picture["variables"] if each.environment_id == environment.id]
        seen = {each.name: each.version for each in mine if each.ciphertext is not None}
        if seen != project.variables[environment.slug]:
            yield f"{project.slug} {environment.slug} has {seen}; not {project.variables[environment.slug]}"
    proved = {each.fqdn for each in picture.of_project("domains", row.id) if each.status == "verified"}
    if not proved == project.proved == project.asked_domains:
        yield f"{project.slug} has proved {proved}; not {project.asked_domains}"
    good = {each.name for each in picture["keys"] if each.revoked_at is None and _is_of(each, project.slug, picture)}
    if good != project.keys:
        yield f"{project.slug} lets in {good}; not {project.keys}"


def _is_of(key: Row, slug: str, picture: Picture) -> bool:
    return any(each.id == key.keyspace_id and each.slug == f"{slug}-keys" for each in picture["keyspaces"])
