"""What differs between two deployments. Pure; variables are compared by fingerprint, never by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from turnout.domain.records import Deployment
from turnout.domain.secrets import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that is not the same."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class VariableChanges:
    """Names only, sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    """In both, but of two environments, whose fingerprints are made with different keys."""


def compare(one: Deployment, other: Deployment, *, environments: tuple[str, str]) -> tuple[Change, ...]:
    """What `other` has different from `one`, in the order of a deployment's fields."""
    before, after = _facts(one, environments[0]), _facts(other, environments[1])
    return tuple(
        Change(field=field, before=before[field], after=after[field])
        for field in before
        if before[field] != after[field]
    )


def compare_variables(one: Snapshot, other: Snapshot) -> VariableChanges:
    """Which names `other` has more, fewer, or with another value than `one`."""
    before = {each.name: each.sealed.fingerprint for each in one.variables}
    after = {each.name: each.sealed.fingerprint for each in other.variables}
    both = sorted(before.keys() & after.keys())
    comparable = one.environment_id == other.environment_id
    return VariableChanges(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(name for name in both if comparable and before[name] != after[name]),
        not_compared=() if comparable else tuple(both),
    )


def _facts(deployment: Deployment, environment: str) -> Mapping[str, Any]:
    return {
        "environment": environment,
        "image": deployment.image,
        **{f"git.{name}": value for name, value in asdict(deployment.git).items()},
        "source_id": deployment.source_id,
        "backend": deployment.backend.value,
        "command": list(deployment.command),
        "build_command": list(deployment.build_command),
        **{f"resources.{name}": value for name, value in asdict(deployment.resources).items()},
        **{f"health.{name}": value for name, value in asdict(deployment.health).items()},
        "openapi_path": deployment.openapi_path,
        "openapi_breaking": deployment.openapi_breaking,
        "openapi_spec_id": deployment.openapi_spec_id,
        **{f"validation.{name}": value for name, value in deployment.validation.to_document().items()},
        "key_auth_id": deployment.key_auth_id,
        "regions": list(deployment.regions),
    }
