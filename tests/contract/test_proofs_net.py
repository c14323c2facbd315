"""The checkers against a real name server and real web servers, friendly and not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.dns_kit import NameServer
from turnout.domain.proofs import Claim, Finding, NotSeenError, ProofMethod
from turnout.proofs import Lookups, NetProver, WebPages

HOST = "app.example.com"
CLAIM = Claim(fqdn=HOST, project_id="prj_1", token="0123abcd")


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def lookups(dns: NameServer) -> Lookups:
    return Lookups(resolvers=[("127.0.0.1", dns.port)], timeout=2.0)


Respond = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """A web server that says exactly these bytes."""

    port: int = 0
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def web(respond: Respond | bytes) -> AsyncIterator[Web]:
    """Answers each request by `respond`, and closes."""
    served = Web()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            served.requests.append(request)
            if isinstance(respond, bytes):
                writer.write(respond)
                await writer.drain()
            else:
                await respond(request, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


def page(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    lines = (f"HTTP/1.1 {status}", f"content-length: {len(body.encode())}", "connection: close", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def pages(dns: NameServer, lookups: Lookups, served: Web, *, private: bool = True, timeout: float = 5.0) -> WebPages:
    """The name leads to this machine, at the server's port."""
    if (HOST, "A") not in dns.records:
        dns.say(HOST, "A", "127.0.0.1")
    return WebPages(lookups, port=served.port, timeout=timeout, private=private)


async def problem_of(work: Awaitable[object]) -> str:
    """Why nothing was seen."""
    with pytest.raises(NotSeenError) as refused:
        await work
    return str(refused.value)


async def test_txt_records(dns: NameServer, lookups: Lookups) -> None:
    """All of them; the strings of one are one text."""
    dns.say("_turnout.app.example.com", "TXT", "v=spf1", "turnout-verify=1")
    dns.records[("long.example.com", "TXT")] = ['"one" "two"']
    assert set(await lookups.txt("_turnout.app.example.com")) == {"v=spf1", "turnout-verify=1"}
    assert await lookups.txt("long.example.com") == ("onetwo",)


async def test_records_behind_an_alias(dns: NameServer, lookups: Lookups) -> None:
    """It is common to delegate them; an alias that leads nowhere says nothing."""
    dns.say("_turnout.app.example.com", "CNAME", "proofs.example.net.")
    dns.say("proofs.example.net", "TXT", "turnout-verify=1")
    assert await lookups.txt("_turnout.app.example.com") == ("turnout-verify=1",)
    dns.say(HOST, "CNAME", "nowhere.example.net.")
    assert "leads nowhere" in await problem_of(lookups.addresses(HOST))


async def test_what_dns_does_not_say(dns: NameServer, lookups: Lookups) -> None:
    """No such name, none of that kind, a server that fails, one that is silent: each in its own words."""
    dns.say(HOST, "A", "192.0.2.1")
    assert await problem_of(lookups.txt("_turnout.app.example.com")) == (
        "there is no TXT record _turnout.app.example.com"
    )
    assert await problem_of(lookups.txt(HOST)) == f"there is no TXT record {HOST}"
    dns.broken = True
    assert "name servers fail" in await problem_of(lookups.txt(HOST))
    dns.broken, dns.silent = False, True
    quick = Lookups(resolvers=[("127.0.0.1", dns.port)], timeout=0.2)
    assert "no resolver answered" in await problem_of(quick.txt(HOST))


async def test_addresses_of_both_families(dns: NameServer, lookups: Lookups) -> None:
    """IPv4 first; IPv6 where there is no other."""
    dns.say(HOST, "A", "192.0.2.1", "192.0.2.2")
    dns.say(HOST, "AAAA", "2001:db8::1")
    assert set(await lookups.addresses(HOST)) == {"192.0.2.1", "192.0.2.2"}
    dns.say(HOST, "A")
    assert await lookups.addresses(HOST) == ("2001:db8::1",)
    dns.forget(HOST)
    assert "leads nowhere" in await problem_of(lookups.addresses(HOST))


async def test_a_page_is_asked_for_as_its_own_host(dns: NameServer, lookups: Lookups) -> None:
    """At the address that DNS said, with the name in the Host header and no secrets of ours."""
    async with web(page("hello")) as served:
        assert await pages(dns, lookups, served).text(HOST, "/.well-known/turnout/x") == "hello"
    (request,) = served.requests
    assert request.startswith("GET /.well-known/turnout/x HTTP/1.1\r\n")
    assert f"host: {HOST}:{served.port}\r\n" in request.lower()
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0"])
async def test_private_addresses_are_not_connected_to(dns: NameServer, lookups: Lookups, address: str) -> None:
    """The name says where this request goes, and it may say our own network."""
    dns.say(HOST, "A", address)
    async with web(page("the metadata of this machine")) as served:
        problem = await problem_of(pages(dns, lookups, served, private=False).text(HOST, "/x"))
    assert problem == f"{HOST} leads to {address}, which is no public address"
    assert served.requests == []


@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1", "fe80::1", "64:ff9b::7f00:1"])
async def test_nor_are_those_of_ipv6(dns: NameServer, lookups: Lookups, address: str) -> None:
    """Whatever they are dressed up as."""
    dns.say(HOST, "A")
    dns.say(HOST, "AAAA", address)
    async with web(page("secret")) as served:
        assert "no public address" in await problem_of(pages(dns, lookups, served, private=False).text(HOST, "/x"))
    assert served.requests == []


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
