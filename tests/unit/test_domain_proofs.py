"""What proves a name, and for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.challenges import check_challenge
from turnout.domain.errors import Invalid
from turnout.domain.proofs import (
    Claim,
    Finding,
    NotSeenError,
    ProofMethod,
    judge_page,
    judge_records,
)
from turnout.proofs import NetProver, is_public

CLAIM = Claim(fqdn="app.example.com", project_id="prj_1", token="0123abcd")


def test_what_the_owner_publishes() -> None:
    """Names and texts as the guide says them."""
    assert CLAIM.record_name == "_turnout.app.example.com"
    assert CLAIM.record_value == "turnout-verify=0123abcd"
    assert CLAIM.http_path == "/.well-known/turnout/0123abcd"
    check_challenge(CLAIM.http_path, CLAIM.http_answer)


@pytest.mark.parametrize("other", [{"fqdn": "b.example.com"}, {"project_id": "prj_2"}, {"token": "0123abce"}])
def test_one_projects_page_proves_nothing_for_another(other: dict[str, str]) -> None:
    """The answer is bound to token, name and project."""
    assert judge_page(replace(CLAIM, **other), CLAIM.http_answer) is not None


def test_a_server_that_echoes_proves_nothing() -> None:
    """What is asked for does not hold the answer."""
    for echo in (CLAIM.http_path, CLAIM.token, CLAIM.record_value, f"cannot GET {CLAIM.http_path}", ""):
        assert judge_page(CLAIM, echo) == "it answers with something else"
    assert CLAIM.token not in CLAIM.http_answer


@given(st.lists(st.text(max_size=200), max_size=8))
def test_a_record_among_others_proves_it(others: list[str]) -> None:
    """Order and neighbours do not matter; without it the problem is short and quotes what there was."""
    assert judge_records(CLAIM, (*others, f" {CLAIM.record_value} ")) is None
    without = tuple(text for text in others if text.strip() != CLAIM.record_value)
    problem = judge_records(CLAIM, without)
    assert problem is not None
    assert CLAIM.record_value in problem


class Told:
    """DNS and web as a test says."""

    def __init__(self, records: object, page: object) -> None:
        self._records, self._page = records, page

    async def txt(self, name: str) -> tuple[str, ...]:
        assert name == CLAIM.record_name
        if isinstance(self._records, Exception):
            raise self._records
        return self._records  # type: ignore[return-value]

    async def text(self, host: str, path: str) -> str:
        assert (host, path) == (CLAIM.fqdn, CLAIM.http_path)
        if isinstance(self._page, Exception):
            raise self._page
        return self._page  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("records", "page", "finding"),
    [
        ((CLAIM.record_value,), NotSeenError("no"), Finding(method=ProofMethod.TXT, problem=None)),
        ((CLAIM.record_value,), CLAIM.http_answer, Finding(method=ProofMethod.TXT, problem=None)),
        (NotSeenError("none"), f"{CLAIM.http_answer}\n", Finding(method=ProofMethod.HTTP, problem=None)),
        (
            NotSeenError("there is none"),
            NotSeenError("it leads nowhere"),
            Finding(method=None, problem="DNS: there is none. HTTP: it leads nowhere."),
        ),
    ],
)
async def test_one_look(records: object, page: object, finding: Finding) -> None:
    """The record comes first; what was seen of both is told when neither proves it."""
    told = Told(records, page)
    assert await NetProver(records=told, pages=told).look(CLAIM) == finding


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1",
        "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "fec0::1", "::127.0.0.1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "localhost", "", "1.2.3", "0x7f.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    """Also those that wear another coat."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_addresses_that_are(address: str) -> None:
    """In either family."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", "x"),
        ("/.well-known/turnout/", "x"),
        ("/.well-known/acme-challenge/../x", "x"),
        ("/.well-known/acme-challenge/..", "x"),
        ("/.well-known/a/b?c", "x"),
        ("/.well-known/a/b/c", "x"),
        ("/.well-known/a/*", "x"),
        ("/.well-known/a/b", "x" * 4097),
        ("/.well-known/a/b", "\x00"),
        ("/.well-known/a/b", "ü"),
    ],
)
def test_what_no_gateway_answers(path: str, body: str) -> None:
    """A challenge is no way to serve pages."""
    with pytest.raises(Invalid, match="cannot answer this challenge"):
        check_challenge(path, body)
