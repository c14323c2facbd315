"""What to start and what to stop. Pure: desired and existing in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from turnout.domain.documents import DesiredState
from turnout.domain.records import RunSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Existing:
    """An instance that holds a slot. One that is being stopped holds none."""

    instance_id: str
    deployment_id: str
    slot: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Give this slot an instance."""

    spec: RunSpec
    slot: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that is to be done; nothing, when what exists is what is desired."""

    starts: tuple[Start, ...]
    stops: tuple[str, ...]
    """Instance ids."""


def reconcile(desired: Mapping[str, RunSpec], existing: Iterable[Existing]) -> Plan:
    """Slots 0 … replicas-1 of each desired deployment get one instance each; every other one is stopped.

    Two in one slot cannot come from here, but if they are there, the older one (by its id) stays. A
    deployment is immutable: an instance is right when its slot is, whatever else its spec says.
    """
    kept: dict[tuple[str, int], str] = {}
    stops: list[str] = []
    for instance in sorted(existing, key=lambda one: one.instance_id):
        spec = desired.get(instance.deployment_id)
        place = (instance.deployment_id, instance.slot)
        if spec is None or place in kept or not 0 <= instance.slot < spec.resources.replicas:
            stops.append(instance.instance_id)
        else:
            kept[place] = instance.instance_id
    starts = [
        Start(spec=spec, slot=slot)
        for deployment_id, spec in sorted(desired.items())
        for slot in range(spec.resources.replicas)
        if (deployment_id, slot) not in kept
    ]
    return Plan(starts=tuple(starts), stops=tuple(stops))


def apply_message(desired: Mapping[str, RunSpec], message: DesiredState) -> dict[str, RunSpec]:
    """What is desired after `message`."""
    after = {} if message.complete else dict(desired)
    for deployment_id in message.removed:
        after.pop(deployment_id, None)
    after.update({spec.deployment_id: spec for spec in message.deployments})
    return after
