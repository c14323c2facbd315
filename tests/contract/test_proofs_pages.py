"""The fetching of pages, and one look at everything, against real web servers, friendly and not."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.contract.proof_kit import CLAIM, HOST, Respond, dns, lookups, page, pages, problem_of, web
from tests.dns_kit import NameServer
from tests.faults.rows import Row
from turnout.domain.proofs import Finding, ProofMethod
from turnout.proofs import Lookups, NetProver, WebPages

__all__ = ["dns", "lookups"]  # fixtures


async def test_a_page_is_asked_for_as_its_own_host(dns: NameServer, lookups: Lookups) -> None:
    """At the address that DNS said, with the name in the Host header and no secrets of ours."""
    async with web(page("hello")) as served:
        assert await pages(dns, lookups, served).text(HOST, "/.well-known/turnout/x") == "hello"
    (request,) = served.requests
    assert request.startswith("GET /.well-known/turnout/x HTTP/1.1\r\n")
    assert f"host: {HOST}:{served.port}\r\n" in request.lower()
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0"])
async def test_private_addresses_are_not_connected_to(dns: NameServer, lookups: Lookups, address: str) -> None:
    """The name says where this request goes, and it may say our own network."""
    dns.say(HOST, "A", address)
    async with web(page("the metadata of this machine")) as served:
        problem = await problem_of(pages(dns, lookups, served, private=False).text(HOST, "/x"))
    assert problem == f"{HOST} leads to {address}, which is no public address"
    assert served.requests == []


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1", "fe80::1", "64:ff9b::7f00:1"])
async def test_nor_are_those_of_ipv6(dns: NameServer, lookups: Lookups, address: str) -> None:
    """Whatever they are dressed up as."""
    dns.say(HOST, "A")
    dns.say(HOST, "AAAA", address)
    async with web(page("secret")) as served:
        assert "no public address" in await problem_of(pages(dns, lookups, served, private=False).text(HOST, "/x"))
    assert served.requests == []


@pytest.mark.fault(Row.HOSTILE)
async def test_a_name_that_changes_its_mind_is_asked_once(
    dns: NameServer, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: public when it is looked at, loopback when it is connected to. Only the first answer counts."""
    monkeypatch.setattr("turnout.proofs.pages.is_public", lambda address: address == "127.0.0.1")
    dns.say(HOST, "A", "127.0.0.2")
    dns.turns[(HOST, "A")] = deque([["127.0.0.1"]])
    async with web(page("hello")) as served:
        found = await WebPages(lookups, port=served.port, timeout=5.0).text(HOST, "/x")
    assert found == "hello"
    assert dns.asked[(HOST, "A")] == 1


async def test_redirects_stay_with_the_host(dns: NameServer, lookups: Lookups) -> None:
    """On the same host and port they are followed, without another lookup; for ever they are not."""

    async def respond(request: str, writer: asyncio.StreamWriter) -> None:
        path = request.split()[1]
        writer.write(page("", "302 Found", "location: /there") if path == "/here" else page("found"))
        await writer.drain()

    async with web(respond) as served:
        assert await pages(dns, lookups, served).text(HOST, "/here") == "found"
        assert dns.asked[(HOST, "A")] == 1
    async with web(page("", "301 Moved", "location: /again")) as served:
        assert "more than 3 times" in await problem_of(pages(dns, lookups, served).text(HOST, "/x"))
        assert len(served.requests) == 4


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/",
        "http://other.example.com:{port}/",
        "//other.example.com:{port}/",
        "https://app.example.com:{port}/",
        "http://app.example.com/",
        "http://user:pw@app.example.com:{port}/",
        "http://app.example.com:{port}@127.0.0.1:{other}/",
        "gopher://127.0.0.1:{other}/",
    ],
)
async def test_redirects_elsewhere_are_not_followed(dns: NameServer, lookups: Lookups, location: str) -> None:
    """To no other host, port or protocol; it is said what to do instead."""
    dns.say("other.example.com", "A", "127.0.0.1")
    async with web(page("secret")) as other:

        async def respond(request: str, writer: asyncio.StreamWriter) -> None:
            to = location.format(other=other.port, port=served.port)
            writer.write(page("", "302 Found", f"location: {to}"))
            await writer.drain()

        async with web(respond) as served:
            assert "redirects" in await problem_of(pages(dns, lookups, served).text(HOST, "/x"))
            assert len(served.requests) == 1
    assert other.requests == []


@pytest.mark.fault(Row.HOSTILE)
async def test_large_answers_are_not_read(dns: NameServer, lookups: Lookups) -> None:
    """Not the honest ones, not those without an end, not those that unpack to more."""

    async def endless(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    bodies: tuple[Respond | bytes, ...] = (endless, page("x" * 5000))
    for body in bodies:
        async with web(body) as served:
            assert "more than 4096 bytes" in await problem_of(pages(dns, lookups, served).text(HOST, "/x"))

    async def headers_without_end(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-more: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with web(headers_without_end) as served:
        assert "cannot be asked" in await problem_of(pages(dns, lookups, served).text(HOST, "/x"))


@pytest.mark.fault(Row.HOSTILE)
async def test_slow_answers_are_not_waited_for(dns: NameServer, lookups: Lookups) -> None:
    """The whole of it has one deadline: a byte now and then does not prolong it."""

    async def drip(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with web(drip) as served:
        problem = await problem_of(pages(dns, lookups, served, timeout=0.5).text(HOST, "/x"))
    assert problem == f"{HOST} did not answer within 0.5 s"


BROKEN = page("", "302 Found", "location: http://[::1")


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "said", [page("no", "404 Not Found"), page("boom", "500 Oops"), b"", b"nonsense\r\n\r\n", BROKEN]
)
async def test_bad_answers_are_told_without_their_content(dns: NameServer, lookups: Lookups, said: bytes) -> None:
    """What a server says is never repeated to whoever sent us there."""
    async with web(said) as served:
        problem = await problem_of(pages(dns, lookups, served).text(HOST, "/x"))
    assert problem.startswith(HOST)
    assert "boom" not in problem
    assert "nonsense" not in problem


async def test_nobody_listens(dns: NameServer, lookups: Lookups) -> None:
    """Told with the address."""
    async with web(b"") as served:
        pass
    assert "(127.0.0.1) cannot be asked" in await problem_of(pages(dns, lookups, served).text(HOST, "/x"))


async def test_one_look_at_both(dns: NameServer, lookups: Lookups) -> None:
    """Nothing, the page, the record: what proves it, or all that was seen."""

    async def respond(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(page(CLAIM.http_answer + "\n") if CLAIM.http_path in request else page("no", "404 Not Found"))
        await writer.drain()

    async with web(page("something else")) as served:
        nothing = await NetProver(records=lookups, pages=pages(dns, lookups, served)).look(CLAIM)
    assert nothing == Finding(
        method=None,
        problem=f"DNS: there is no TXT record _turnout.{HOST}. HTTP: it answers with something else.",
    )
    async with web(respond) as served:
        prover = NetProver(records=lookups, pages=pages(dns, lookups, served))
        assert (await prover.look(CLAIM)).method is ProofMethod.HTTP
        dns.say(CLAIM.record_name, "TXT", "turnout-verify=somebody-elses")
        assert (await prover.look(CLAIM)).method is ProofMethod.HTTP
        dns.say(CLAIM.record_name, "TXT", "turnout-verify=somebody-elses", CLAIM.record_value)
        assert await prover.look(CLAIM) == Finding(method=ProofMethod.TXT, problem=None)
