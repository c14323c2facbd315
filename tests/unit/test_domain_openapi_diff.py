"""What is told of two OpenAPI documents holds for all documents: tried on those that hypothesis makes up."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Header
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from tests.specs import api, petstore
from turnout.domain import openapi_diff, openapi_operations, openapi_schema_diff, openapi_schemas
from turnout.domain.openapi_diff import MAX_CHANGES, breaking, compare_descriptions
from turnout.domain.openapi_document import ApiDescription, describe
from turnout.domain.openapi_rules import ApiChange

NAMES = ("A", "B")
MIRROR = {
    "type-narrowed": "type-widened", "became-not-nullable": "became-nullable", "format-narrowed": "format-widened",
    "enum-set": "enum-unset", "enum-value-removed": "enum-value-added", "limit-tightened": "limit-loosened",
    "property-became-required": "property-became-optional", "pattern-set": "pattern-unset",
    "additional-properties-refused": "additional-properties-allowed", "union-branch-removed": "union-branch-added",
    "union-set": "union-unset", "property-removed": "property-added", "condition-set": "condition-unset",
}  # fmt: skip
SAME = {"property-refused": "property-removed", "required-property-added": "property-added"}
"""What is one thing, seen from the other side."""

Pair = tuple[Any, Any]


def _both(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Pair]:
    """Mostly the same, sometimes two."""
    return inner.map(lambda each: (each, each)) | st.tuples(inner, inner)


_leaves = st.sampled_from(
    [
        {}, True, False, {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": ["string", "null"]},
        {"type": "string", "maxLength": 1}, {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1},
        {"type": "integer", "exclusiveMaximum": 2}, {"enum": ["x", 1]}, {"enum": ["x"]}, {"const": 1},
        {"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}, {"$ref": "#/nowhere"},
        {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]},
    ]
)  # fmt: skip


_FAMILIES = [
    [{"type": "string"}, {"type": "string", "maxLength": 1}, {"type": "string", "minLength": 1}, {"enum": ["x", "xy"]}],
    [{"type": "integer"}, {"type": "integer", "minimum": 1}, {"type": "integer", "exclusiveMaximum": 2}, {"const": 1}],
]
_relatives = st.sampled_from(_FAMILIES).flatmap(lambda family: st.tuples(*[st.sampled_from(family)] * 2))
"""Two that are alike, so that it is their limits that count."""


def _objects(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    @st.composite
    def draw_pair(draw: st.DrawFn) -> Pair:
        pairs = draw(st.dictionaries(st.sampled_from("abc"), inner, max_size=3))
        left_out = draw(st.tuples(*[st.sets(st.sampled_from("abc"), max_size=1)] * 2))
        required = draw(_both(st.lists(st.sampled_from("abc"), max_size=2, unique=True)))
        others = draw(_both(st.sampled_from([{}, {}, {"additionalProperties": False}])))
        sides = [
            {
                "type": "object",
                "properties": {name: pair[n] for name, pair in pairs.items() if name not in left_out[n]},
                "required": required[n],
                **others[n],
            }
            for n in (0, 1)
        ]
        return sides[0], sides[1]

    return draw_pair()


def _arrays(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return inner.map(lambda pair: ({"type": "array", "items": pair[0]}, {"type": "array", "items": pair[1]}))


def _composed(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    @st.composite
    def draw_pair(draw: st.DrawFn) -> Pair:
        keyword = draw(st.sampled_from(["anyOf", "allOf"]))
        pairs = draw(st.lists(inner, min_size=1, max_size=3))
        lengths = draw(_both(st.integers(1, len(pairs))))
        return (
            {keyword: [pair[0] for pair in pairs][: lengths[0]]},
            {keyword: [pair[1] for pair in pairs][: lengths[1]]},
        )

    return draw_pair()


_schemas: st.SearchStrategy[Pair] = st.recursive(
    _both(_leaves) | _relatives, lambda inner: _objects(inner) | _arrays(inner) | _composed(inner), max_leaves=6
)
_documents = st.tuples(_schemas, st.fixed_dictionaries(dict.fromkeys(NAMES, _schemas)))
"""Two schemas, and two versions of what both may refer to, themselves included."""


def built(drawn: Any, side: int) -> ApiDescription:
    """One of the two documents: the schema is sent and comes back."""
    (schema, named) = drawn
    media = {"application/json": {"schema": schema[side]}}
    operation = {"requestBody": {"content": media}, "responses": {"200": {"content": media}}}
    return describe(api({"/": {"post": operation}}, schemas={name: pair[side] for name, pair in named.items()}))


def rules(found: tuple[ApiChange, ...], way: str) -> set[str]:
    """Of one direction, without it."""
    return {each.rule.removeprefix(f"{way}-") for each in found if each.rule.startswith(f"{way}-")}


@given(_documents)
def test_a_document_compared_with_itself_has_no_changes(drawn: Any) -> None:
    """Nor with one that says the same, however it refers to itself."""
    document = built(drawn, 0)
    assert compare_descriptions(document, document) == ()
    assert compare_descriptions(document, built(json.loads(json.dumps(drawn)), 0)) == ()


@given(_documents)
def test_the_way_back_is_the_mirror_of_the_way_there(drawn: Any) -> None:
    """What is narrowed from one to the other is widened from the other to the one, and nothing else is."""
    before, after = built(drawn, 0), built(drawn, 1)
    there, back = compare_descriptions(before, after), compare_descriptions(after, before)
    mirror = MIRROR | {wide: narrow for narrow, wide in MIRROR.items()}
    for way in ("request", "response"):
        seen = {SAME.get(rule, rule) for rule in rules(back, way)}
        assert {mirror.get(rule, rule) for rule in {SAME.get(each, each) for each in rules(there, way)}} == seen


VALUES: list[Any] = [None, True, 1, 2, 0, 1.5, "", "x", "xy", [], [1], ["x", 1], [None], [{}], {}]
VALUES += [{"a": value} for value in (None, 1, "x", [], {}, {"a": 1}, {"b": "x"}, [{"a": "x"}])]
VALUES += [{"b": 1}, {"a": "x", "b": "x"}, {"a": 1, "b": {"a": "x"}}, {"c": "xy"}, {"a": 1, "b": 1, "c": 1}]


@settings(max_examples=120)
@given(_documents)
def test_what_is_called_compatible_is_compatible(drawn: Any) -> None:
    """Without a breaking change, every request that was valid still is, and every answer that is valid was before.

    Up to the two conventions: a client sends, and a client can read past, properties that nobody has described.
    """
    before, after = built(drawn, 0), built(drawn, 1)
    broken = {each.rule.partition("-")[0] for each in breaking(compare_descriptions(before, after))}
    for value in VALUES:
        if "request" not in broken and valid(value, before, described=True):
            assert valid(value, after), f"{value!r} is refused now"
        if "response" not in broken and valid(value, after):
            assert valid(value, before, lenient=True), f"{value!r} was never to be expected"


def valid(value: Any, document: ApiDescription, **how: bool) -> bool:
    """Whether a value can be sent."""
    media = document.paths["/"]["post"]["requestBody"]["content"]["application/json"]
    return _valid(value, media["schema"], document.content["components"]["schemas"], 0, **how)


def _valid(
    value: Any, schema: Any, named: dict[str, Any], depth: int, *, described: bool = False, lenient: bool = False
) -> bool:
    """A small validator from another hand than the comparison. `described`: nothing undescribed; `lenient`: past it."""

    def same(inner: Any, below: Any) -> bool:
        return _valid(inner, below, named, depth + 1, described=described, lenient=lenient)

    if schema is True or depth > 12:
        return True
    if schema is False:
        return False
    checks = [_type_fits(value, schema.get("type")), _limits_fit(value, schema)]
    if "$ref" in schema:
        checks.append(same(value, named.get(schema["$ref"].rpartition("/")[2], True)))
    checks += [same(value, each) for each in schema.get("allOf", [])]
    if "anyOf" in schema:
        checks.append(any(same(value, each) for each in schema["anyOf"]))
    if isinstance(value, list) and "items" in schema:
        checks += [same(each, schema["items"]) for each in value]
    if isinstance(value, dict) and "properties" in schema:
        checks += [name in value for name in schema["required"]]
        checks += [same(value[name], each) for name, each in schema["properties"].items() if name in value]
        undescribed = value.keys() - schema["properties"].keys()
        checks.append(not undescribed or (lenient or (not described and "additionalProperties" not in schema)))
    return all(checks)


def _type_fits(value: Any, types: Any) -> bool:
    kinds = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}
    own = kinds.get(type(value)) or ("integer" if float(value).is_integer() else "number")
    wanted = [types] if isinstance(types, str) else types
    return wanted is None or own in wanted or (own == "integer" and "number" in wanted)


def _limits_fit(value: Any, schema: dict[str, Any]) -> bool:
    listed = [schema["const"]] if "const" in schema else schema.get("enum", [value])
    fits = any(json.dumps(value) == json.dumps(each) for each in listed)
    if isinstance(value, str):
        fits = fits and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 99)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        fits = fits and schema.get("minimum", -99) <= value < schema.get("exclusiveMaximum", 99)
    return fits


_operations = st.sampled_from(
    [(path, method) for path, item in petstore().paths.items() for method in item if method != "parameters"]
)


@settings(max_examples=30)
@given(_operations, st.sampled_from(["query", "header", "cookie"]), st.text(max_size=9), _leaves)
def test_an_optional_parameter_never_breaks(where: tuple[str, str], place: str, name: str, schema: Any) -> None:
    """Whatever it is called and may be."""

    def add(content: Any) -> None:
        parameters = content["paths"][where[0]][where[1]].setdefault("parameters", [])
        parameters.append({"name": f"new-{name}", "in": place, "schema": schema})

    found = compare_descriptions(petstore(), petstore(add))
    assert [each.rule for each in found] == ["request-parameter-added"]
    assert not breaking(found)
    taken_away = compare_descriptions(petstore(add), petstore())
    assert [each.rule for each in taken_away] == ["request-parameter-removed"]


@given(_operations)
def test_an_operation_that_goes_always_breaks(where: tuple[str, str]) -> None:
    """And one that comes never does."""

    def remove(content: Any) -> None:
        del content["paths"][where[0]][where[1]]

    assert breaking(compare_descriptions(petstore(), petstore(remove)))
    assert not breaking(compare_descriptions(petstore(remove), petstore()))


_WORDS = """
    $ref type enum const allOf anyOf oneOf not items properties required additionalProperties minimum maxLength
    exclusiveMinimum multipleOf pattern format nullable parameters in name schema content requestBody headers
    responses 200 security style explode readOnly discriminator if prefixItems
