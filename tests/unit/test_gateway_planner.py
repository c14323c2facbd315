"""What Envoy is told of a project, compared with files that a person can read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from turnout.domain.errors import Invalid
from turnout.domain.views import ProjectView, RouteView
from turnout.gateway import protos
from turnout.gateway.planner import plan_project
from turnout.gateway.resources import Kind, ProjectPlan
from turnout.gateway.testing import project

GOLDEN = Path(__file__).parent / "golden" / "gateway"

MESSAGES = {
    Kind.CLUSTER: protos.Cluster,
    Kind.ENDPOINTS: protos.ClusterLoadAssignment,
    Kind.ROUTES: protos.RouteConfiguration,
    Kind.SCOPE: protos.ScopedRouteConfiguration,
}

VIEWS = {
    "one_domain": project("prj_1", {"a.example": "dep_1"}, {"dep_1": ["127.0.0.1:8001", "[::1]:8002"]}),
    "two_deployments": project(
        "prj_1",
        {"a.example": "dep_2", "b.example": "dep_1", "c.example": "dep_2"},
        {"dep_1": ["127.0.0.1:8001"], "dep_2": ["127.0.0.1:8002"]},
    ),
    "no_instances": project("prj_1", {"a.example": "dep_1"}, {"dep_1": []}),
    "removed": project("prj_1", {}, {}),
}


def readable(plan: ProjectPlan) -> dict[str, Any]:
    """The plan by kind and name, as Envoy's documentation writes it."""
    document: dict[str, Any] = {kind.name.lower(): {} for kind in MESSAGES}
    for resource in plan.resources():
        message = MESSAGES[resource.kind].FromString(resource.body)
        text = protos.message_to_dict(message, preserving_proto_field_name=True)
        document[resource.kind.name.lower()][resource.name] = text
    return document


@pytest.mark.parametrize("name", VIEWS)
def test_a_plan_is_the_golden_one(name: str) -> None:
    """Set TURNOUT_WRITE_GOLDEN=1 to write the files anew, and read the difference."""
    path = GOLDEN / f"{name}.json"
    document = readable(plan_project(VIEWS[name]))
    if os.environ.get("TURNOUT_WRITE_GOLDEN"):
        path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    assert document == json.loads(path.read_text())


def test_the_same_view_gives_the_same_versions() -> None:
    """So a restarted server has nothing to send to an Envoy that has it all."""
    assert plan_project(VIEWS["two_deployments"]) == plan_project(VIEWS["two_deployments"])


def test_a_switch_changes_the_route_configuration_alone() -> None:
    """Clusters, endpoints and scopes keep their versions."""
    targets = {"dep_1": ["127.0.0.1:1"], "dep_2": ["127.0.0.1:2"]}
    before = plan_project(project("p", {"a.example": "dep_1", "b.example": "dep_2"}, targets))
    after = plan_project(project("p", {"a.example": "dep_2", "b.example": "dep_1"}, targets))
    changed = [new.kind for old, new in zip(before.resources(), after.resources(), strict=True) if old != new]
    assert changed == [Kind.ROUTES]


@pytest.mark.parametrize("fqdn", ["*", "*.example", "Upper.example", "a..b", "", "a b", "a.example:80", "a" * 64])
def test_what_is_not_one_host_name_is_refused(fqdn: str) -> None:
    """`*` in particular would take everybody's traffic."""
    view = ProjectView(
        project_id="p",
        routes=(RouteView(fqdn=fqdn, deployment_id="dep_1"),),
        targets=project("p", {"a": "dep_1"}, {"dep_1": []}).targets,
    )
    with pytest.raises(Invalid):
        plan_project(view)


@pytest.mark.parametrize("address", ["localhost:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "", "1.2.3.4:x"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    """Envoy takes IP addresses only, and would refuse the whole message."""
    with pytest.raises(Invalid):
        plan_project(project("p", {"a.example": "dep_1"}, {"dep_1": [address]}))


def test_a_route_to_a_deployment_that_is_no_target_is_refused() -> None:
    """A route must not name a cluster that will never come."""
    with pytest.raises(Invalid):
        plan_project(project("p", {"a.example": "dep_1"}, {}))
