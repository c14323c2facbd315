"""Gates: the seed's preconditions, one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from turnout.domain.errors import Invalid, NotFound, TurnoutError
from turnout.domain.gates import SwitchFacts, may_go_live, may_promote, may_rollback
from turnout.domain.records import (
    Backend,
    Deployment,
    Environment,
    GitData,
    HealthCheck,
    Project,
    Resources,
    Route,
    Sticky,
)
from turnout.domain.statuses import DeploymentStatus

PROJECT = Project(
    id="prj_1", workspace_id="ws_1", slug="hello", live_deployment_id="dep_live", rolled_back=False, generation=7
)
PRODUCTION = Environment(id="env_1", project_id="prj_1", slug="production")
PREVIEW = Environment(id="env_2", project_id="prj_1", slug="preview")
LIVE = Deployment(
    id="dep_live",
    project_id="prj_1",
    environment_id="env_1",
    status=DeploymentStatus.READY,
    reason=None,
    image="hello:v2",
    source_id=None,
    backend=Backend.DOCKER,
    git=GitData(),
    command=(),
    build_command=(),
    resources=Resources(),
    health=HealthCheck(),
    openapi_path=None,
    key_auth_id=None,
    regions=("local",),
    created_at=datetime(2030, 1, 1, tzinfo=UTC),
)
OLD = replace(LIVE, id="dep_old", image="hello:v1")


def route(sticky: Sticky) -> Route:
    return Route(
        id="rte_1",
        fqdn=f"hello-{sticky}.localhost",
        project_id="prj_1",
        environment_id="env_1",
        deployment_id="dep_live",
        sticky=sticky,
    )


FACTS = SwitchFacts(
    project=PROJECT,
    source=LIVE,
    target=OLD,
    target_environment=PRODUCTION,
    target_running=1,
    routes=(route(Sticky.NONE), route(Sticky.ENVIRONMENT), route(Sticky.LIVE)),
)


def rollback(source_id: str = "dep_live", target_id: str = "dep_old", **changed: Any) -> TurnoutError | None:
    return may_rollback(replace(FACTS, **changed), source_id=source_id, target_id=target_id)


def promote(target_id: str = "dep_old", **changed: Any) -> TurnoutError | None:
    return may_promote(replace(FACTS, **changed), target_id=target_id)


NO_STICKY = (route(Sticky.NONE), route(Sticky.BRANCH))

ROLLBACK_REFUSALS = [
    ("unknown source", NotFound, "no deployment dep_live", {"source": None}),
    ("unknown target", NotFound, "no deployment dep_old", {"target": None}),
    ("both unknown", NotFound, "no deployment dep_live", {"source": None, "target": None}),
    ("same", Invalid, "source and target are both dep_live", {"target": LIVE, "target_id": "dep_live"}),
    ("target of another project", Invalid, "same project", {"target": replace(OLD, project_id="prj_2")}),
    ("source of another project", Invalid, "same project", {"source": replace(LIVE, project_id="prj_2")}),
    (
        "both of another project",
        Invalid,
        "same project",
        {"source": replace(LIVE, project_id="prj_2"), "target": replace(OLD, project_id="prj_2")},
    ),
    ("other environment", Invalid, "same environment", {"target": replace(OLD, environment_id="env_2")}),
    ("nothing live", Invalid, "no live deployment", {"project": replace(PROJECT, live_deployment_id=None)}),
    (
        "source not live",
        Invalid,
        "it is not live; dep_other is",
        {"project": replace(PROJECT, live_deployment_id="dep_other")},
    ),
    ("nothing runs", Invalid, "no running instances", {"target_running": 0}),
    ("no routes", Invalid, "no sticky domains", {"routes": ()}),
    ("no sticky routes", Invalid, "no sticky domains", {"routes": NO_STICKY}),
]

PROMOTE_REFUSALS = [
    ("unknown", NotFound, "no deployment dep_old", {"target": None}),
    ("other project", NotFound, "no deployment dep_old", {"target": replace(OLD, project_id="prj_2")}),
    ("live already", Invalid, "it is live already", {"target": LIVE, "target_id": "dep_live"}),
    ("preview", Invalid, "only deployments of production", {"target_environment": PREVIEW}),
    ("unknown environment", Invalid, "only deployments of production", {"target_environment": None}),
    ("nothing runs", Invalid, "no running instances", {"target_running": 0}),
    ("no routes", Invalid, "no sticky domains", {"routes": ()}),
    ("no sticky routes", Invalid, "no sticky domains", {"routes": NO_STICKY}),
]
NOT_READY = [status for status in DeploymentStatus if status is not DeploymentStatus.READY]


def _check(refusal: TurnoutError | None, kind: type[TurnoutError], says: str, verb: str) -> None:
    assert type(refusal) is kind
    assert says in refusal.detail
    assert refusal.detail.startswith(f"cannot {verb}")


@pytest.mark.parametrize(
    ("kind", "says", "changed"), [row[1:] for row in ROLLBACK_REFUSALS], ids=[row[0] for row in ROLLBACK_REFUSALS]
)
def test_rollback_is_refused(kind: type[TurnoutError], says: str, changed: dict[str, Any]) -> None:
    """Each precondition of a rollback by itself: 404 for what is not there, 400 for the rest, and a sentence."""
    _check(rollback(**changed), kind, says, "roll back")


@pytest.mark.parametrize(
    ("kind", "says", "changed"), [row[1:] for row in PROMOTE_REFUSALS], ids=[row[0] for row in PROMOTE_REFUSALS]
)
def test_promote_is_refused(kind: type[TurnoutError], says: str, changed: dict[str, Any]) -> None:
    """Each precondition of a promote by itself: 404 for what is not there, 400 for the rest, and a sentence."""
    _check(promote(**changed), kind, says, "promote")


@pytest.mark.parametrize("status", NOT_READY)
def test_only_a_ready_deployment_takes_live(status: DeploymentStatus) -> None:
    """In every other status both verbs refuse, and say which status it is."""
    target = replace(OLD, status=status)
    _check(rollback(target=target), Invalid, f"it is {status}", "roll back")
    _check(promote(target=target), Invalid, f"it is {status}", "promote")


def test_what_is_allowed() -> None:
    """A rollback from live to one that runs; a promote, also of a newer one, also while nothing is live."""
    assert rollback() is None
    assert rollback(project=replace(PROJECT, rolled_back=True)) is None
    assert rollback(routes=(route(Sticky.LIVE),)) is None
    assert rollback(routes=(route(Sticky.ENVIRONMENT),)) is None
    assert promote() is None
    assert promote(source=None) is None
    assert promote(project=replace(PROJECT, rolled_back=True)) is None
    assert promote(project=replace(PROJECT, live_deployment_id=None)) is None


@pytest.mark.parametrize(
    ("environment", "rolled_back", "goes"),
    [(PRODUCTION, False, True), (PRODUCTION, True, False), (PREVIEW, False, True), (PREVIEW, True, True)],
)
def test_who_goes_live(environment: Environment, rolled_back: bool, goes: bool) -> None:
    """Only production is held back while the project is rolled back."""
    assert may_go_live(replace(PROJECT, rolled_back=rolled_back), environment) is goes
