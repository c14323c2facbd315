"""OpenAPI documents as apps serve them: JSON or YAML, whole or broken, honest or not."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.specs import PETSTORE, api, as_json, fastapi_app
from turnout.domain.openapi_document import describe, read_served, read_stored, shown
from turnout.domain.openapi_yaml import MAX_DEPTH, MAX_SIZE, UnreadableError, parse_yaml, to_yaml

MINIMAL = api({})


def refusal(served: bytes) -> str:
    """Why it is refused."""
    with pytest.raises(UnreadableError) as refused:
        read_served(served)
    return str(refused.value)


def test_json_is_kept_as_it_was_served() -> None:
    """Its id is the hash of the bytes, and the bytes are their own JSON form."""
    served = b"\xef\xbb\xbf  " + as_json(api({"/": {"get": {"responses": {}}}}))
    document, described = read_served(served)
    assert document.id == hashlib.sha256(served).hexdigest()
    assert (document.format, document.served, document.json) == ("json", served, served)
    assert (described.version, described.summary()) == ("3.1", "OpenAPI 3.1.0, 1 path")


def test_yaml_is_kept_with_its_json_form() -> None:
    """The id is still that of what was served; the JSON form says the same, aliases written out."""
    document, described = read_served(PETSTORE)
    assert document.id == hashlib.sha256(PETSTORE).hexdigest()
    assert (document.format, document.served) == ("yaml", PETSTORE)
    assert read_stored(document) == described
    assert described.version == "3.0"
    pets = described.paths["/pets"]["get"]["responses"]["200"]
    assert json.loads(document.json)["paths"]["/found"]["get"]["responses"]["200"] == pets


def test_the_document_of_a_fastapi_app() -> None:
    """As the example serves it."""
    document, described = read_served(fastapi_app())
    assert (document.format, described.version) == ("json", "3.1")
    assert set(described.paths) == {"/", "/healthz"}


@pytest.mark.parametrize(
    ("served", "says"),
    [
        (b"", "no mapping"),
        (b"hello", "no mapping"),
        (b"[]", "no mapping"),
        (b"<!doctype html><p>404", "HTML"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"{", "is not JSON"),
        (b'{"a": NaN}', "is not JSON: it has no number NaN"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "is not JSON"),
        (b'{"openapi": "3.1.0"} {}', "is not JSON"),
        (b"{}", "no `openapi` with a version"),
        (b'{"openapi": 3.1}', "no `openapi` with a version"),
        (b'{"swagger": "2.0"}', "Swagger 2.0"),
        (as_json(MINIMAL | {"openapi": "2.0"}), "is OpenAPI 2.0; 3.0 and 3.1"),
        (as_json(MINIMAL | {"openapi": "3.2.0"}), "is OpenAPI 3.2.0; 3.0 and 3.1"),
        (as_json(MINIMAL | {"openapi": "3.0.0\nHost: x"}), r"is OpenAPI 3.0.0\nHost: x; 3.0"),
        (as_json({"openapi": "3.0.0"}), "info has to be a mapping"),
        (as_json({"openapi": "3.0.0", "info": {}, "components": {}}), "has no paths"),
        (as_json({"openapi": "3.1.0", "info": {}}), "has no paths"),
        (as_json(MINIMAL | {"paths": []}), "paths has to be a mapping"),
        (as_json(MINIMAL | {"components": "x"}), "components has to be a mapping"),
        (as_json(api({"pets": {}})), "the path pets, which does not begin with a slash"),
        (as_json(api({"/pets": "x"})), "path /pets has to be a mapping"),
        (as_json(api({"/pets": {"get": []}})), "GET /pets has to be a mapping"),
        (as_json(api({"/pets": {"parameters": {}}})), "the parameters of /pets have to be a list"),
        (as_json(api({"/pets": {"get": {"responses": []}}})), "the responses of GET /pets has to be"),
        (as_json(api({"/pets": {"put": {"requestBody": []}}})), "the request body of PUT /pets has to be"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested deeper"),
        (b'{"a":' + b"[" * 100_000, "nested deeper"),
    ],
)
def test_what_is_no_document(served: bytes, says: str) -> None:
    """Each gets a sentence of its own."""
    assert says in refusal(served)


@pytest.mark.parametrize(
    "content",
    [
        {"openapi": "3.1.0", "info": {}, "webhooks": {}},
        {"openapi": "3.1.0", "info": {}, "components": {}},
        {"openapi": "3.0.4-rc.1", "info": {}, "paths": {"x-note": 3, "/a": {"get": {}, "x-y": []}}},
    ],
)
def test_odd_documents_that_are_kept(content: dict[str, Any]) -> None:
    """It is no linter."""
    assert describe(content).content is content


def chain(link: str, last: str = "[x,x,x,x,x,x,x,x,x,x]", *, links: int = 9) -> str:
    """Each line means ten times the one before it."""
    lines = [f"a0: &a0 {last}"]
    lines += [f"a{n}: &a{n} {link.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, links + 1)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (chain("[{}]"), "too large once its aliases are written out"),
        (chain("{{<<: [{}]}}", "{x: 1, y: 2}"), "too large once its aliases are written out"),
        (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 400)}]", "too large once its aliases are written out"),
        (chain("{{k: {}}}".replace("{}", "[{}]"), links=60), "too large"),
        ("a: &a [*a]", "into itself at line 1"),
        ("a: &a\n  <<: *a", "into itself at line 2"),
        ("a: *b", "leads nowhere"),
        ("[" * 1_000_000, "nested deeper"),
        ("{a: " * 300_000, "nested deeper"),
        ("- " * 300_000, "nested deeper"),
        ("!!python/object/apply:os.system [ls]", "a tag that is not of JSON"),
        ("a: !!binary aGk=", "a tag that is not of JSON"),
        ("a: 1\nb: 2\na: 3", "a key twice"),
        ("? [a]\n: 1", "a key that is no text"),
        ("<<: 3", "merges something that is no mapping"),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("a: b: c", "is not YAML at line 1"),
        ("a: 'b", "is not YAML at line"),
        ("a: \x00", "characters that YAML forbids"),
    ],
)
def test_yaml_that_is_refused(text: str, says: str) -> None:
    """Bombs before they are built, tags before they mean anything."""
    with pytest.raises(UnreadableError, match=says):
        parse_yaml(text)


def test_yaml_means_what_json_could_say() -> None:
    """Keys are texts, words are those of YAML 1.2, merge keys and anchors work."""
    text = """
        base: &base {a: 1, 200: yes}
        same: *base
        merged: {<<: *base, a: 2}
        several: {<<: [{a: 9}, *base]}
        texts: [no, on, 2020-01-01, 1_000, 0x10, .inf, '1', !!str 1, "null"]
        others: [1, -2.5e3, true, null, ~, '', .5]
        '<<': kept
    """
    base = {"a": 1, "200": "yes"}
    assert parse_yaml(text) == {
        "base": base,
        "same": base,
        "merged": {"a": 2, "200": "yes"},
        "several": {"a": 9, "200": "yes"},
        "texts": ["no", "on", "2020-01-01", "1_000", "0x10", ".inf", "1", "1", "null"],
        "others": [1, -2500.0, True, None, None, "", 0.5],
        "<<": "kept",
    }


def test_a_document_may_be_as_large_as_its_limit() -> None:
    """The budget is for what aliases add: one without them is never too large before its bytes are."""
    assert MAX_SIZE >= 2 * 2048 * 1024
    assert len(parse_yaml("\n".join(f"- {{name: n{n}, at: [1, 2]}}" for n in range(20_000)))) == 20_000


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)


@given(_values)
def test_yaml_says_what_json_says(value: Any) -> None:
    """What is written as YAML is read as the same value."""
    assert parse_yaml(to_yaml(value)) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_do_harm(served: bytes) -> None:
    """Whatever is served is either a document or refused with a sentence."""
    try:
        read_served(served)
    except UnreadableError as error:
        assert str(error)  # noqa: PT017  # either is fine


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    """Names that an app has written go into sentences, logs and terminals."""
    assert shown(text).isprintable()
    assert len(shown("x" * 1000)) == 80
