"""The JSON of variables, their keys, and the comparison of deployments. One answer of them holds values: krane's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from turnout.domain.document import Answer, Document


class VariablesBody(Document):
    """Variables to set; those that are not named stay as they are."""

    variables: dict[str, str] = Field(min_length=1, repr=False)


class RotateBody(Document):
    """Which keys to make anew."""

    master: bool = True
    """A new master key; every data key is encrypted with it."""
    data: bool = True
    """New data keys for the environments of the workspace; every value is encrypted with them."""


class VariableDocument(Answer):
    """A variable without its value, which no answer to a person ever holds."""

    name: str
    version: int
    updated_at: datetime


class VariablesDocument(Answer):
    """The variables of an environment, by name."""

    project: str
    environment: str
    variables: tuple[VariableDocument, ...]


class ChangeDocument(Answer):
    """One thing that two deployments have different."""

    field: str
    before: Any
    after: Any


class VariableChangesDocument(Answer):
    """Names of variables; `not_compared` are in both, but of two environments."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    not_compared: tuple[str, ...]


class DiffDocument(Answer):
    """What differs from one deployment to another."""

    before: str
    after: str
    same: bool
    changes: tuple[ChangeDocument, ...]
    variables: VariableChangesDocument


class RotatedDocument(Answer):
    """What a rotation did."""

    master_key_id: str
    data_keys_wrapped: int
    """Data keys that are encrypted with the newest master key now and were not before, those of certificates too."""
    data_keys_made: int
    values_encrypted: int
    """Values, in variables and in the snapshots of deployments, that were encrypted anew."""


class EnvironmentAnswer(Answer):
    """The variables of one deployment with their values, for the krane that starts it and nobody else."""

    variables: dict[str, str] = Field(repr=False)
