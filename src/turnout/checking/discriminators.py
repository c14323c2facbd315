"""A discriminator says which of several schemas a value is of. Taken at its word, only that one is checked.

Without it a checker tries every alternative, and every alternative inside of each: a tree of them that a client may
make as deep as it likes costs two to the power of its depth. And the violations are those of the schema that was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turnout.checking.documents import Document

Refer = Callable[[Any], dict[str, Any]]


def by_discriminator(schema: dict[str, Any], converted: dict[str, Any], document: Document, refer: Refer) -> None:
    """Put a choice by value in the place of `oneOf` or `anyOf`; leave both alone where the value decides nothing."""
    keyword = next((each for each in ("oneOf", "anyOf") if isinstance(schema.get(each), list)), None)
    named = schema["discriminator"].get("propertyName") if isinstance(schema["discriminator"], dict) else None
    if keyword is None or not isinstance(named, str):
        return
    references = [each.get("$ref") if isinstance(each, dict) else None for each in schema[keyword]]
    if not references or not all(isinstance(each, str) for each in references):
        return
    choices = _choices(schema["discriminator"].get("mapping"), [str(each) for each in references], document)
    del converted[keyword]
    chosen = [
        {"if": {"properties": {named: {"const": value}}, "required": [named]}, "then": refer(reference)}
        for value, reference in choices.items()
    ]
    converted["allOf"] = [
        *converted.get("allOf", ()),
        {"type": "object", "required": [named], "properties": {named: {"enum": list(choices)}}},
        *chosen,
    ]


def _choices(mapping: Any, references: list[str], document: Document) -> dict[str, str]:
    """The value for each schema: what the mapping says, else the schema's own name."""
    told: dict[str, str] = {}
    if isinstance(mapping, dict):
        for value, target in mapping.items():
            if isinstance(target, str):
                told[value] = target if target.startswith("#") else f"#/components/schemas/{target}"
    choices = {value: target for value, target in told.items() if target in references}
    for reference in references:
        document.at(reference)
        if reference not in choices.values():
            choices.setdefault(reference.rpartition("/")[2], reference)
    return choices