"""
_keywords = st.sampled_from(_WORDS.split())
_broken = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keywords | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(_broken, _broken)
def test_no_document_stops_the_comparison(one: Any, other: Any) -> None:
    """Whatever stands where a schema, a parameter or an answer should be."""

    def document(piece: Any) -> ApiDescription:
        operation = {
            "parameters": [piece, {"name": "a", "in": "query", "schema": piece}],
            "requestBody": {"content": {"a/b": {"schema": piece}}},
            "responses": {"200": piece, "201": {"content": piece, "headers": {"x": piece}}},
            "security": piece,
        }
        return describe(api({"/": {"get": operation, "parameters": [piece]}, "/b": {"$ref": "#/paths/~1"}}))

    compare_descriptions(document(one), document(other))
    assert compare_descriptions(document(one), document(one)) == ()


def entangled(number: int, *, limit: int = 9) -> ApiDescription:
    """A document whose schemas all lead to each other; one of them has a limit."""
    schemas = {
        f"S{n}": {"properties": {f"p{k}": {"$ref": f"#/components/schemas/S{(n * 7 + k) % number}"} for k in range(9)}}
        for n in range(number)
    }
    schemas["S3"]["maxProperties"] = limit  # type: ignore[assignment]
    media = [{"application/json": {"schema": {"$ref": f"#/components/schemas/S{n}"}}} for n in range(number)]
    return describe(
        api({f"/{n}": {"put": {"requestBody": {"content": media[n]}}} for n in range(number)}, schemas=schemas)
    )


def test_a_schema_is_compared_once_however_often_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its change is told at each use of it."""
    monkeypatch.setattr(openapi_schema_diff, "MAX_WORK", 60 * 9 + 1)
    found = compare_descriptions(entangled(60), entangled(60, limit=8))
    assert {each.operation for each in found} == {f"PUT /{n}" for n in range(60)}
    assert {each.rule for each in found} == {"request-limit-tightened"}


