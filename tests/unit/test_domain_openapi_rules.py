"""Every rule by which two OpenAPI documents are told apart, one example each, and what is no change at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.specs import api, petstore
from turnout.domain.openapi_diff import compare_descriptions
from turnout.domain.openapi_document import describe
from turnout.domain.openapi_rules import OPERATION_RULES, SCHEMA_RULES, ApiChange, rule_ids

A, B, C = ({"$ref": f"#/components/schemas/{name}"} for name in "ABC")
NAMED = {
    "A": {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
    "B": {"type": "object", "required": ["b"], "properties": {"b": {"const": 2}}},
    "C": {"type": "string"},
}


def of_schemas(before: Any, after: Any, *, version: str = "3.1.0") -> list[ApiChange]:
    """What is told when a schema that is sent and received changes."""

    def document(schema: Any) -> dict[str, Any]:
        media = {"application/json": {"schema": schema}}
        operation = {"requestBody": {"content": media}, "responses": {"200": {"content": media}}}
        return api({"/": {"post": operation}}, schemas=NAMED, version=version)

    return list(compare_descriptions(describe(document(before)), describe(document(after))))


def objects(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two objects with these properties."""
    return {"type": "object", "properties": before}, {"type": "object", "properties": after}


SCHEMAS: dict[str, list[tuple[Any, Any]]] = {
    "type-narrowed": [
        ({"type": ["string", "integer"]}, {"type": "string"}),
        ({"type": "number"}, {"type": "integer"}),
        ({}, {"type": "string"}),
        (True, {"type": "string"}),
        ({"type": "string"}, False),
    ],
    "type-widened": [({"type": "integer"}, {"type": "number"}), ({"type": "string"}, {}), (False, True)],
    "type-changed": [({"type": "string"}, {"type": "integer"}), ({"type": "object"}, {"type": "array"})],
    "became-nullable": [
        ({"type": "string"}, {"type": ["string", "null"]}),
        (A, {"anyOf": [A, {"type": "null"}]}),
        (A, {"oneOf": [{"type": "null"}, A]}),
    ],
    "became-not-nullable": [({"type": ["string", "null"]}, {"type": "string"}), ({"anyOf": [A, {"type": "null"}]}, A)],
    "format-narrowed": [
        ({"type": "string"}, {"type": "string", "format": "uuid"}),
        ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"}),
    ],
    "format-widened": [
        ({"type": "string", "format": "uuid"}, {"type": "string"}),
        ({"type": "integer", "format": "int32"}, {"type": "integer", "format": "int64"}),
    ],
    "format-changed": [({"type": "string", "format": "uuid"}, {"type": "string", "format": "date"})],
    "enum-set": [({"type": "string"}, {"type": "string", "enum": ["a"]}), ({}, {"const": 1})],
    "enum-unset": [({"type": "string", "enum": ["a"]}, {"type": "string"})],
    "enum-value-removed": [({"enum": ["a", "b"]}, {"enum": ["a"]}), ({"enum": ["a", "b"]}, {"const": "b"})],
    "enum-value-added": [({"enum": ["a"]}, {"enum": ["a", "b"]})],
    "limit-tightened": [
        ({"type": "string"}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "minLength": 1}, {"type": "string", "minLength": 2}),
        ({"minimum": 1}, {"exclusiveMinimum": 1}),
        ({"maximum": 9}, {"maximum": 8}),
        ({"multipleOf": 2}, {"multipleOf": 4}),
        ({}, {"multipleOf": 0.1}),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}),
    ],
    "limit-loosened": [
        ({"maxItems": 5}, {}),
        ({"exclusiveMaximum": 5}, {"maximum": 5}),
        ({"multipleOf": 0.3}, {"multipleOf": 0.1}),
        ({"uniqueItems": True}, {}),
    ],
    "limit-changed": [({"multipleOf": 2}, {"multipleOf": 3})],
    "pattern-set": [({}, {"pattern": "^a"})],
    "pattern-unset": [({"pattern": "^a"}, {})],
    "pattern-changed": [({"pattern": "^a"}, {"pattern": "^b"})],
    "property-added": [objects({}, {"a": {}})],
    "required-property-added": [({"type": "object"}, {"type": "object", "required": ["a"]})],
    "property-removed": [objects({"a": {}}, {}), objects({"a": {"type": "string"}}, {})],
    "property-refused": [
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            {"type": "object", "properties": {}, "additionalProperties": False},
        )
    ],
    "property-became-required": [
        (
            {"type": "object", "properties": {"a": {}}},
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        )
    ],
    "property-became-optional": [
        (
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
            {"type": "object", "properties": {"a": {}}},
        )
    ],
    "additional-properties-refused": [({"type": "object"}, {"type": "object", "additionalProperties": False})],
    "additional-properties-allowed": [({"type": "object", "additionalProperties": False}, {"type": "object"})],
    "union-branch-removed": [
        ({"oneOf": [A, B]}, {"oneOf": [A]}),
        ({"anyOf": [A, C]}, A),
        ({"anyOf": [A, B, {"type": "null"}]}, {"anyOf": [A, B]}),
    ],
    "union-branch-added": [
        ({"oneOf": [A]}, {"oneOf": [A, B]}),
        (A, {"anyOf": [C, A]}),
        ({"anyOf": [C, {"type": "null"}]}, {"anyOf": [A, C, {"type": "null"}], "title": "T"}),
        ({"type": "string", "title": "T"}, {"anyOf": [{"type": "string"}, A]}),
    ],
    "union-set": [({"type": "object"}, {"type": "object", "oneOf": [A, B]})],
    "union-unset": [({"type": "object", "oneOf": [A, B]}, {"type": "object"})],
    "condition-set": [({}, {"not": A}), ({}, {"$ref": "https://elsewhere.example/schema"})],
    "condition-unset": [({"prefixItems": [A]}, {})],
    "condition-changed": [({"not": A}, {"not": B})],
}


