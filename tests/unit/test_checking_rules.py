"""The rules of the checks, one by one: paths, texts, references, media types, and what is never read two ways."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.checking import media
from turnout.checking.documents import Document
from turnout.checking.paths import PathTree
from turnout.checking.requests import CheckedRequest
from turnout.checking.spec import Spec
from turnout.checking.texts import Unreadable, read_json
from turnout.checking.validators import Validator
from turnout.checking.violations import MOST_TOLD, Place, Violation, refusal
from turnout.domain.errors import Invalid


def spec(paths: dict[str, Any], version: str = "3.1.0", **more: Any) -> Spec:
    """A document with these paths."""
    return Spec(json.dumps({"openapi": version, "info": {}, "paths": paths, **more}).encode())


def told(of: Spec, method: str, target: str, body: Any = None, **headers: str) -> list[tuple[str, str]]:
    """Where and what the violations of a request are."""
    raw = b"" if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | headers if raw else headers
    named = tuple((name.replace("_", "-"), value) for name, value in sent.items())
    found = of.check(CheckedRequest(method=method, target=target, headers=named, body=raw))
    return [(str(each.place), each.name) for each in found]


# Paths

SEGMENT = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=4)
TEMPLATE = st.lists(SEGMENT | SEGMENT.map("{{{}}}".format), min_size=1, max_size=4, unique=True)


@given(TEMPLATE, st.data())
def test_what_a_template_makes_is_found_with_its_parameters(template: list[str], data: st.DataObject) -> None:
    """Whatever the parameters are, as long as they stay in their segment."""
    values = {part: data.draw(st.text(min_size=1).filter(lambda it: "/" not in it)) for part in template if "{" in part}
    tree = PathTree()
    tree.add("/" + "/".join(template), "here")
    (match,) = tree.find(["", *(values.get(part, part) for part in template)])
    assert match.parameters == {name.strip("{}"): value for name, value in values.items()}


def test_the_literal_path_is_preferred() -> None:
    """Also deep inside, and the others are there for a method that it has not."""
    tree = PathTree()
    for template in ("/a/{x}/c", "/a/b/{y}", "/{z}/b/c", "/a/b/c"):
        tree.add(template, template)
    assert [match.value for match in tree.find(["", "a", "b", "c"])] == ["/a/b/c", "/a/b/{y}", "/a/{x}/c", "/{z}/b/c"]


@pytest.mark.parametrize("template", ["/{a}{b}", "/{}", "/{a}-{a}", "/{a", "/a}"])
def test_templates_that_say_nothing_certain_are_refused(template: str) -> None:
    """Where one parameter ends and the next begins nobody could say."""
    with pytest.raises(Invalid, match="several ways"):
        PathTree().add(template, 1)


def test_a_long_segment_costs_its_length() -> None:
    """A hundred parameters and a megabyte of separators."""
    tree = PathTree()
    tree.add("/" + "-".join(f"{{p{n}}}" for n in range(100)) + "!", 1)
    assert list(tree.find(["", "-" * 1_000_000])) == []


@pytest.mark.parametrize(
    ("servers", "path"),
    [
        ([{"url": "https://x.example/api/v1/"}], "/api/v1/x"),
        ([{"url": "/v2"}, {"url": "/v1"}], "/v1/x"),
        ([{"url": "https://{host}/{base}", "variables": {
            "host": {"default": "h"}, "base": {"default": "b", "enum": ["b", "c"]}}}], "/c/x"),
        ([{"url": "."}], "/x"),
        ([], "/x"),
    ],
)  # fmt: skip
def test_the_path_of_a_server_comes_first(servers: list[Any], path: str) -> None:
    """Of whichever server; its host is the domain's business."""
    of = spec({"/x": {"get": {}}}, servers=servers)
    assert told(of, "GET", path) == []
    assert told(of, "GET", "/elsewhere/x") == [("path", "/elsewhere/x")]


@pytest.mark.parametrize("method", ["PARAMETERS", "SERVERS", "$REF", "CONNECT", "get ", ""])
def test_only_methods_are_methods(method: str) -> None:
    """A path has more than operations."""
    of = spec({"/x": {"get": {}, "parameters": [], "servers": [{"url": "/"}]}})
    assert told(of, method, "/x") == [("method", method)]


