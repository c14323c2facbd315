"""The JSON of what changed from one app's API to another's."""

from __future__ import annotations

from turnout.domain.document import Answer


class ApiChangeDocument(Answer):
    """One change."""

    rule: str
    """Its id, such as `request-property-became-required`."""
    breaking: bool
    operation: str
    place: str
    text: str


class ApiDiffDocument(Answer):
    """What `turnout openapi diff` prints."""

    before: str
    after: str
    before_spec_id: str
    after_spec_id: str
    same: bool
    """The two describe the same API, as far as the rules see."""
    breaking: int
    """How many of the changes break clients."""
    changes: tuple[ApiChangeDocument, ...]