@pytest.mark.parametrize(
    ("rule", "before", "after"), [(rule, *pair) for rule, pairs in SCHEMAS.items() for pair in pairs]
)
def test_a_rule_of_schemas(rule: str, before: Any, after: Any) -> None:
    """It is the one that is found, in both directions, and breaks where it says so."""
    found = of_schemas(before, after)
    assert {change.rule: change.breaking for change in found} == {
        f"request-{rule}": SCHEMA_RULES[rule].request,
        f"response-{rule}": SCHEMA_RULES[rule].response,
    }


PETS, PET = "/pets", "/pets/{petId}"


def listing(content: Any) -> Any:
    return content["paths"][PETS]["get"]


def adding(content: Any) -> Any:
    return content["paths"][PETS]["post"]


def set_(place: Callable[[Any], Any], key: Any, value: Any) -> Callable[[Any], None]:
    """A change that sets something."""
    return lambda content: place(content).__setitem__(key, value)


def gone(place: Callable[[Any], Any], key: Any) -> Callable[[Any], None]:
    """A change that takes something away."""
    return lambda content: place(content).__delitem__(key)


def also(place: Callable[[Any], Any], value: Any) -> Callable[[Any], None]:
    """A change that adds something to a list."""
    return lambda content: place(content).append(value)


def NOTHING(_: Any) -> None:  # noqa: N802  # it stands in a table, beside others
    """No change."""


