"""Protections: what a person may write, what is kept, and what is refused."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import string
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import Invalid, NotFound
from turnout.domain.header_rules import Action, HeaderRule, Side, check_rules, header_rule, parse_header_rule
from turnout.domain.networks import check_range, check_ranges
from turnout.domain.passwords import ROUNDS, Credential, check_credentials, credential
from turnout.domain.protecting import changed
from turnout.domain.protection import Maintenance, Protection, check_protection, from_json, to_json
from turnout.domain.protection_documents import ProtectionBody

GOLDEN = Path(__file__).parent / "golden" / "protection.json"
SALT = bytes(range(16))
HASH = f"pbkdf2-sha256$1${'0' * 32}${'f' * 64}"

ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)
ranges = (
    (ipv4 | ipv6)
    .flatmap(
        lambda address: st.integers(1, address.max_prefixlen).map(
            lambda prefix: str(ipaddress.ip_network((address, prefix), strict=False))
        )
    )
    .filter(lambda text: "::ffff:" not in text)
)
names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20).map("x-a{}".format)
values = st.text(string.ascii_letters + string.digits + "%;=/\"'", min_size=1, max_size=50)
rules = st.builds(
    lambda side, name, value: HeaderRule(
        side=side, action=Action.REMOVE if value is None else Action.SET, name=name, value=value
    ),
    st.sampled_from(Side),
    names,
    st.none() | values,
)
protections = st.builds(
    Protection,
    allow=st.lists(ranges, unique=True, max_size=5).map(tuple),
    basic_auth=st.lists(st.sampled_from("abcdef"), unique=True).map(
        lambda users: tuple(
            Credential(user=user, hash=f"pbkdf2-sha256$1${'0' * 32}${'f' * 64}") for user in sorted(users)
        )
    ),
    maintenance=st.none()
    | st.builds(
        Maintenance,
        retry_after=st.integers(1, 604_800),
        page=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200),
        let_in=st.lists(ranges, unique=True, max_size=3).map(tuple),
    ),
    headers=st.lists(rules, unique_by=lambda rule: (rule.side, rule.name), max_size=5).map(tuple),
)


# ------------------------------------------------------------------------------------------- JSON


@given(protections)
def test_round_trip(protection: Protection) -> None:
    """What is written is read back, and the same protection is always the same text."""
    assert from_json(to_json(protection)) == protection
    assert to_json(from_json(to_json(protection))) == to_json(protection)


def test_as_a_person_reads_it_in_the_database() -> None:
    """Compared as text: names, order and indentation are part of it, and what is off is absent."""
    full = Protection(
        allow=("10.0.0.0/8", "2001:db8::/32"),
        basic_auth=(credential("alice", "correct horse", salt=SALT),),
        maintenance=Maintenance(retry_after=120, page="<h1>Soon</h1>", let_in=("192.0.2.7/32",)),
        headers=(parse_header_rule("set response X-Robots-Tag: noindex"), parse_header_rule("remove request Cookie")),
    )
    assert to_json(full) + "\n" == GOLDEN.read_text()
    assert json.loads(to_json(Protection())) == {"version": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        '{"version": 2}',
        '{"version": 1, "alow": []}',
        '{"version": 1, "allow": [7]}',
        '{"version": 1, "allow": ["everywhere"]}',
        '{"version": 1, "allow": null}',
        '{"version": 1, "basicAuth": [{"user": "alice"}]}',
        '{"version": 1, "basicAuth": [{"user": "alice", "hash": "secret"}]}',
        '{"version": 1, "maintenance": {}}',
        '{"version": 1, "maintenance": {"retryAfterSeconds": true}}',
        '{"version": 1, "headers": [{"side": "request", "action": "set", "name": "host", "value": "a"}]}',
        '{"version": 1, "headers": ["x"]}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_invalid(text: str) -> None:
    """A protection that cannot be understood is refused whole: half of one protects nothing."""
    with pytest.raises(Invalid):
        from_json(text)


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_arbitrary_text_raises_nothing_else(text: str) -> None:
    """Reading ends with a protection or with Invalid."""
    with suppress(Invalid):
        from_json(text)


# ----------------------------------------------------------------------------------------- ranges


@given(ranges)
def test_every_range_is_kept_as_it_is(text: str) -> None:
    """The one spelling of a range is its own."""
    assert check_range(text) == text
    assert check_range(f" {text.upper()} ") == text


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:DB8:0::1", "2001:db8::1/128"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_other_spellings_become_that_one(written: str, kept: str) -> None:
    """An address is a range of itself."""
    assert check_range(written) == kept


@pytest.mark.parametrize(
    "text",
    ["", "*", "10.0.0.1/8", "10.0.0.0/33", "010.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1", "a" * 100],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    """In one sentence that does not repeat everything that was written."""
    with pytest.raises(Invalid, match="as an address range") as refused:
        check_range(text)
    assert len(refused.value.detail) < 200


def test_a_list_has_no_repeats_and_an_end() -> None:
    """Two spellings of one range are one."""
    assert check_ranges(["10.0.0.0/8", "10.0.0.0/255.0.0.0"]) == ("10.0.0.0/8",)
    with pytest.raises(Invalid, match="256 at most"):
        check_ranges(f"10.0.{n // 256}.{n % 256}" for n in range(257))


# ---------------------------------------------------------------------------------------- headers


@given(rules)
def test_a_rule_is_read_as_it_is_written(rule: HeaderRule) -> None:
    """With any capital letters in the name, and any value."""
    value = "" if rule.value is None else f":  {rule.value} "
    assert parse_header_rule(f"{rule.action} {rule.side} {rule.name.upper()}{value}") == rule


@given(st.text())
def test_arbitrary_rules_are_read_or_refused(text: str) -> None:
    """And what was read is never something that a message may not have."""
    with suppress(Invalid):
        rule = parse_header_rule(text)
        assert rule.name == rule.name.lower()
        assert not set(rule.name + (rule.value or "")) & set("\r\n\0")


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Host",
        "Content-Length", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "X-Envoy-Original-Path",
        "X-Turnout-Key-Id", "X-Request-Id", "traceparent", "tracestate", ":authority", ":path", "X_Forwarded_For",
        "a b", "", "é", "x" * 129, "x%", "x:", "x\r\ny",
    ],
)  # fmt: skip
@pytest.mark.parametrize("action", ["set", "remove"])
def test_headers_that_are_not_ours_to_change_are_refused(name: str, action: str) -> None:
    """They say how a message is read, belong to one connection, or are the gateway's own."""
    with pytest.raises(Invalid):
        header_rule(side="request", action=action, name=name, value="1" if action == "set" else None)