# JSON


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)))  # fmt: skip
def test_json_is_read_as_it_was_written(value: Any) -> None:
    """Every JSON text has one meaning."""
    assert read_json(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 1}', '{"x": {"a": 1, "\\u0061": 2}}', "NaN", "[Infinity]", "1e999", '"\\ud800"', "9" * 5000, "",
     "[" * 100_000, "\ufeff{}", "{} {}", "'a'", "01"],
)  # fmt: skip
def test_what_apps_would_read_in_several_ways_is_no_json(text: str) -> None:
    """What was checked has to be what the app sees."""
    with pytest.raises(Unreadable):
        read_json(text)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_arbitrary_bodies_end_in_an_answer(body: bytes) -> None:
    """A yes or a no, never a fault."""
    of = spec({"/": {"post": {"requestBody": {"required": True, "content": {
        "application/json": {"schema": {"type": "object"}}}}}}})  # fmt: skip
    sent = CheckedRequest(method="POST", target="/", headers=(("content-type", "application/json"),), body=body)
    accepted = of.check(sent) == ()
    assert not accepted or isinstance(json.loads(body), dict)


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_arbitrary_requests_end_in_an_answer(method: str, target: str, headers: list[tuple[str, str]]) -> None:
    """The same for the lines before the body."""
    of = spec({"/{a}": {"get": {"parameters": [
        {"name": "q", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
        {"name": "c", "in": "cookie", "schema": {"type": "array"}}]}}})  # fmt: skip
    of.check(CheckedRequest(method=method, target=target, headers=tuple(headers)))


# Documents


@given(st.recursive(st.none() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(
    st.sampled_from(["openapi", "paths", "/x", "get", "parameters", "requestBody", "content", "schema", "$ref",
                     "application/json", "type", "servers", "in", "name"]), of), max_leaves=30))  # fmt: skip
def test_arbitrary_documents_are_used_or_refused(document: Any) -> None:
    """With a sentence; nothing else comes out of it."""
    whole = {"openapi": "3.1.0", "paths": {"/x": document}} if not isinstance(document, dict) else {
        "openapi": "3.0.3", "paths": {"/x": {"get": document}}} | document  # fmt: skip
    with suppress(Invalid):
        Spec(json.dumps(whole).encode()).compile_all()


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"$ref": "http://127.0.0.1:9/x.json"}, "nothing outside of the document is ever fetched"),
        ({"$ref": "file:///etc/passwd"}, "ever fetched"),
        ({"$ref": "other.yaml#/x"}, "ever fetched"),
        ({"$ref": "#/components/schemas/None"}, "which it does not have"),
        ({"properties": {"a": {"$ref": 5}}}, "a reference that is no text"),
        ({"pattern": "(("}, "cannot be used"),
        ({"pattern": "(((a{900}){900}){900})"}, "cannot be used"),
        ({"$dynamicRef": "#x"}, "$dynamicRef"),
        ({"type": "strin"}, "cannot be used"),
        ("text", "neither an object"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_named(schema: Any, says: str) -> None:
    """With the operation it is in."""
    of = spec({"/x": {"get": {"parameters": [{"name": "q", "in": "query", "schema": schema}]}}})
    with pytest.raises(Invalid) as refused:
        of.compile_all()
    assert refused.value.detail.startswith("GET /x: it ")
    assert says in refused.value.detail


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"openapi": "2.0"}', b'{"openapi": "3.2.0"}', b"openapi: 3.1.0"])
def test_what_is_no_document_that_we_know(text: bytes) -> None:
    """3.0 and 3.1, as JSON."""
    with pytest.raises(Invalid):
        Spec(text)


def test_references_in_circles() -> None:
    """A schema may lead to itself; a parameter may not."""
    tree = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Tree"}}}
    of = spec(
        {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": tree}}}}},
         "/y": {"get": {"parameters": [{"$ref": "#/components/parameters/A"}]}}},
        components={"schemas": {"Tree": tree}, "parameters": {"A": {"$ref": "#/components/parameters/A"}}},
    )  # fmt: skip
    assert told(of, "POST", "/x", {"next": {"next": {"next": 1}}}) == [("body", "/next/next/next")]
    with pytest.raises(Invalid, match="circle"):
        told(of, "GET", "/y")