QUERY = {"name": "q", "in": "query", "schema": {"type": "string"}}
OPERATIONS: dict[str, list[tuple[Callable[[Any], None], Callable[[Any], None]]]] = {
    "path-removed": [(NOTHING, gone(lambda c: c["paths"], PET))],
    "path-added": [(NOTHING, set_(lambda c: c["paths"], "/new", {"get": {}}))],
    "operation-removed": [(NOTHING, gone(lambda c: c["paths"][PET], "delete"))],
    "operation-added": [(NOTHING, set_(lambda c: c["paths"][PET], "patch", {}))],
    "operation-deprecated": [(NOTHING, set_(listing, "deprecated", True))],
    "request-parameter-removed": [(NOTHING, gone(lambda c: listing(c)["parameters"], 0))],
    "request-parameter-added": [(NOTHING, also(lambda c: listing(c)["parameters"], QUERY))],
    "request-required-parameter-added": [
        (NOTHING, also(lambda c: listing(c)["parameters"], QUERY | {"required": True}))
    ],
    "request-parameter-became-required": [
        (NOTHING, set_(lambda c: listing(c)["parameters"][0], "required", True)),
        (NOTHING, set_(lambda c: c["components"]["parameters"]["Trace"], "required", True)),
    ],
    "request-parameter-became-optional": [(set_(lambda c: listing(c)["parameters"][0], "required", True), NOTHING)],
    "request-parameter-style-changed": [
        (NOTHING, set_(lambda c: listing(c)["parameters"][1], "style", "pipeDelimited")),
        (NOTHING, set_(lambda c: listing(c)["parameters"][1], "explode", True)),
    ],
    "request-body-added": [(gone(adding, "requestBody"), set_(lambda c: adding(c)["requestBody"], "required", False))],
    "request-required-body-added": [(gone(adding, "requestBody"), NOTHING)],
    "request-body-removed": [(NOTHING, gone(adding, "requestBody"))],
    "request-body-became-required": [
        (NOTHING, set_(lambda c: c["paths"][PET]["put"]["requestBody"], "required", True))
    ],
    "request-body-became-optional": [(NOTHING, set_(lambda c: adding(c)["requestBody"], "required", False))],
    "request-media-type-removed": [
        (NOTHING, gone(lambda c: adding(c)["requestBody"]["content"], "application/x-www-form-urlencoded"))
    ],
    "request-media-type-added": [(NOTHING, set_(lambda c: adding(c)["requestBody"]["content"], "text/plain", {}))],
    "response-success-status-removed": [(NOTHING, gone(lambda c: c["paths"][PET]["get"]["responses"], "200"))],
    "response-status-removed": [
        (NOTHING, gone(lambda c: c["paths"][PET]["get"]["responses"], "404")),
        (NOTHING, gone(lambda c: adding(c)["responses"], "default")),
    ],
    "response-status-added": [(NOTHING, set_(lambda c: c["paths"][PET]["get"]["responses"], "410", {}))],
    "response-media-type-removed": [(NOTHING, gone(lambda c: listing(c)["responses"]["200"]["content"], "text/csv"))],
    "response-media-type-added": [
        (NOTHING, set_(lambda c: listing(c)["responses"]["200"]["content"], "text/html", {}))
    ],
    "response-required-header-removed": [
        (NOTHING, gone(lambda c: listing(c)["responses"]["200"]["headers"], "X-Total"))
    ],
    "response-header-removed": [(NOTHING, gone(lambda c: listing(c)["responses"]["200"]["headers"], "X-Next"))],
    "response-header-added": [(NOTHING, set_(lambda c: listing(c)["responses"]["200"]["headers"], "X-New", {}))],
    "response-header-became-optional": [
        (NOTHING, set_(lambda c: listing(c)["responses"]["200"]["headers"]["X-Total"], "required", False))
    ],
    "response-header-became-required": [
        (NOTHING, set_(lambda c: listing(c)["responses"]["200"]["headers"]["X-Next"], "required", True))
    ],
    "security-tightened": [
        (NOTHING, set_(lambda c: c["paths"][PET]["get"], "security", [{"key": []}])),
        (NOTHING, set_(listing, "security", [{"key": [], "oauth": []}])),
        (set_(listing, "security", [{"oauth": ["read"]}]), set_(listing, "security", [{"oauth": ["read", "write"]}])),
    ],
    "security-loosened": [
        (NOTHING, set_(listing, "security", [])),
        (NOTHING, set_(listing, "security", [{"key": []}, {"oauth": []}])),
    ],
}


@pytest.mark.parametrize(
    ("rule", "before", "after"), [(rule, *pair) for rule, pairs in OPERATIONS.items() for pair in pairs]
)
def test_a_rule_of_operations(rule: str, before: Callable[[Any], None], after: Callable[[Any], None]) -> None:
    """It is the one that is found, and breaks when it says so."""
    found = compare_descriptions(petstore(before), petstore(after))
    assert {change.rule for change in found} == {rule}
    assert {change.breaking for change in found} == {OPERATION_RULES[rule].request}


def test_every_rule_has_an_example() -> None:
    """And no example is of a rule that there is not."""
    examples = {*OPERATIONS, *(f"{way}-{rule}" for rule in SCHEMAS for way in ("request", "response"))}
    assert set(rule_ids()) - examples == {"too-large-to-compare"}  # has a test of its own, beside the limits
    assert examples <= set(rule_ids())


def rename(content: Any) -> None:
    """The parameter of a path gets another name."""
    item = content["paths"].pop(PET)
    item["parameters"][0]["name"] = "id"
    content["paths"]["/pets/{id}"] = item


def inherit(content: Any) -> None:
    """What was written out is inherited now, and the other way round."""
    schemas = content["components"]["schemas"]
    schemas["Status"] = {"allOf": [{"type": "string"}, {"enum": ["sold", "free"]}]}
    _, own = schemas["Pet"]["allOf"]
    own["properties"] |= schemas["NewPet"]["properties"]
    own["required"] += schemas["NewPet"]["required"]
    schemas["Pet"] = own


def document_it(content: Any) -> None:
    """Words change."""
    content["info"] = {"title": "Other", "version": "2.0.0"}
    listing(content)["summary"] = "Lists"
    content["components"]["schemas"]["Pet"]["description"] = "A pet"
    content["paths"][PETS]["x-internal"] = True


