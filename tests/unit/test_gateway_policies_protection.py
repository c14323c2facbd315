"""What Envoy is told of a protection, compared with a file that a person can read."""

from __future__ import annotations

import json
import os
from dataclasses import replace

from tests.unit.test_gateway_planner import GOLDEN, readable
from turnout.domain.header_rules import parse_header_rule
from turnout.domain.passwords import credential
from turnout.domain.protection import Maintenance, Protection
from turnout.domain.views import ProjectView
from turnout.gateway.feeds import decode_project, encode_project
from turnout.gateway.planner import plan_project
from turnout.gateway.policies.protection import filters, replies
from turnout.gateway.testing import project

FULL = Protection(
    allow=("10.0.0.0/8", "2001:db8::/32"),
    basic_auth=(
        credential("alice", "correct horse", salt=bytes(16)),
        credential("bob", "battery staple", salt=bytes(16)),
    ),
    maintenance=Maintenance(retry_after=60, page="<h1>Soon</h1>", let_in=("192.0.2.7/32",)),
    headers=tuple(
        parse_header_rule(rule)
        for rule in (
            "set response X-Robots-Tag: no%index",
            "add request X-Env: preview",
            "remove request Cookie",
            "remove response Server",
        )
    ),
)


def view(protection: Protection | None) -> ProjectView:
    """One domain that is protected, and one of another environment that is not."""
    made = project("prj_1", {"a.example": "dep_1", "b.example": "dep_1"}, {"dep_1": ["127.0.0.1:8001"]})
    return replace(made, routes=(replace(made.routes[0], protection=protection), made.routes[1]))


def test_a_full_protection_is_the_golden_one() -> None:
    """Set TURNOUT_WRITE_GOLDEN=1 to write the file anew, and read the difference."""
    path = GOLDEN / "protected.json"
    document = readable(plan_project(view(FULL)))
    if os.environ.get("TURNOUT_WRITE_GOLDEN"):
        path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    assert document == json.loads(path.read_text())


def test_the_same_protection_gives_the_same_versions() -> None:
    """Its maps are written in one order, so a restarted server has nothing to send."""
    assert len({plan_project(view(FULL)).routes[0].version for _ in range(20)}) == 1


def test_an_environment_without_protection_costs_nothing() -> None:
    """No protection and one with everything off are the same to Envoy."""
    assert plan_project(view(None)) == plan_project(view(Protection()))


def test_a_protection_survives_the_snapshot() -> None:
    """A gateway that starts while the store is away protects as it did."""
    assert decode_project(encode_project(view(FULL))) == view(FULL)
    assert b"protection" not in encode_project(view(None)), "an older gateway can read what it knows"


def test_every_filter_does_nothing_by_itself() -> None:
    """They stand in the chain for everybody, and a route without settings passes: none of them is enabled per
    route, because the route of a host name in capital letters is only found behind the first filter."""
    for each in filters():
        assert "disabled" not in each
        assert not {"rules", "shadow_rules", "default_source_code", "inline_code"} & each["typed_config"].keys()
    assert all("filter" in reply for reply in replies()), "an answer of somebody else is not touched"