DIALECTS = [
    ("3.0.3", {"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [2], [1, "2"]),
    ("3.0.3", {"type": "string", "nullable": True}, [None, "a"], [1]),
    ("3.0.3", {"allOf": [{"type": "string"}], "nullable": True}, [None, "a"], [1]),
    ("3.0.3", {"type": "string", "nullable": True, "enum": ["a"]}, ["a"], [None, "b"]),
    ("3.0.3", {"type": "integer", "format": "int32"}, [2**31 - 1, -(2**31)], [2**31]),
    ("3.0.3", {"type": "string", "format": "byte"}, ["YQ=="], ["%"]),
    ("3.0.3", {"$ref": "#/components/schemas/S", "maxLength": 1}, ["abc"], [1]),
    ("3.1.0", {"$ref": "#/components/schemas/S", "maxLength": 1}, ["a"], ["abc", 1]),
    ("3.1.0", {"type": ["integer", "null"], "exclusiveMinimum": 1}, [2, None], [1]),
    ("3.1.0", {"prefixItems": [{"const": "x"}], "items": False}, [["x"]], [["y"], ["x", 1]]),
    ("3.1.0", {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, [{}, {"a": 1, "b": 1}], [{"a": 1}]),
    ("3.1.0", {"properties": {"i": {"readOnly": True}, "n": {}}, "required": ["i", "n"]}, [{"n": 1}], [{"i": 1}]),
    ("3.1.0", {"type": "string", "pattern": "^(?!x)[a-z]+$"}, ["abc"], ["xbc"]),
    ("3.1.0", {"properties": {"enum": {"type": "string"}, "$ref": {"type": "string"}}}, [{"enum": "a"}], [{"$ref": 1}]),
]


@pytest.mark.parametrize(("version", "schema", "good", "bad"), DIALECTS)
def test_both_dialects(version: str, schema: Any, good: list[Any], bad: list[Any]) -> None:
    """What 3.0 says in its own way, and what 3.1 takes from JSON Schema."""
    components = {"schemas": {"S": {"type": "string"}}}
    validator = Validator(schema, Document({"openapi": version, "paths": {}, "components": components}))
    assert [value for value in good if validator.complaints(value)] == []
    assert [value for value in bad if not validator.complaints(value)] == []


def test_a_discriminator_is_taken_at_its_word() -> None:
    """Only the schema that is meant complains; and a tree of unions costs its size, not two to the power of it."""
    of = {"type": "object", "required": ["op", "left", "right"], "properties": {
        "op": {"type": "string"}, "left": {"$ref": "#/components/schemas/Node"},
        "right": {"$ref": "#/components/schemas/Node"}}}  # fmt: skip
    leaf = {"type": "object", "required": ["op", "value"], "properties": {"value": {"type": "integer"}}}
    node = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("And", "Or", "Leaf")],
        "discriminator": {"propertyName": "op", "mapping": {"and": "#/components/schemas/And", "or": "Or"}},
    }
    schemas = {"Node": node, "And": of, "Or": of, "Leaf": leaf}
    whole = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}})
    validator = Validator({"$ref": "#/components/schemas/Node"}, whole)
    deep: dict[str, Any] = {"op": "Leaf", "value": 1}
    for number in range(60):
        deep = {"op": ("and", "or")[number % 2], "left": deep, "right": {"op": "Leaf", "value": 1}}
    assert validator.complaints(deep) == []
    assert [at for at, _ in validator.complaints({"op": "and", "left": {"op": "Leaf", "value": "x"}, "right": 5})] == [
        "/left/value",
        "/right",
    ]
    assert [at for at, _ in validator.complaints({"op": "xor"})] == ["/op"]


def test_of_a_large_body_the_first_violation_is_named() -> None:
    """To collect two hundred thousand of them would take seconds."""
    validator = Validator({"items": {"type": "string"}}, Document({"openapi": "3.1.0", "paths": {}}))
    assert len(validator.complaints([1] * 1000)) == 1000
    ((pointer, detail),) = validator.complaints([1] * 200_000)
    assert pointer == "/0"
    assert "the first violation" in detail


def test_an_answer_repeats_no_value_and_has_an_end() -> None:
    """A value may be a secret; and nobody reads a million violations."""
    validator = Validator({"type": "object", "properties": {"password": {"type": "string", "maxLength": 3}}},
                          Document({"openapi": "3.1.0", "paths": {}}))  # fmt: skip
    complaints = validator.complaints({"password": "hunter2"})
    assert "hunter2" not in str(complaints)
    answer = refusal([Violation(place=Place.BODY, name="/x" * 1000, detail="y" * 1000)] * 999)
    document = json.loads(answer)
    assert len(document["violations"]) == MOST_TOLD
    assert document["detail"].startswith("999 violations")
    assert len(answer) < 50_000


