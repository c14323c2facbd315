"""What the vault makes and the store keeps: keys that are wrapped, values that are sealed. Nothing here is plain."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from turnout.domain.errors import Invalid


class KeyPurpose(StrEnum):
    """What a data key is for."""

    SEALING = "sealing"
    """Encrypts values; replaced again and again."""
    FINGERPRINT = "fingerprint"
    """Makes fingerprints; stays, so that equal values compare equal for as long as the environment exists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyring:
    """The data keys of one environment."""

    id: str
    workspace_id: str
    environment_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DataKey:
    """One key of a keyring, encrypted with a master key."""

    id: str
    keyring_id: str
    purpose: KeyPurpose
    number: int
    """Counts the keys of a purpose; the highest one is in use, the others only read."""
    master_key_id: str
    wrapped: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a value belongs. It is bound to it: what was sealed for one place cannot be read at another."""

    workspace_id: str
    environment_id: str
    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """An encrypted value."""

    data_key_id: str
    ciphertext: bytes
    fingerprint: bytes
    """Of the name and the value, with a key of the keyring: equal ones mean that the values are equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedVariable:
    """One variable of an environment, at one version."""

    name: str
    version: int
    sealed: Sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """What may be told of a variable: everything but its value."""

    name: str
    version: int
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The variables of a deployment, as they were when it was created."""

    workspace_id: str
    environment_id: str
    variables: tuple[SealedVariable, ...]

    def place(self, variable: SealedVariable) -> Place:
        """Where a variable's value belongs."""
        return Place(
            workspace_id=self.workspace_id,
            environment_id=self.environment_id,
            name=variable.name,
            version=variable.version,
        )

    def named(self, names: Collection[str]) -> tuple[SealedVariable, ...]:
        """Those that a build names as its secrets, by name. Raises Invalid when one is not set."""
        found = tuple(each for each in self.variables if each.name in names)
        if missing := sorted(set(names) - {each.name for each in found}):
            raise Invalid(
                f"cannot build: [build] secrets names {', '.join(missing)}, which this environment does not have; "
                "set it with `turnout env set`, then deploy again"
            )
        return tuple(sorted(found, key=lambda each: each.name))


def mark_of(variables: Iterable[SealedVariable]) -> str:
    """What changes with the names and the values of variables, and tells nothing of the values. Empty for none.

    It is made of keyed fingerprints: who has not the key cannot try values until the mark is the same.
    """
    marks = sorted([each.name, each.sealed.fingerprint.hex()] for each in variables)
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest() if marks else ""


def snapshot_to_bytes(variables: Iterable[SealedVariable]) -> bytes | None:
    """The variables as a deployment keeps them, by name; None when there are none."""
    rows = [
        {
            "name": each.name,
            "version": each.version,
            "data_key_id": each.sealed.data_key_id,
            "ciphertext": base64.b64encode(each.sealed.ciphertext).decode(),
            "fingerprint": base64.b64encode(each.sealed.fingerprint).decode(),
        }
        for each in sorted(variables, key=lambda each: each.name)
    ]
    return json.dumps(rows, separators=(",", ":")).encode() if rows else None


def snapshot_from_bytes(document: bytes | None) -> tuple[SealedVariable, ...]:
    """What `snapshot_to_bytes` made."""
    return tuple(
        SealedVariable(
            name=row["name"],
            version=row["version"],
            sealed=Sealed(
                data_key_id=row["data_key_id"],
                ciphertext=base64.b64decode(row["ciphertext"]),
                fingerprint=base64.b64decode(row["fingerprint"]),
            ),
        )
        for row in json.loads(document or b"[]")
    )
