"""I1 to I5 of any picture, whatever led to it. Pure: a picture in, sentences out; none is good.

`unrest` is what has still to come to an end by itself; `broken` is what must never be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.faults.histories.picture import Picture

_ENDED = ("succeeded", "degraded", "failed", "cancelled", "superseded")
_GOOD = ("succeeded", "degraded")
_GAVE_UP = ("failed", "cancelled", "superseded")
_ACTIVE = ("pending", "building", "deploying", "network")


def unrest(picture: Picture) -> list[str]:
    """What is not at its end yet. When nothing happens any more, all of it is a leak."""
    rules = (_under_way, _waited_for, _not_followed)
    return [sentence for rule in rules for sentence in rule(picture)]


def _under_way(picture: Picture) -> Iterator[str]:
    for row in picture["operations"]:
        if row.status not in _ENDED:
            yield f"I2: {row.kind} {row.id} is {row.status}"
    for row in picture["deployments"]:
        if row.status in _ACTIVE:
            yield f"I2: {row.id} is {row.status}"
    for row in picture["domains"]:
        if row.status == "pending" or (row.status == "verified" and row.checked_round < row.round):
            yield f"I2: domain {row.fqdn} is {row.status}, and its check has not ended"
    for invocation in picture.invocations or ():
        yield f"I4: Restate is still at {invocation}"


def _waited_for(picture: Picture) -> Iterator[str]:
    for row in picture["waits"]:
        if row.settled_at is None:
            yield f"I4: {row.operation_id} waits for {row.kind} of {row.deployment_id}"
    for row in picture["confirmations"]:
        if row.settled_at is None:
            yield f"I4: somebody waits for generation {row.generation}"


def _not_followed(picture: Picture) -> Iterator[str]:
    """krane runs what it should and the store knows it; the gateway serves what the routes say."""
    desired = {row.deployment_id for row in picture["placements"] if row.desired == "running"}
    for name in sorted(desired ^ picture.krane_runs.keys()):
        yield f"I4: {name} shall {'' if name in desired else 'not '}run, and does{' not' if name in desired else ''}"
    reported = {row.deployment_id: str(row.status) for row in picture["instances"]}
    for name, status in sorted(reported.items() ^ picture.krane_runs.items()):
        yield f"I4: of {name} and its being {status} only one of krane and the store knows"
    routes = {row.fqdn: row.deployment_id for row in picture["routes"]}
    served = {fqdn: each.deployment_id for fqdn, each in picture.gateway_serves.items()}
    for fqdn in sorted(routes.keys() | served.keys()):
        if routes.get(fqdn) != served.get(fqdn):
            yield f"I1: {fqdn} leads to {routes.get(fqdn)} in the store and to {served.get(fqdn)} in the gateway"


def broken(picture: Picture) -> list[str]:
    """What must never be, at any moment."""
    rules = (_live, _statuses, _traffic, _leaks, _generations, _history, _once, _audit)
    return [sentence for rule in rules for sentence in rule(picture)]


def _live(picture: Picture) -> Iterator[str]:
    """I1: one live deployment, and every name that follows it leads there."""
    for slug, project in picture.projects.items():
        ever = any(row.to_deployment_id for row in picture.of_project("switches", project.id))
        live = picture.deployments.get(project.live_deployment_id or "")
        if (live is not None) is not ever:
            yield f"I1: {slug} has{'' if ever else ' never'} had a live deployment, and its pointer says {live}"
        if live is None:
            continue
        if picture.environments[live.environment_id] != "production":
            yield f"I1: {live.id} is live, and of {picture.environments[live.environment_id]}"
        for route in picture.of_project("routes", project.id):
            follows = route.sticky == "live" or (
                route.sticky == "environment" and route.environment_id == live.environment_id
            )
            if follows and route.deployment_id != live.id:
                yield f"I1: {route.fqdn} leads to {route.deployment_id}, and {live.id} is live"


def _statuses(picture: Picture) -> Iterator[str]:
    """I2: an end that is no success has a reason, and a deployment is what its deploy came to."""
    steps_running = {row.operation_id for row in picture["operation_steps"] if row.status == "running"}
    for row in picture["operations"]:
        if row.status not in _ENDED:
            continue
        if row.status != "succeeded" and not _is_sentence(row.reason):
            yield f"I2: {row.kind} {row.id} is {row.status}, and its reason is {row.reason!r}"
        if row.id in steps_running:
            yield f"I2: {row.id} has ended, and a step of it runs"
        if row.kind == "deploy":
            status = picture.deployments[row.deployment_id].status
            good = row.status in _GOOD and status in ("ready", "stopped")
            if not good and not (row.status in _GAVE_UP and status == row.status):
                yield f"I2: deploy {row.id} is {row.status}, and its deployment {row.deployment_id} is {status}"


def _is_sentence(reason: str | None) -> bool:
    return reason is not None and len(reason) > 8 and "Traceback" not in reason


def _traffic(picture: Picture) -> Iterator[str]:
    """I3: what leads to a version that may move, leads to instances."""
    sticky = {row.fqdn for row in picture["routes"] if row.sticky != "none"}
    for fqdn, served in picture.gateway_serves.items():
        if fqdn in sticky and not served.has_instances:
            yield f"I3: {fqdn} leads to {served.deployment_id}, which has no instances"
    for fqdn, deployment_id in picture.went_dark:
        if fqdn in sticky:
            yield f"I3: {fqdn} led to {deployment_id} and for a while to no instance of it"


def _leaks(picture: Picture) -> Iterator[str]:
    """I4: what runs is what is ready; what leads somewhere is guarded; nothing is left of what ended."""
    placed = {row.deployment_id for row in picture["placements"] if row.desired == "running"}
    for row in picture["deployments"]:
        runs = row.status == "ready" and row.removed_at is None
        if row.status in (*_GAVE_UP, "ready", "stopped") and runs is not (row.id in placed):
            yield f"I4: {row.id} is {row.status}, and shall {'' if row.id in placed else 'not '}run"
        if row.status == "stopped" and row.removed_at is None and row.stopped_at is None:
            yield f"I4: {row.id} is stopped, and nobody knows since when"
    for route in picture["routes"]:
        target = picture.deployments[route.deployment_id]
        if target.removed_at is not None or target.status not in ("ready", "stopped"):
            yield f"I4: {route.fqdn} leads to {target.id}, which is {target.status}, removed: {target.removed_at}"
        elif route.sticky != "none" and target.status != "ready":
            yield f"I3: {route.fqdn} leads to {target.id}, which is {target.status}"
    leading = {row.fqdn: row.deployment_id for row in picture["routes"]}
    guarding = {row.fqdn: row.deployment_id for row in picture["sentinel_configs"]}
    if leading != guarding:
        yield f"I4: routes and sentinel configs differ: {leading.items() ^ guarding.items()}"
    for row in picture["jobs"]:
        yield f"I4: job {row.id} was never asked for"


def _generations(picture: Picture) -> Iterator[str]:
    """I5: they only grow."""
    newest = max((row.value for row in picture["counters"] if row.name == "generation"), default=0)
    for before, after in pairwise(picture.switches):
        if before.generation >= after.generation:
            yield f"I5: generation {after.generation} was given twice"
    if picture.switches and picture.switches[-1].generation > newest:
        yield f"I5: generation {picture.switches[-1].generation} is beyond the newest one, {newest}"


def _history(picture: Picture) -> Iterator[str]:
    """I5: each switch began where the one before it ended, and the last one is what is true."""
    for project in picture["projects"]:
        led: tuple[str | None, bool] = (None, False)
        for row in picture.switches:
            if row.project_id == project.id:
                if row.from_deployment_id != led[0]:
                    yield f"I5: the switch of {row.operation_id} came from {row.from_deployment_id}, not {led[0]}"
                led = row.to_deployment_id, row.rolled_back
        if (project.live_deployment_id, project.rolled_back) != led:
            yield f"I5: {project.slug} is {project.live_deployment_id}, and its last switch says {led}"


def _once(picture: Picture) -> Iterator[str]:
    """I5: an operation switches once if it went well, and else never."""
    made = {row.operation_id: row.generation for row in picture.switches}
    count = Counter(row.operation_id for row in picture.switches)
    for row in picture["operations"]:
        if count[row.id] > 1 or made.get(row.id) != row.generation:
            yield f"I5: {row.id} has generation {row.generation}, and {count[row.id]} switches"
        has_to = row.kind != "start" and row.status in _GOOD
        if row.status in _ENDED and has_to is not (row.id in made):
            yield f"I5: {row.kind} {row.id} is {row.status}, and has {count[row.id]} switches"


def _audit(picture: Picture) -> Iterator[str]:
    """I5: history tells who, once."""
    told = Counter((row.action, row.subject) for row in picture["audit_log"])
    for row in picture["operations"]:
        if told[f"{row.kind}.asked", row.id] != 1:
            yield f"I5: {row.id} was asked for {told[f'{row.kind}.asked', row.id]} times, says the audit"
    for row in picture.switches:
        if told[f"{row.kind}.switched", row.operation_id] != 1 or not row.actor:
            yield f"I5: the switch of {row.operation_id} is told {told[f'{row.kind}.switched', row.operation_id]} times"
