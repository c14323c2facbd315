"""The name lookups against a real name server, friendly and not."""

from __future__ import annotations

from tests.contract.proof_kit import HOST, dns, lookups, problem_of
from tests.dns_kit import NameServer
from turnout.proofs import Lookups

__all__ = ["dns", "lookups"]  # fixtures


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