def wildcard(content: Any) -> None:
    """Any text comes back, CSV among it."""
    content_ = listing(content)["responses"]["200"]["content"]
    content_["text/*"] = content_.pop("text/csv")


def whole_range(content: Any) -> None:
    """All of 2xx instead of one."""
    responses = content["paths"][PET]["delete"]["responses"]
    responses["2XX"] = responses.pop("204")


def upgrade(content: Any) -> None:
    """The same in 3.1."""
    content["openapi"] = "3.1.0"
    price = content["components"]["schemas"]["NewPet"]["properties"]["price"]
    del price["nullable"]
    price["type"] = ["number", "null"]


@pytest.mark.parametrize("change", [NOTHING, rename, inherit, document_it, upgrade])
def test_what_is_no_change(change: Callable[[Any], None]) -> None:
    """Another way to say the same, and everything that only people read."""
    assert compare_descriptions(petstore(), petstore(change)) == ()
    assert compare_descriptions(petstore(change), petstore()) == ()


@pytest.mark.parametrize("change", [wildcard, whole_range])
def test_what_is_covered_by_more(change: Callable[[Any], None]) -> None:
    """A wildcard takes the place of what it covers."""
    assert not any(found.breaking for found in compare_descriptions(petstore(), petstore(change)))


def test_exclusive_limits_of_both_dialects_are_one() -> None:
    """3.0 says it beside the limit, 3.1 in its place."""
    old = describe(api({"/": {"get": {"parameters": [QUERY | {"schema": {"minimum": 1, "exclusiveMinimum": True}}]}}}))
    new = describe(api({"/": {"get": {"parameters": [QUERY | {"schema": {"exclusiveMinimum": 1}}]}}}))
    assert compare_descriptions(old, new) == ()


def test_properties_that_do_not_travel_take_no_part() -> None:
    """What is read-only is never sent, what is write-only never comes back."""
    before, after = objects({}, {"a": {"type": "string", "readOnly": True}, "b": {"type": "string", "writeOnly": True}})
    found = of_schemas(before, after | {"required": ["a", "b"]})
    assert {change.rule for change in found} == {
        "response-required-property-added",
        "request-required-property-added",
    }
    assert [change.sentence() for change in found] == [
        "POST /: request body application/json: the required property `b` was added",
        "POST /: response 200 application/json: the required property `a` was added",
    ]


def test_what_is_said_beside_a_reference() -> None:
    """Counts in 3.1, and has no meaning in 3.0."""
    assert of_schemas(A, A | {"maxProperties": 1}, version="3.0.3") == []
    assert {change.rule for change in of_schemas(A, A | {"maxProperties": 1})} == {
        "request-limit-tightened",
        "response-limit-tightened",
    }


def test_nullable_beside_all_of_makes_all_of_it_nullable() -> None:
    """As everybody writes it in 3.0, because a reference can have nothing beside it."""
    found = of_schemas(A, {"nullable": True, "allOf": [A]}, version="3.0.3")
    assert {change.rule for change in found} == {"request-became-nullable", "response-became-nullable"}


def test_a_change_names_its_place() -> None:
    """Operation, place, way, and what it was."""

    def change(content: Any) -> None:
        content["components"]["schemas"]["Owner"]["properties"]["email"]["maxLength"] = 9
        content["components"]["schemas"]["NewPet"]["properties"]["tags"]["items"]["enum"] = ["a\x1b[31m", "b"]

    found = compare_descriptions(petstore(), petstore(change))
    told = [each.sentence() for each in found if each.breaking]
    says = r'tags[]: it has to be one of "a\u001b[31m", "b"'
    assert told == [
        f"POST /pets: request body application/json, {says}",
        f"POST /pets: request body application/x-www-form-urlencoded, {says}",
        f"PUT /pets/{{petId}}: request body application/json, {says}",
    ]
    assert {each.place for each in found if each.operation == "GET /pets" and "owner" in each.place} == {
        "response 200 application/json, [].owner.email"
    }


def test_the_guide_lists_every_rule() -> None:
    """With what it breaks and when."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "openapi.md").read_text()
    told = {True: "yes", False: ""}
    for name, rule in OPERATION_RULES.items():
        assert f"| `{name}` | {told[rule.request]} | {rule.meaning} |" in guide
    for name, rule in SCHEMA_RULES.items():
        assert f"| `{name}` | {told[rule.request]} | {told[rule.response]} | {rule.meaning} |" in guide
