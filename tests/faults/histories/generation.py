"""From a seed to a history: a pure function. A longer history of the same seed begins with the shorter one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from tests.faults.histories import choices as c
from tests.faults.histories import mishaps as m

T = TypeVar("T")

PROJECTS: Final = ("anna", "berta", "carla", "dora")
LARGEST_BATCH: Final = 24
STEPS: Final = (
    "lookup", "context", "building", "containers", "readiness ended", "registration", "openapi", "domains", "domains",
    "domains", "propagation ended", "finish", "finish", "abandon", "end", "put back", "retire", "record", "conclude",
)  # fmt: skip
"""Where a worker is killed. A step that the history does not come to is no fault."""

_VARIABLES: Final = ("DATABASE_URL", "TOKEN", "SALT")
_KEYS: Final = ("ci", "mobile", "partner")
_BRANCHES: Final = (None, None, "main", "main", "feature")
_RANGES: Final = ((), ("10.0.0.0/8",), ("192.0.2.0/24", "2001:db8::/32"))
_APPS: Final = {c.App.GOOD: 12, c.App.SLOW: 3, c.App.EXITS: 3, c.App.NEVER: 2, c.App.ONCE: 2}


@dataclass
class _Project:
    """What was asked of a project so far: enough to ask for things that make sense, often."""

    name: str
    deployments: int = 0
    operations: int = 0
    keys: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)


def history(seed: int, operations: int) -> c.History:
    """The history of a seed, cut after so many operations. Faults come on top."""
    draw = random.Random(seed)
    warm = draw.random() < 0.5
    batches, left = [], operations
    for batch in _batches(draw):
        if left <= 0:
            break
        batches.append(replace(batch, choices=batch.choices[:left]))
        left -= len(batch.choices)
    return c.History(seed, warm, tuple(batches))


def _batches(draw: random.Random) -> Iterator[c.Batch]:
    projects = [_Project(name) for name in PROJECTS]
    for number in itertools.count():
        size = draw.randint(1, LARGEST_BATCH)
        chosen = tuple(_choice(draw, draw.choice(projects)) for _ in range(size))
        # The first batch of a history, and every fifth one, is calm: there the model says exactly what must come.
        faults = () if number % 5 == 0 else tuple(_fault(draw) for _ in range(draw.choice((1, 1, 2, 3))))
        yield c.Batch(chosen, faults)


# ------------------------------------------------------------------------------------------- choices


def _choice(draw: random.Random, project: _Project) -> c.Choice:
    kind = _weighted(draw, _KINDS)
    common = {"project": project.name, "after": round(draw.choice((0.0, 0.0, draw.uniform(0, 0.4))), 2)}
    return kind(draw, project, common)


def _deploy(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    project.deployments += 1
    project.operations += 1
    return c.Deploy(
        environment=draw.choice(("production", "production", "production", "preview")),
        branch=draw.choice(_BRANCHES),
        app=_weighted(draw, _APPS),
        keys=bool(project.keys) and draw.random() < 0.2,
        **common,
    )


def _rollback(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    named = project.deployments > 0 and draw.random() < 0.5
    project.operations += 1
    return c.Rollback(to=_recent(draw, project.deployments) if named else None, twice=draw.random() < 0.2, **common)


def _promote(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    project.operations += 1
    return c.Promote(deployment=_recent(draw, project.deployments), twice=draw.random() < 0.2, **common)


def _start(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    project.operations += 1
    return c.Start(deployment=_recent(draw, project.deployments), **common)


def _stop(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Stop(deployment=_recent(draw, project.deployments), twice=draw.random() < 0.2, **common)


def _remove(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Remove(deployment=_recent(draw, project.deployments), **common)


def _keep(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Keep(**common)


def _cancel(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Cancel(operation=_recent(draw, project.operations), twice=draw.random() < 0.2, **common)


def _resend(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Resend(operation=_recent(draw, project.operations), keyed=draw.random() < 0.5, **common)


def _set(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    names = tuple(sorted(draw.sample(_VARIABLES, draw.randint(1, 2))))
    return c.SetVariables(environment=draw.choice(("production", "preview")), names=names, **common)


def _unset(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    environment = draw.choice(("production", "preview"))
    return c.UnsetVariable(environment=environment, name=draw.choice(_VARIABLES), **common)


def _add_key(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    name = draw.choice(_KEYS)
    project.keys.append(name)
    return c.AddKey(name=name, **common)


def _revoke_key(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.RevokeKey(name=draw.choice(project.keys or _KEYS), twice=draw.random() < 0.2, **common)


def _protect(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    return c.Protect(environment=draw.choice(("production", "preview")), allow=draw.choice(_RANGES), **common)


def _domain(draw: random.Random, project: _Project, common: dict[str, Any]) -> c.Choice:
    if project.domains and draw.random() < 0.5:
        return c.RemoveDomain(fqdn=draw.choice(project.domains), **common)
    fqdn = f"{draw.choice(('www', 'shop'))}.{project.name}.example.com"
    project.domains.append(fqdn)
    return c.AddDomain(fqdn=fqdn, twice=draw.random() < 0.2, **common)


_KINDS: Final[dict[Callable[[random.Random, _Project, dict[str, Any]], c.Choice], int]] = {
    _deploy: 34,
    _rollback: 12,
    _promote: 12,
    _cancel: 10,
    _resend: 5,
    _start: 4,
    _stop: 5,
    _remove: 3,
    _keep: 1,
    _set: 4,
    _unset: 2,
    _add_key: 3,
    _revoke_key: 2,
    _protect: 2,
    _domain: 3,
}


def _recent(draw: random.Random, last: int) -> int:
    """A number from one to the last one, and the last ones oftenest: they are the ones under way."""
    return max(1, last - min(int(draw.expovariate(0.5)), max(last - 1, 0)))


# -------------------------------------------------------------------------------------------- faults


def _fault(draw: random.Random) -> m.Fault:
    after = round(draw.uniform(0, 0.8), 2)
    return _weighted(draw, _FAULTS)(draw, after)


def _killed(draw: random.Random, after: float) -> m.Fault:
    step = draw.choice((None, *STEPS))
    return m.WorkerKilled(after=after, step=step, moment=draw.choice(("before", "after")))


def _stumble(draw: random.Random, after: float) -> m.Fault:
    return m.StepStumbles(after=after, step=draw.choice(STEPS), moment=draw.choice(("before", "after")))


_FAULTS: Final[dict[Callable[[random.Random, float], m.Fault], int]] = {
    _killed: 8,
    _stumble: 4,
    lambda draw, after: m.RestateKilled(after=after, away=draw.choice((0.1, 0.5))): 2,
    lambda draw, after: m.ServerRestarted(after=after, away=draw.choice((0.05, 0.3, 0.3, 1.0, 5.0))): 3,
    lambda draw, after: m.TwoServers(after=after, seconds=draw.choice((0.5, 2.0))): 2,
    lambda draw, after: m.GatewaySilent(after=after, seconds=draw.choice((0.3, 0.3, 1.0, 1.0, 5.0))): 3,
    lambda _, after: m.GatewayRejects(after=after): 2,
    lambda _, after: m.GatewayReconnects(after=after): 2,
    lambda draw, after: m.KraneAway(after=after, seconds=draw.choice((0.3, 1.0))): 3,
    lambda draw, after: m.StoreLocked(after=after, seconds=draw.choice((0.1, 0.8))): 2,
}


def _weighted(draw: random.Random, weights: dict[T, int]) -> T:
    return draw.choices(list(weights), list(weights.values()))[0]
