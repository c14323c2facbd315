"""The rules by which changes of an API are told apart, one line each.

They follow the published rules of oasdiff (https://github.com/oasdiff/oasdiff): what counts is the contract, not what
a lenient server lets pass. A change of a schema narrows or widens what is valid; to narrow what may be sent, or to
widen what may come back, breaks a client. A rule that does not follow from that alone says both itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["request", "response"]
"""Which way something travels: from the client, or to it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of change means."""

    request: bool
    """Whether it breaks a client that sends it."""
    response: bool
    """Whether it breaks a client that receives it."""
    meaning: str

    def breaks(self, direction: Direction) -> bool:
        """Whether it breaks a client."""
        return self.request if direction == "request" else self.response


def _narrows(meaning: str) -> Rule:
    return Rule(True, False, meaning)


def _widens(meaning: str) -> Rule:
    return Rule(False, True, meaning)


def _changes(meaning: str) -> Rule:
    return Rule(True, True, meaning)


def _harmless(meaning: str) -> Rule:
    return Rule(False, False, meaning)


SCHEMA_RULES: Final[dict[str, Rule]] = {
    "type-narrowed": _narrows("fewer types are valid"),
    "type-widened": _widens("more types are valid"),
    "type-changed": _changes("other types are valid"),
    "became-nullable": _widens("null is valid now"),
    "became-not-nullable": _narrows("null is not valid any more"),
    "format-narrowed": _narrows("a format is asked for, or a narrower one"),
    "format-widened": _widens("no format is asked for any more, or a wider one"),
    "format-changed": _changes("another format is asked for"),
    "enum-set": _narrows("only listed values are valid now"),
    "enum-unset": _widens("any value is valid now"),
    "enum-value-removed": _narrows("a listed value is not valid any more"),
    "enum-value-added": _widens("another value is listed"),
    "limit-tightened": _narrows("a limit of size, number or length is stricter"),
    "limit-loosened": _widens("a limit of size, number or length is looser"),
    "limit-changed": _changes("another multiple is asked for"),
    "pattern-set": _narrows("a pattern has to match"),
    "pattern-unset": _widens("a pattern need not match any more"),
    "pattern-changed": _changes("another pattern has to match"),
    "property-added": _harmless("there is one more property"),
    "required-property-added": _narrows("there is one more property, and it has to be there"),
    "property-removed": Rule(False, True, "a property is not described any more"),
    "property-refused": Rule(True, True, "a property is not described any more, and no others are allowed"),
    "property-became-required": _narrows("a property has to be there"),
    "property-became-optional": _widens("a property need not be there"),
    "additional-properties-refused": _narrows("properties that are not described are not valid any more"),
    "additional-properties-allowed": _harmless("properties that are not described are valid now"),
    "union-branch-removed": _narrows("one of several schemas is not valid any more"),
    "union-branch-added": _widens("another schema is valid beside the others"),
    "union-set": _narrows("one of several schemas has to match in addition"),
    "union-unset": _widens("none of several schemas has to match any more"),
    "condition-set": _narrows("another condition has to hold"),
    "condition-unset": _widens("a condition need not hold any more"),
    "condition-changed": _changes("a condition is another one, and the two cannot be compared"),
}
"""Changes of a schema. In a change they carry the direction before their name: `request-type-narrowed`."""

OPERATION_RULES: Final[dict[str, Rule]] = {
    "path-removed": _changes("a path with all of its operations is gone"),
    "path-added": _harmless("there is one more path"),
    "operation-removed": _changes("a method of a path is gone"),
    "operation-added": _harmless("there is one more method of a path"),
    "operation-deprecated": _harmless("an operation shall not be used any more"),
    "request-parameter-removed": _harmless("a parameter is not described any more"),
    "request-parameter-added": _harmless("there is one more parameter, which may be left out"),
    "request-required-parameter-added": _changes("there is one more parameter, and it has to be there"),
    "request-parameter-became-required": _changes("a parameter has to be there"),
    "request-parameter-became-optional": _harmless("a parameter need not be there"),
    "request-parameter-style-changed": _changes("a parameter is written in another style"),
    "request-body-added": _harmless("there may be a body"),
    "request-required-body-added": _changes("there has to be a body"),
    "request-body-removed": _changes("there is no body any more"),
    "request-body-became-required": _changes("the body has to be there"),
    "request-body-became-optional": _harmless("the body need not be there"),
    "request-media-type-removed": _changes("a media type of the body is not accepted any more"),
    "request-media-type-added": _harmless("another media type of the body is accepted"),
    "response-success-status-removed": _changes("a status that means success is gone"),
    "response-status-removed": _harmless("another status is gone"),
    "response-status-added": _harmless("there is one more status"),
    "response-media-type-removed": _changes("a media type of the answer is gone"),
    "response-media-type-added": _harmless("there is another media type of the answer"),
    "response-required-header-removed": _changes("a header that was always there is gone"),
    "response-header-removed": _harmless("a header that could be there is gone"),
    "response-header-added": _harmless("there is one more header"),
    "response-header-became-optional": _changes("a header need not be there any more"),
    "response-header-became-required": _harmless("a header is always there now"),
    "security-tightened": _changes("what was enough to be let in is not enough any more"),
    "security-loosened": _harmless("less is enough to be let in"),
    "too-large-to-compare": _changes("the documents are too large or too entangled to be compared to the end"),
}
"""Changes of everything around the schemas; these break, or do not, whichever way they travel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiChange:
    """One change from one document to another."""

    rule: str
    breaking: bool
    operation: str
    """Such as `GET /pets`."""
    place: str
    """Where in it, such as `query parameter limit`; empty for the whole."""
    text: str
    """What changed, as the rest of the sentence."""

    def sentence(self) -> str:
        """The change in one line."""
        return ": ".join(part for part in (self.operation, self.place, self.text) if part)


def rule_ids() -> tuple[str, ...]:
    """Every id that a change can have."""
    schemas = [f"{direction}-{name}" for name in SCHEMA_RULES for direction in ("request", "response")]
    return (*OPERATION_RULES, *schemas)
