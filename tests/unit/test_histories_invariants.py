"""The rules of the histories notice what they are there for: a good picture with one thing wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.histories.invariants import broken, unrest
from tests.faults.histories.picture import Picture, Row, Served

AT = datetime(2030, 1, 1, tzinfo=UTC)
EMPTY = ("confirmations", "domains", "environments", "jobs", "operation_steps", "waits")


def good() -> dict[str, Any]:
    """Two versions of one project; the second one is live, the first one is stopped."""
    tables = {name: [] for name in EMPTY}
    tables["environments"] = [Row(id="env", slug="production", project_id="prj")]
    tables["projects"] = [Row(id="prj", slug="p", live_deployment_id="dep_2", rolled_back=False)]
    tables["deployments"] = [
        Row(id="dep_1", status="stopped", environment_id="env", removed_at=None, stopped_at=AT),
        Row(id="dep_2", status="ready", environment_id="env", removed_at=None, stopped_at=None),
    ]
    tables["operations"] = [
        Row(id=f"op_{n}", kind="deploy", status="succeeded", reason=None, deployment_id=f"dep_{n}", generation=n)
        for n in (1, 2)
    ]
    tables["switches"] = [
        Row(operation_id=f"op_{n}", kind="deploy", generation=n, project_id="prj", actor="alice", rolled_back=False,
            from_deployment_id=before, to_deployment_id=f"dep_{n}")
        for n, before in ((1, None), (2, "dep_1"))
    ]  # fmt: skip
    tables["routes"] = [
        Row(fqdn="own.localhost", deployment_id="dep_1", sticky="none", environment_id="env", project_id="prj"),
        Row(fqdn="p.localhost", deployment_id="dep_2", sticky="live", environment_id="env", project_id="prj"),
    ]
    tables["sentinel_configs"] = [Row(fqdn=row.fqdn, deployment_id=row.deployment_id) for row in tables["routes"]]
    tables["placements"] = [Row(deployment_id="dep_2", desired="running")]
    tables["instances"] = [Row(deployment_id="dep_2", status="running")]
    tables["counters"] = [Row(name="generation", value=2)]
    tables["audit_log"] = [
        Row(action=f"deploy.{what}", subject=f"op_{n}") for n in (1, 2) for what in ("asked", "switched")
    ]
    serves = {
        row.fqdn: Served(deployment_id=row.deployment_id, has_instances=row.deployment_id == "dep_2")
        for row in tables["routes"]
    }
    return {"tables": tables, "krane_runs": {"dep_2": "running"}, "gateway_serves": serves, "went_dark": ()}


def found(made: dict[str, Any]) -> list[str]:
    picture = Picture(**made)
    return [*unrest(picture), *broken(picture)]


def test_a_good_picture_is_good() -> None:
    """Nothing is found in it."""
    assert found(good()) == []


def set_(table: str, place: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    """One row is otherwise."""

    def change(made: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(made["tables"][table][place], name, value)

    return change


def add(table: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    """One row more."""
    return lambda made: made["tables"][table].append(Row(**values))


def drop(table: str, place: int) -> Callable[[dict[str, Any]], None]:
    """One row less."""
    return lambda made: made["tables"][table].pop(place)


def replace_(part: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Another part of the picture."""
    return lambda made: made.update({part: value})


WRONG = {
    "the live pointer is lost": ("I1", set_("projects", 0, live_deployment_id=None)),
    "the live pointer lags": ("I1", set_("projects", 0, live_deployment_id="dep_1")),
    "a live domain lags": ("I1", set_("routes", 1, deployment_id="dep_1")),
    "a preview is live": ("I1", set_("environments", 0, slug="preview")),
    "the gateway lags": (
        "I1",
        lambda made: made["gateway_serves"].update({"p.localhost": Served(deployment_id="dep_1", has_instances=True)}),
    ),
    "the gateway forgot a domain": ("I1", lambda made: made["gateway_serves"].pop("own.localhost")),
    "an operation hangs": ("I2", set_("operations", 1, status="running")),
    "an end without a reason": ("I2", set_("operations", 1, status="degraded", reason="")),
    "an end with a dump for a reason": ("I2", set_("operations", 1, status="degraded", reason="Traceback (most …")),
    "a failed deploy whose deployment is ready": ("I2", set_("operations", 1, status="failed", reason="no database")),
    "a deployment that hangs": ("I2", set_("deployments", 1, status="network")),
    "a step that still runs": ("I2", add("operation_steps", operation_id="op_2", status="running")),
    "a domain's check that never ended": (
        "I2",
        add("domains", fqdn="a.example", status="pending", round=1, checked_round=0),
    ),
    "a domain without instances": (
        "I3",
        lambda made: made["gateway_serves"].update({"p.localhost": Served(deployment_id="dep_2", has_instances=False)}),
    ),
    "a domain that was dark for a while": ("I3", replace_("went_dark", (("p.localhost", "dep_2"),))),
    "an open wait": (
        "I4",
        add("waits", operation_id="op_2", kind="instances-gone", deployment_id="dep_2", settled_at=None),
    ),
    "a forgotten confirmation": ("I4", add("confirmations", generation=2, settled_at=None)),
    "a stopped deployment that shall run": ("I4", add("placements", deployment_id="dep_1", desired="running")),
    "a ready one that shall not": ("I4", set_("placements", 0, desired="removed")),
    "an instance that krane forgot": ("I4", replace_("krane_runs", {})),
    "an instance that the store forgot": ("I4", drop("instances", 0)),
    "a route to what was removed": ("I4", set_("deployments", 0, removed_at=AT)),
    "a route without its guard": ("I4", drop("sentinel_configs", 0)),
    "a call that Restate never ended": ("I4", replace_("invocations", ("Deployments/prj/deploy (suspended)",))),
    "a generation twice": ("I5", set_("switches", 1, generation=1)),
    "a generation from the future": ("I5", set_("counters", 0, value=1)),
    "a second switch": (
        "I5",
        lambda made: made["tables"]["switches"].append(deepcopy(made["tables"]["switches"][1])),
    ),
    "a switch that is not told": ("I5", drop("audit_log", 1)),
    "an operation that switched without a history": ("I5", drop("switches", 1)),
    "a history with a gap": ("I5", set_("switches", 1, from_deployment_id="dep_9")),
    "a mark that was overwritten": ("I5", set_("projects", 0, rolled_back=True)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_noticed(name: str) -> None:
    """By the invariant it belongs to."""
    invariant, change = WRONG[name]
    made = good()
    change(made)
    sentences = found(made)
    assert any(each.startswith(invariant) for each in sentences), sentences