@pytest.mark.parametrize("value", ["", " a", "a ", "a\r\nb: c", "a\nb", "\0", "ü", "a" * 4097, None])
def test_values_that_would_be_another_header_are_refused(value: str | None) -> None:
    """Without repeating them."""
    with pytest.raises(Invalid, match="its value has to be"):
        header_rule(side="response", action="set", name="x-a", value=value)


@pytest.mark.parametrize("text", ["", "set", "set response", "put response a: b", "set answer a: b", "set response a"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    """With the form that it should have."""
    with pytest.raises(Invalid):
        parse_header_rule(text)


def test_two_rules_about_one_header_may_only_both_add() -> None:
    """Which of the two comes last would be a guess."""
    one, other = parse_header_rule("add response A: 1"), parse_header_rule("add response A: 2")
    assert check_rules([one, other, one]) == (one, other)
    for contradicting in ("set response A: 3", "remove response a"):
        with pytest.raises(Invalid, match="two rules about a"):
            check_rules([one, parse_header_rule(contradicting)])
    assert len(check_rules([one, parse_header_rule("remove request A")])) == 2
    with pytest.raises(Invalid, match="64 at most"):
        check_rules(parse_header_rule(f"set response a{n}: 1") for n in range(65))


# -------------------------------------------------------------------------------------- passwords


def test_a_password_is_hashed_with_its_salt() -> None:
    """As any implementation of PBKDF2 does it."""
    digest = hashlib.pbkdf2_hmac("sha256", b"correct horse", SALT, ROUNDS).hex()
    assert credential("alice", "correct horse", salt=SALT).hash == f"pbkdf2-sha256${ROUNDS}${SALT.hex()}${digest}"


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 129, "a\nnew line!!", "nul\0 in between", "\ud800 no text at all"]
)
def test_passwords_that_are_too_weak_or_no_text_are_refused(password: str) -> None:
    """And never repeated."""
    with pytest.raises(Invalid) as refused:
        credential("alice", password, salt=SALT)
    assert not password or password not in refused.value.detail


@pytest.mark.parametrize("user", ["", "a:b", "a b", "-a", "ä", "x" * 65, "a\n"])
def test_names_that_basic_auth_cannot_carry_are_refused(user: str) -> None:
    """A colon above all: it would end the name."""
    with pytest.raises(Invalid, match="as a name"):
        credential(user, "correct horse", salt=SALT)


def test_at_most_32_names() -> None:
    """Sorted by name."""
    made = [Credential(user=f"u{n}", hash=HASH) for n in range(33)]
    assert [each.user for each in check_credentials(made[2:0:-1])] == ["u1", "u2"]
    with pytest.raises(Invalid, match="32 at most"):
        check_credentials(made)


# ---------------------------------------------------------------------------------------- changes


def change(before: Protection, body: dict[str, Any], **credentials: Credential | None) -> Protection:
    """Change by a body of the API."""
    return check_protection(changed(before, ProtectionBody.model_validate(body), credentials))


@given(protections, st.sampled_from(["allow", "basic_auth", "maintenance", "headers"]))
def test_null_switches_a_part_off_and_leaves_the_others(before: Protection, part: str) -> None:
    """What is not named stays as it is."""
    after = change(before, {part: None})
    for each in ("allow", "basic_auth", "maintenance", "headers"):
        expected = getattr(Protection() if each == part else before, each)
        assert getattr(after, each) == expected


def test_names_come_beside_the_others_and_go_one_by_one() -> None:
    """A password that is set anew takes the place of the one before."""
    alice, again, bob = (
        credential(user, password, salt=SALT)
        for user, password in [("alice", "first password"), ("alice", "other password"), ("bob", "first password")]
    )
    both = change(
        change(Protection(), {"basic_auth": {"alice": "x"}}, alice=alice), {"basic_auth": {"bob": "x"}}, bob=bob
    )
    assert both.basic_auth == (alice, bob)
    assert change(both, {"basic_auth": {"alice": "x"}}, alice=again).basic_auth == (again, bob)
    assert change(both, {"basic_auth": {"alice": None}}, alice=None).basic_auth == (bob,)
    with pytest.raises(NotFound, match="carol"):
        change(both, {"basic_auth": {"carol": None}}, carol=None)


def test_a_change_that_names_nothing_is_refused() -> None:
    """It was meant otherwise."""
    with pytest.raises(Invalid, match="say what"):
        change(Protection(), {})


@pytest.mark.parametrize(
    "maintenance",
    [{"retry_after": 0}, {"retry_after": 604_801}, {"page": ""}, {"page": "ü" * 8193}, {"let_in": ["me"]}],
)
def test_maintenance_has_limits(maintenance: dict[str, Any]) -> None:
    """A page is small, because every gateway holds it for every domain."""
    with pytest.raises(Invalid):
        change(Protection(), {"maintenance": maintenance})
