"""From one look to the next: what is told, what is done, and what has helped."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.findings import FindingKind, Remedy, Suspicion
from turnout.domain.vigil import AGAIN_SECONDS, REMEMBERED_SECONDS, Case, Cases, look, tried

PAUSED = Suspicion(
    kind=FindingKind.INVOCATION_PAUSED,
    subject="inv_1",
    workspace_id="ws_1",
    patience=0.0,
    meaning="it is paused",
    remedies=(Remedy.RESUME, Remedy.KILL),
)
SILENT = Suspicion(
    kind=FindingKind.GATEWAY_SILENT,
    subject="gw",
    workspace_id=None,
    patience=15.0,
    meaning="it is silent",
    mark="1",
    remedies=(Remedy.DISCONNECT,),
)
NOTHING: Cases = {}


def mended(cases: Cases, case: Case, remedy: Remedy, at: float) -> Cases:
    return tried(cases, case.suspicion.key, remedy, at=at)


def test_a_suspicion_is_told_once_its_patience_is_over() -> None:
    """Every look since then has to have shown it."""
    first = look(NOTHING, [SILENT], at=0)
    assert not first.found
    assert not look(first.cases, [SILENT], at=14.9).found
    told = look(first.cases, [SILENT], at=15)
    assert [case.since for case in told.found] == [0]
    assert [remedy for _, remedy in told.due] == [Remedy.DISCONNECT]
    gap = look(first.cases, [], at=5)
    assert not look(gap.cases, [SILENT], at=16).found


def test_a_sign_of_life_begins_anew() -> None:
    """A heartbeat that is another one than last time is no silence."""
    first = look(NOTHING, [SILENT], at=0)
    second = look(first.cases, [replace(SILENT, mark="2")], at=14)
    assert not look(second.cases, [replace(SILENT, mark="2")], at=28).found
    assert look(second.cases, [replace(SILENT, mark="2")], at=29).found


def test_the_next_remedy_when_the_first_did_not_last() -> None:
    """Resumed, and when it pauses again it is killed at once: nobody waits for a third time."""
    first = look(NOTHING, [PAUSED], at=0)
    ((case, remedy),) = first.due
    assert remedy is Remedy.RESUME
    after = look(mended(first.cases, case, remedy, 0), [], at=5)
    assert [each.tried for each in after.repaired] == [(Remedy.RESUME,)]
    assert after.repaired[0].sentence == "it is paused; it was resumed"
    again = look(after.cases, [PAUSED], at=10)
    ((case, remedy),) = again.due
    assert remedy is Remedy.KILL


def test_a_remedy_has_time_to_show() -> None:
    """It is not tried at each look, and what it has not helped against in time gets the next one."""
    first = look(NOTHING, [PAUSED], at=0)
    cases = mended(first.cases, first.due[0][0], Remedy.RESUME, 0)
    assert not look(cases, [PAUSED], at=AGAIN_SECONDS - 1).due
    assert [remedy for _, remedy in look(cases, [PAUSED], at=AGAIN_SECONDS).due] == [Remedy.KILL]


def test_what_comes_back_much_later_is_new() -> None:
    """An old remedy says nothing about it."""
    first = look(NOTHING, [PAUSED], at=0)
    gone = look(mended(first.cases, first.due[0][0], Remedy.RESUME, 0), [], at=5)
    forgotten = look(gone.cases, [], at=REMEMBERED_SECONDS + 1)
    assert not forgotten.cases
    assert [remedy for _, remedy in look(forgotten.cases, [PAUSED], at=700).due] == [Remedy.RESUME]


def test_what_ends_by_itself_is_no_repair() -> None:
    """Only what something was done about is told as repaired."""
    first = look(NOTHING, [PAUSED], at=0)
    assert not look(first.cases, [], at=5).repaired


def test_a_look_that_could_not_see_concludes_nothing() -> None:
    """With Restate away nothing about its invocations is repaired, found or done."""
    blind = frozenset({PAUSED.kind})
    first = look(NOTHING, [PAUSED], at=0)
    cases = mended(first.cases, first.due[0][0], Remedy.RESUME, 0)
    away = look(cases, [], at=100, unseen=blind)
    assert (away.repaired, away.due) == ((), ())
    assert [case.suspicion for case in away.found] == [PAUSED]
    patient = replace(PAUSED, patience=10.0)
    unsure = look(look(NOTHING, [patient], at=0).cases, [], at=8, unseen=blind)
    assert not look(unsure.cases, [patient], at=11).found


SUBJECTS = st.sampled_from(["a", "b", "c"])
LOOKS = st.lists(st.tuples(st.floats(min_value=0.1, max_value=40), st.frozensets(SUBJECTS), st.booleans()), max_size=30)


@given(LOOKS, st.sampled_from([0.0, 10.0, 20.0]))
def test_any_history_of_looks(looks: list[tuple[float, frozenset[str], bool]], patience: float) -> None:
    """Whatever comes and goes: told means seen without a gap for long enough; done means told; memory is bounded."""
    cases: Cases = NOTHING
    at, since = 0.0, dict[str, float]()
    done: dict[str, list[float]] = {}
    for passed, subjects, blind in looks:
        at += passed
        suspicions = [replace(PAUSED, subject=each, patience=patience) for each in sorted(subjects)]
        told_before = {case.suspicion.subject for case in cases.values() if case.present and case.told}
        looked = look(cases, suspicions, at=at, unseen=frozenset({PAUSED.kind}) if blind else frozenset())
        if blind:
            since = {each: began if each in told_before else at for each, began in since.items()}
            assert not looked.due
            assert not looked.repaired
            assert {case.suspicion.subject for case in looked.found} == told_before
        else:
            since = {each: since.get(each, at) for each in subjects}
            expected = {each for each in subjects if at - since[each] >= patience or each in told_before}
            assert {case.suspicion.subject for case in looked.found} == expected
            assert {case.suspicion.subject for case in looked.repaired} == {
                each for each in told_before - subjects if done.get(each)
            }
        cases = looked.cases
        for case, remedy in looked.due:
            subject = case.suspicion.subject
            assert case in looked.found
            assert remedy is (Remedy.KILL if case.tried else Remedy.RESUME)
            done.setdefault(subject, []).append(at)
            cases = mended(cases, case, remedy, at)
        done = {each: times for each, times in done.items() if (PAUSED.kind, each) in cases}
        assert len(cases) <= 3
