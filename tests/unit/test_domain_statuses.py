"""The statuses and their tables of transitions."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import IllegalTransition
from turnout.domain.statuses import (
    ACTIVE,
    OPERATION_TERMINAL,
    OPERATION_TRANSITIONS,
    TERMINAL,
    TRANSITIONS,
    DeploymentStatus,
    OperationStatus,
    check_transition,
    mermaid,
)

D = DeploymentStatus
ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"


def test_the_tables_are_complete() -> None:
    """Every status has its line, and leads only to statuses that exist and are not itself."""
    assert set(TRANSITIONS) == set(DeploymentStatus)
    assert set(OPERATION_TRANSITIONS) == set(OperationStatus)
    for status, after in (*TRANSITIONS.items(), *OPERATION_TRANSITIONS.items()):
        assert status not in after


def test_every_status_is_reachable_and_none_is_a_trap() -> None:
    """From pending every status can be reached, and every status that is on its way can still fail."""
    reached, frontier = {D.PENDING}, {D.PENDING}
    while frontier:
        frontier = set().union(*(TRANSITIONS[each] for each in frontier)) - reached
        reached |= frontier
    assert reached == set(DeploymentStatus)
    assert all(TRANSITIONS[each] >= {D.FAILED, D.CANCELLED, D.SUPERSEDED} for each in ACTIVE)


def test_the_named_sets() -> None:
    """Active, terminal, and the two that a deployment may change between for as long as it exists."""
    assert {D.PENDING, D.BUILDING, D.DEPLOYING, D.NETWORK} == ACTIVE
    assert {D.FAILED, D.CANCELLED, D.SUPERSEDED} == TERMINAL
    assert set(DeploymentStatus) - ACTIVE - TERMINAL == {D.READY, D.STOPPED}
    assert set(OperationStatus) - OPERATION_TERMINAL == {OperationStatus.PENDING, OperationStatus.RUNNING}


@pytest.mark.parametrize(("current", "wanted"), list(product(DeploymentStatus, repeat=2)))
def test_a_change_is_made_known_or_refused(current: D, wanted: D) -> None:
    """A legal change has to be made, a repeated one already was, and every other raises with both names."""
    if current is wanted:
        assert check_transition(current, wanted) is False
    elif wanted in TRANSITIONS[current]:
        assert check_transition(current, wanted) is True
    else:
        with pytest.raises(IllegalTransition, match=f"from {current} to {wanted}"):
            check_transition(current, wanted)


@given(st.lists(st.sampled_from(DeploymentStatus), max_size=30))
def test_a_terminal_status_is_never_left(wishes: list[D]) -> None:
    """However many changes are tried, in whatever order: once ended badly, a deployment stays so."""
    status = D.PENDING
    for wanted in wishes:
        before = status
        try:
            if check_transition(status, wanted):
                status = wanted
        except IllegalTransition:
            assert status is before
        assert before not in TERMINAL or status is before


def test_the_diagram_in_the_docs_is_this_table() -> None:
    """docs/architecture.md shows exactly what the table says."""
    text = ARCHITECTURE.read_text()
    block = text.partition("<!-- generated: statuses -->")[2].partition("<!-- end -->")[0]
    assert block.strip() == f"```mermaid\n{mermaid()}\n```"


def test_the_diagram_has_every_transition() -> None:
    """One line a transition, one beginning, and an end for each terminal status."""
    lines = [line.strip() for line in mermaid().splitlines()]
    arrows = {f"{status} --> {to}" for status, after in TRANSITIONS.items() for to in after}
    ends = {f"{status} --> [*]" for status in TERMINAL}
    assert lines[0] == "stateDiagram-v2"
    assert set(lines[1:]) == {"[*] --> pending"} | arrows | ends
    assert len(lines) == len(set(lines))
