"""What to start and to stop, for any desired and any existing state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.documents import DesiredState
from turnout.domain.records import Backend, Resources, RunSpec
from turnout.krane.reconcile import Existing, Plan, apply_message, reconcile


def spec(deployment_id: str, replicas: int) -> RunSpec:
    return RunSpec(
        deployment_id=deployment_id,
        project="p",
        backend=Backend.PROCESS,
        image="i",
        resources=Resources(replicas=replicas),
    )


NAMES = st.sampled_from(["dep_a", "dep_b", "dep_c"])
DESIRED = st.dictionaries(NAMES, st.integers(0, 4)).map(lambda d: {name: spec(name, n) for name, n in d.items()})
EXISTING = st.lists(st.tuples(NAMES, st.integers(-1, 5)), max_size=12).map(
    lambda places: [
        Existing(instance_id=f"ins_{number:02}", deployment_id=name, slot=slot)
        for number, (name, slot) in enumerate(places)
    ]
)


def carried_out(plan: Plan, existing: list[Existing]) -> list[Existing]:
    left = [one for one in existing if one.instance_id not in plan.stops]
    started = [
        Existing(instance_id=f"new_{number}", deployment_id=start.spec.deployment_id, slot=start.slot)
        for number, start in enumerate(plan.starts)
    ]
    return left + started


@given(DESIRED, EXISTING)
def test_one_round_converges_and_a_second_does_nothing(desired: dict[str, RunSpec], existing: list[Existing]) -> None:
    """After the plan exactly the desired slots are filled, each once; planning again is empty."""
    after = carried_out(reconcile(desired, existing), existing)
    places = [(one.deployment_id, one.slot) for one in after]
    wanted = {(name, slot) for name, it in desired.items() for slot in range(it.resources.replicas)}
    assert len(places) == len(set(places))
    assert set(places) == wanted
    assert reconcile(desired, after) == Plan(starts=(), stops=())


@given(DESIRED, EXISTING)
def test_what_is_right_is_not_touched(desired: dict[str, RunSpec], existing: list[Existing]) -> None:
    """The oldest instance of a desired slot is never stopped; a filled slot never gets a second instance."""
    plan = reconcile(desired, existing)
    oldest: dict[tuple[str, int], str] = {}
    for one in existing:
        oldest.setdefault((one.deployment_id, one.slot), one.instance_id)
    for (name, slot), instance_id in oldest.items():
        if name in desired and 0 <= slot < desired[name].resources.replicas:
            assert instance_id not in plan.stops
            assert not [start for start in plan.starts if (start.spec.deployment_id, start.slot) == (name, slot)]


@given(DESIRED, EXISTING, st.randoms())
def test_order_does_not_matter(desired: dict[str, RunSpec], existing: list[Existing], random: object) -> None:
    """The same facts in another order give the same plan."""
    shuffled = list(existing)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reconcile(dict(reversed(desired.items())), shuffled) == reconcile(desired, existing)


@given(DESIRED, st.integers(0, 4), st.integers(0, 4))
def test_scaling_changes_only_the_difference(desired: dict[str, RunSpec], before: int, after: int) -> None:
    """From n replicas to m: |n - m| actions, and none for other deployments."""
    first = desired | {"dep_x": spec("dep_x", before)}
    existing = carried_out(reconcile(first, []), [])
    plan = reconcile(desired | {"dep_x": spec("dep_x", after)}, existing)
    assert len(plan.starts) == max(0, after - before)
    assert len(plan.stops) == max(0, before - after)
    assert {start.spec.deployment_id for start in plan.starts} <= {"dep_x"}


def test_messages_add_up() -> None:
    """A complete message replaces, another one changes; what it adds wins over what it removes."""
    a, b = spec("dep_a", 1), spec("dep_b", 1)
    desired = apply_message({"dep_x": a}, DesiredState(revision=1, complete=True, deployments=(a,)))
    assert desired == {"dep_a": a}
    desired = apply_message(desired, DesiredState(revision=2, complete=False, deployments=(b,), removed=("dep_a",)))
    assert desired == {"dep_b": b}
    assert apply_message(desired, DesiredState(revision=3, complete=False, removed=("dep_q",))) == {"dep_b": b}
    assert apply_message(desired, DesiredState(revision=4, complete=True)) == {}
