"""Sentinel configs."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import Invalid
from turnout.domain.hostnames import is_local
from turnout.domain.sentinel import SentinelConfig, SentinelInstance, from_json, needs_sentinel, to_json

configs = st.builds(
    SentinelConfig,
    deployment_id=st.text(),
    enabled=st.booleans(),
    instances=st.lists(st.builds(SentinelInstance, id=st.text(), address=st.text(), region=st.text())).map(tuple),
    key_auth_id=st.none() | st.text(),
    openapi_spec_id=st.none() | st.text(),
)


@given(configs)
def test_round_trip(config: SentinelConfig) -> None:
    """What is written is read back, and the same config is always the same text."""
    assert from_json(to_json(config)) == config
    assert to_json(from_json(to_json(config))) == to_json(config)


def test_as_a_person_reads_it() -> None:
    """The names are those of protojson, and what is not configured is absent."""
    instance = SentinelInstance(id="ins_1", address="127.0.0.1:4000", region="local")
    plain = SentinelConfig(deployment_id="dep_1", instances=(instance,))
    full = SentinelConfig(deployment_id="dep_1", enabled=False, key_auth_id="key_1", openapi_spec_id="abc")
    assert json.loads(to_json(plain)) == {
        "deployment": {"id": "dep_1", "isEnabled": True},
        "vms": [{"id": "ins_1", "address": "127.0.0.1:4000", "region": "local"}],
    }
    assert json.loads(to_json(full)) == {
        "deployment": {"id": "dep_1", "isEnabled": False},
        "vms": [],
        "authConfig": {"keyAuthId": "key_1"},
        "validationConfig": {"openapiSpecId": "abc"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        '{"deployment": {}, "vms": []}',
        '{"deployment": {"id": 7, "isEnabled": true}, "vms": []}',
        '{"deployment": {"id": "dep_1", "isEnabled": "no"}, "vms": []}',
        '{"deployment": {"id": "dep_1", "isEnabled": true}, "vms": [{"id": "ins_1"}]}',
        '{"deployment": {"id": "dep_1", "isEnabled": true}, "vms": ["ins_1"]}',
        '{"deployment": {"id": "dep_1", "isEnabled": true}, "vms": [], "authConfig": null}',
        '{"deployment": {"id": "dep_1", "isEnabled": true}, "vms": [], "authConfig": {"keyAuthId": 1}}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_invalid(text: str) -> None:
    """A config that cannot be understood is refused whole: half a policy protects nothing."""
    with pytest.raises(Invalid, match="cannot read a sentinel config"):
        from_json(text)


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_arbitrary_text_raises_nothing_else(text: str) -> None:
    """Reading ends with a config or with Invalid."""
    with suppress(Invalid):
        from_json(text)


@pytest.mark.parametrize(
    ("fqdn", "apex", "needed"),
    [
        ("hello-default.example.app", "example.app", True),
        ("shop.example.com", "example.app", True),
        ("hello-default.localhost", "localhost", True),
        ("hello-default.localhost", "LocalHost.", True),
        ("hello-default.apps.test", "apps.test", True),
        ("hello-default.office.local", "office.local", True),
        ("localhost", "localhost", False),
        ("localhost", "example.app", False),
        ("hello.localhost", "example.app", False),
        ("printer.local", "example.app", False),
        ("shop.test", "example.app", False),
        ("shop.test", "localhost", False),
        ("127.0.0.1", "example.app", False),
        ("127.8.9.1", "localhost", False),
        ("::1", "example.app", False),
        ("10.0.0.1", "example.app", True),
        ("local.example.com", "example.app", True),
        ("mylocalhost", "localhost", True),
        ("nottest", "example.app", True),
        ("evil-example.app", "example.app", True),
        ("test.com", "localhost", True),
    ],
)
def test_who_needs_a_config(fqdn: str, apex: str, needed: bool) -> None:
    """Everything has one but local names, and local names under the apex have one all the same."""
    assert needs_sentinel(fqdn, apex=apex) is needed


def test_local_names_in_any_spelling() -> None:
    """Case, a trailing dot and the brackets of an IPv6 address make no difference."""
    assert all(is_local(host) for host in ("LOCALHOST", "a.Test.", "[::1]", "127.0.0.1", "x.LOCAL"))
    assert not any(is_local(host) for host in ("", ".", "localhost.com", "8.8.8.8", "[::2]"))
