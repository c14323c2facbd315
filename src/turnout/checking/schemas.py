"""Schemas of OpenAPI 3.0 and 3.1 as plain JSON Schema 2020-12, each with all that it refers to and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from turnout.checking.discriminators import by_discriminator
from turnout.checking.documents import Document
from turnout.domain.errors import Invalid

_ONE: Final = frozenset({
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems",
    "unevaluatedProperties",
})  # fmt: skip
"""Keywords whose value is a schema."""
_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_TABLE: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
_VALUES: Final = frozenset({
    "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "pattern", "required", "type", "uniqueItems",
})  # fmt: skip
"""Keywords that are taken over as they are. What is in no list says nothing about a request."""
_NOT_UNDERSTOOD: Final = ("$dynamicRef", "$recursiveRef")
_WHOLE: Final = {"int32": 2**31, "int64": 2**63}
_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_DEEPEST: Final = 100


class Bundle:
    """One schema on its way: what it refers to is put beside it under `$defs`, once each."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []
        self.size = 0
        """Schemas that were converted: what compiling costs."""

    def convert(self, schema: Any) -> dict[str, Any]:
        """The whole of it, self-contained. Raises Invalid for what cannot be checked, or is not there."""
        root = self._schema(schema, 0)
        definitions = {}
        while self._waiting:
            reference = self._waiting.pop()
            definitions[self._names[reference]] = self._schema(self._document.at(reference), 0)
        return {"allOf": [root], "$defs": definitions}

    def refer(self, reference: Any) -> dict[str, Any]:
        """A reference as the bundle has it. The target is converted later, so circles are no trouble."""
        self._document.at(reference)
        if reference not in self._names:
            self._names[reference] = f"s{len(self._names)}"
            self._waiting.append(reference)
        return {"$ref": f"#/$defs/{self._names[reference]}"}

    def _schema(self, schema: Any, depth: int) -> Any:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise Invalid("it has a schema that is neither an object nor true or false")
        if depth > _DEEPEST:
            raise Invalid("it has schemas that are nested too deeply")
        self.size += 1
        if any(keyword in schema for keyword in _NOT_UNDERSTOOD):
            raise Invalid("it uses $dynamicRef, which requests are not checked against")
        if self._document.is_3_0 and "$ref" in schema:  # what stands beside it does not count there
            return self.refer(schema["$ref"])
        converted = self._keywords(schema, depth)
        if "$ref" in schema:
            converted["$ref"] = self.refer(schema["$ref"])["$ref"]
        if "discriminator" in schema:
            by_discriminator(schema, converted, self._document, self.refer)
        _bound_whole_numbers(schema, converted)
        if self._document.is_3_0:
            return _from_3_0(schema, converted)
        return converted

    def _keywords(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword in _VALUES:
                converted[keyword] = value
            elif keyword in _ONE:
                converted[keyword] = self._schema(value, depth + 1)
            elif keyword in _LIST and isinstance(value, list):
                converted[keyword] = [self._schema(each, depth + 1) for each in value]
            elif keyword in _TABLE and isinstance(value, dict):
                converted[keyword] = {name: self._schema(each, depth + 1) for name, each in value.items()}
        if isinstance(schema.get("required"), list):
            converted["required"] = [name for name in schema["required"] if not self._is_read_only(schema, name)]
        return converted

    def _is_read_only(self, schema: dict[str, Any], name: Any) -> bool:
        """Such a property is required of answers only."""
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not isinstance(name, str) or not isinstance(properties.get(name), dict):
            return False
        if properties[name].get("readOnly") is True:
            return True
        return "$ref" in properties[name] and self._document.follow(properties[name]).get("readOnly") is True


def kinds(schema: Any, document: Document) -> frozenset[str]:
    """The types that a value of this schema may have, as far as the schema says; all of them when it does not."""
    found: set[str] = set()
    for part in parts(schema, document):
        told = part.get("type")
        found |= {told} if isinstance(told, str) else {str(each) for each in told} if isinstance(told, list) else set()
        if told is None:
            listed = part["enum"] if isinstance(part.get("enum"), list) else ()
            found |= {_kind_of(value) for value in (*listed, *([part["const"]] if "const" in part else ()))}
            found |= {"object"} if "properties" in part or "additionalProperties" in part else set()
    return frozenset(each for each in found if each in _TYPES) or _TYPES


def parts(schema: Any, document: Document) -> Iterator[dict[str, Any]]:
    """The schema and all that it is combined of: references followed, `allOf`, `anyOf` and `oneOf` opened."""
    waiting, seen = [schema], set[int]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if "$ref" in node:
            waiting.append(document.at(node["$ref"]))
            if document.is_3_0:
                continue
        yield node
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting += node.get(keyword, ()) if isinstance(node.get(keyword), list) else ()


def _kind_of(value: Any) -> str:
    for kind, of in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return of
    return "null" if value is None else "object"


def _bound_whole_numbers(schema: dict[str, Any], converted: dict[str, Any]) -> None:
    """`int32` and `int64` are ranges."""
    limit = _WHOLE.get(schema["format"]) if isinstance(schema.get("format"), str) else None
    if limit is not None:
        in_range = {"minimum": -limit, "maximum": limit - 1}
        converted["allOf"] = [*converted.get("allOf", ()), in_range]


def _from_3_0(schema: dict[str, Any], converted: dict[str, Any]) -> dict[str, Any]:
    """What 3.0 spells in its own way."""
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if converted.pop(exclusive, None) is True and limit in converted:
            converted[exclusive] = converted.pop(limit)
    if schema.get("nullable") is not True:
        return converted
    if isinstance(converted.get("type"), str):
        converted["type"] = [converted["type"], "null"]
        return converted
    # Without a type it says nothing by the letter, but writers of documents mean what it says.
    return {"anyOf": [{"type": "null"}, converted]}