@pytest.mark.parametrize(
    ("module", "limit"),
    [
        (openapi_schema_diff, "MAX_WORK"),
        (openapi_schema_diff, "MAX_STEPS"),
        (openapi_schemas, "MAX_READ"),
        (openapi_schemas, "MAX_ATOMS"),
        (openapi_operations, "MAX_PARTS"),
    ],
)
def test_documents_that_are_too_large_count_as_breaking(
    module: Any, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what else there is, and it says so."""
    monkeypatch.setattr(module, limit, 0 if limit == "MAX_ATOMS" else 50)
    found = compare_descriptions(entangled(60), entangled(60, limit=8))
    assert ("too-large-to-compare", True) in {(each.rule, each.breaking) for each in found}


MANY = 3000
WIDE = {f"p{n}": {"type": "string"} for n in range(MANY)}
SHARED: dict[str, dict[str, Any]] = {
    "one item at many paths": {
        "paths": {"/": {"get": {"parameters": [{"name": f"q{n}", "in": "query"} for n in range(MANY)]}}}
        | {f"/{n}": {"$ref": "#/paths/~1"} for n in range(MANY)},
    },
    "many conditions on one schema": {
        "paths": {"/": {"put": {"requestBody": {"content": {"a/b": {"schema": {"$ref": "#/components/schemas/S"}}}}}}},
        "schemas": {
            "S": {"properties": {f"x{n}": {"allOf": [{"$ref": "#/components/schemas/T"}, {"maxProperties": n}]}
                                 for n in range(MANY)}},
            "T": {"properties": WIDE, "not": {"enum": list(range(MANY))}},
        },
    },
    "many schemas in one": {
        "paths": {"/": {"put": {"requestBody": {"content": {"a/b": {"schema": {"allOf": [
            {"properties": {"a": {"maximum": n}}, "required": [f"r{n}"]} for n in range(MANY)
        ]}}}}}}},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", SHARED)
def test_a_little_that_means_much_is_not_compared_to_the_end(case: str) -> None:
    """Of documents of some hundred KiB nobody makes hours of work."""
    content = api(SHARED[case]["paths"], schemas=SHARED[case].get("schemas", {}))
    assert len(json.dumps(content)) < 512 * 1024
    found = compare_descriptions(describe(content), describe(json.loads(json.dumps(content))))
    assert [each.rule for each in found] == ["too-large-to-compare"]


def test_many_branches_are_matched_one_by_one() -> None:
    """Those that bear no name are pairs by their types, in their order."""

    def union(*limits: int) -> ApiDescription:
        branches = [{"type": "string", "maxLength": limit} for limit in limits]
        return describe(api({"/": {"put": {"requestBody": {"content": {"a/b": {"schema": {"oneOf": branches}}}}}}}))

    assert compare_descriptions(union(*range(2000)), union(*range(2000))) == ()
    found = compare_descriptions(union(*range(2000)), union(*range(1, 2001)))
    assert [each.text for each in found] == ["maxLength changed from 0 to 2000"]


def test_a_breaking_change_is_told_however_many_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list has an end; what breaks stands in it."""
    monkeypatch.setattr(openapi_diff, "MAX_CHANGES", 5)

    def change(content: Any) -> None:
        schemas = content["components"]["schemas"]
        schemas["NewPet"]["properties"] |= {f"new{n}": {} for n in range(20)}
        schemas["Problem"]["properties"]["status"]["maximum"] = 999
        del schemas["Ancestor"]["required"]

    found = compare_descriptions(petstore(), petstore(change))
    assert len(found) == 5
    assert [each.rule for each in breaking(found)] == ["response-property-became-optional"]
    assert MAX_CHANGES > 100


def test_a_long_chain_of_schemas_is_followed_to_its_end() -> None:
    """It is no recursion that could run out of stack."""

    def chained(last: Any) -> ApiDescription:
        schemas = {f"S{n}": {"properties": {"next": {"$ref": f"#/components/schemas/S{n + 1}"}}} for n in range(3000)}
        schemas["S3000"] = last
        body = {"content": {"a/b": {"schema": {"$ref": "#/components/schemas/S0"}}}}
        return describe(api({"/": {"put": {"requestBody": body}}}, schemas=schemas))

    (found,) = compare_descriptions(chained({"type": "string"}), chained({"type": "integer"}))
    assert found.place == "request body a/b, " + ".".join(["next"] * 12)


def test_two_versions_of_a_fastapi_app() -> None:
    """As FastAPI writes them: optional fields are unions with null, and schemas are shared."""

    def version(*, limit: Any, owner: Any, colour: Any) -> ApiDescription:
        app = FastAPI()
        pet = create_model("Pet", name=(str, ...), owner=owner, colour=colour)
        page = create_model("Page", pets=(list[pet], ...), next=(str | None, None))  # type: ignore[valid-type]

        def pets(limit: int = 10, trace: Annotated[str | None, Header()] = None) -> None:
            """List."""

        def add(pet: Any) -> None:
            """Add."""

        pets.__annotations__ |= {"limit": limit, "trace": Annotated[str | None, Header()]}
        add.__annotations__["pet"] = pet
        app.add_api_route("/pets", pets, response_model=page)
        app.add_api_route("/pets", add, methods=["POST"], response_model=pet, status_code=201)
        return describe(app.openapi())

    class Owner(BaseModel):
        email: str

    first = version(limit=int, owner=(Owner | None, None), colour=(str | None, None))
    assert first.version == "3.1"
    again = version(limit=int, owner=(Owner | None, None), colour=(str | None, None))
    assert compare_descriptions(first, again) == ()
    second = version(limit=int | None, owner=(Owner, ...), colour=(int | str | None, None))
    told = {each.sentence() for each in breaking(compare_descriptions(first, second))}
    assert told == {
        "POST /pets: request body application/json: the property `owner` became required",
        "POST /pets: request body application/json, owner: it cannot be null any more",
        'GET /pets: response 200 application/json, pets[].colour: `{"type": "integer"}` is one of several schemas now',
        'POST /pets: response 201 application/json, colour: `{"type": "integer"}` is one of several schemas now',
    }
