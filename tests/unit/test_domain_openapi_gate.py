"""The gate on breaking changes: refuse, ask, or let through."""

from __future__ import annotations

import pytest

from turnout.domain.errors import Conflict
from turnout.domain.openapi_gate import TOLD, UNCHANGED, Findings, GateFacts, findings_of, held_back
from turnout.domain.openapi_rules import ApiChange
from turnout.domain.records import OnBreaking


def facts(on_breaking: OnBreaking, findings: Findings | None) -> GateFacts:
    """A deploy of dep_new while dep_old is live."""
    return GateFacts(on_breaking=on_breaking, live_id="dep_old", target_id="dep_new", findings=findings)


FOUND = Findings(count=5, sentences=("GET /a: it was removed", "GET /b: it was removed", "GET /c: it was removed"))


def test_what_breaks_nothing_goes_live() -> None:
    """So does everything of an app without a gate."""
    assert held_back(None) is None
    for each in OnBreaking:
        assert held_back(facts(each, UNCHANGED)) is None


def test_ask_says_what_breaks_and_how_to_say_yes() -> None:
    """In one sentence."""
    said = held_back(facts(OnBreaking.ASK, FOUND))
    assert said == (
        "it would break clients of dep_old, which is live: GET /a: it was removed; GET /b: it was removed; "
        "GET /c: it was removed; and 2 more; `turnout openapi diff dep_old dep_new` shows all changes, and "
        "`turnout promote dep_new` takes it live all the same"
    )


def test_refuse_says_what_breaks_and_what_to_do() -> None:
    """As the reason of the deploy's end."""
    with pytest.raises(Conflict) as refused:
        held_back(facts(OnBreaking.REFUSE, FOUND))
    assert refused.value.detail.startswith(
        "cannot take dep_new live: it would break clients of dep_old, which is live: GET /a: it was removed; "
    )
    assert 'deploy with [openapi] breaking = "ask" and promote it' in refused.value.detail


def test_a_document_that_is_gone_counts_as_breaking() -> None:
    """Else an app that is slow to describe itself would slip through."""
    assert "no OpenAPI document of it was found" in (held_back(facts(OnBreaking.ASK, None)) or "")
    with pytest.raises(Conflict, match="no OpenAPI document of it was found"):
        held_back(facts(OnBreaking.REFUSE, None))


def test_what_is_kept_of_a_comparison() -> None:
    """The count of what breaks, and the first of them."""
    changes = [
        ApiChange(rule="r", breaking=bool(n % 2), operation=f"GET /{n}", place="", text="it changed") for n in range(11)
    ]
    findings = findings_of(changes)
    assert findings.count == 5
    assert findings.sentences == ("GET /1: it changed", "GET /3: it changed", "GET /5: it changed")
    assert len(findings.sentences) == TOLD