# Parameters

STYLES: list[tuple[dict[str, Any], str, bool]] = [
    ({"in": "query", "style": "form", "explode": False, "schema": {"items": {"type": "integer"}, "type": "array"}},
     "/x/1?p=1,2", True),
    ({"in": "query", "style": "pipeDelimited", "explode": False, "schema": {"items": {"enum": ["a,b"]}, "type":
     "array"}}, "/x/1?p=a%2Cb|a%2Cb", True),
    ({"in": "query", "style": "spaceDelimited", "explode": False, "schema": {"items": {"type": "integer"}, "type":
     "array"}}, "/x/1?p=1%202+3", True),
    ({"in": "query", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, "/x/1?a=1", True),
    ({"in": "query", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, "/x/1?a=b", False),
    ({"in": "query", "explode": False, "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}},
     "/x/1?p=a,1", True),
    ({"in": "query", "schema": {"anyOf": [{"type": "integer", "maximum": 3}, {"type": "string"}]}}, "/x/1?p=9", True),
    ({"in": "query", "schema": {"type": "string", "pattern": "^[0-9]$"}}, "/x/1?p=9", True),
    ({"in": "query", "schema": {"type": "string"}}, "/x/1?p=true", True),
    ({"in": "query", "schema": {"type": "boolean"}}, "/x/1?p=True", False),
    ({"in": "query", "schema": {"type": "number"}}, "/x/1?p=1e3", True),
    ({"in": "query", "schema": {"type": "number"}}, "/x/1?p=Infinity", False),
    ({"in": "query", "schema": {"type": "integer"}}, "/x/1?p=0x10", False),
    ({"in": "query", "schema": {"type": "integer"}}, "/x/1?p=%2B5", False),
    ({"in": "query", "schema": {"type": ["string", "null"]}}, "/x/1?p=", True),
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "target", "good"), STYLES)
def test_styles(parameter: dict[str, Any], target: str, good: bool) -> None:
    """As the specification writes them."""
    of = spec({"/x/{id}": {"get": {"parameters": [{"name": "p"} | parameter, {"name": "id", "in": "path"}]}}})
    assert (told(of, "GET", target) == []) is good


@pytest.mark.parametrize(
    ("style", "explode", "text", "good"),
    [
        ("simple", False, "1,2", True),
        ("simple", False, "1,x", False),
        ("label", False, ".1,2", True),
        ("label", True, ".1.2", True),
        ("label", False, "1,2", False),
        ("matrix", False, ";p=1,2", True),
        ("matrix", True, ";p=1;p=2", True),
        ("matrix", True, ";q=1", False),
    ],
)
def test_styles_in_a_path(style: str, explode: bool, text: str, good: bool) -> None:
    """The same three numbers in every spelling."""
    schema = {"type": "array", "items": {"type": "integer"}}
    parameter = {"name": "p", "in": "path", "style": style, "explode": explode, "schema": schema}
    assert (told(spec({"/{p}": {"get": {"parameters": [parameter]}}}), "GET", f"/{text}") == []) is good


# Media types


@pytest.mark.parametrize(
    ("content_type", "read", "essence"),
    [
        ("application/json", True, "application/json"),
        (" Application/JSON ;charset=utf-8", True, "application/json"),
        ("application/merge-patch+json", True, "application/merge-patch+json"),
        ("application/x-www-form-urlencoded", True, "application/x-www-form-urlencoded"),
        ("text/plain;charset=us-ascii", True, "text/plain"),
        ("application/jsonx", False, "application/jsonx"),
        ("multipart/form-data; boundary=x", False, "multipart/form-data"),
        ("application/octet-stream", False, "application/octet-stream"),
        ("application/json, text/plain", False, None),
        ("application/json;a=b, text/plain", True, None),
        ("json", False, None),
        ("", False, None),
    ],
)
def test_content_types(content_type: str, read: bool, essence: str | None) -> None:
    """Which bodies are read; and a header that names two types names none."""
    assert (media.is_read(content_type), media.essence(content_type)) == (read, essence)


def test_the_closest_type_is_meant() -> None:
    """The exact one, a range, anything."""
    documented = ["*/*", "application/*", "application/json; charset=utf-8"]
    found = [media.best_match(each, documented) for each in ("application/json", "application/xml", "text/css")]
    assert found == ["application/json; charset=utf-8", "application/*", "*/*"]
