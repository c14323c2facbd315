"""Custom domains as a person uses them: a name of one's own, from the record in DNS to the last request."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dns_kit import NameServer
from tests.kit import App, Traffic, Turnout, until


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def turnout(tmp_path: Path, dns: NameServer) -> Iterator[Turnout]:
    """One that asks our name server, and fetches proofs where its own gateway listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    turnout = Turnout(
        tmp_path / "home",
        TURNOUT_GATEWAY_PORT=str(port),
        TURNOUT_DNS_RESOLVERS=dns.address,
        TURNOUT_DOMAINS_HTTP_PORT=str(port),
        TURNOUT_DOMAINS_PRIVATE_ADDRESSES="allow",
        TURNOUT_DOMAINS_RECHECK_SECONDS="0.5",
        TURNOUT_DOMAINS_RECHECK_LONGEST_SECONDS="1",
    )
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


def test_a_name_of_ones_own(turnout: Turnout, dns: NameServer, tmp_path: Path) -> None:
    """Asked for before the first deploy, proved when the record appears, moved by every switch, and given up."""
    app, fqdn = App(turnout, tmp_path, "shop"), "app.example.com"
    of = ("--project", "shop")
    added = turnout.ok("domains", "add", "App.Example.com", *of)
    assert (added["fqdn"], added["status"]) == (fqdn, "pending")
    early = turnout.run("domains", "verify", fqdn, *of)
    assert (early.code, early.document["status"]) == (1, "pending")
    assert "there is no TXT record _turnout.app.example.com" in early.document["problem"]

    v1 = app.deploy("v1")
    assert turnout.get(fqdn).status_code == 404
    dns.say(added["txt"]["name"], "TXT", "v=spf1 -all", added["txt"]["value"])
    until(lambda: state(turnout, fqdn) == "verified", what="it is found without anybody asking")
    assert turnout.ok("domains", "verify", fqdn, *of)["deployment_id"] == v1["deployment_id"]
    assert turnout.serves(fqdn) == "v1"
    assert turnout.serves(fqdn.upper()) == "v1"
    live = app.deployment(v1["deployment_id"])
    assert {"fqdn": fqdn, "sticky": "live"}.items() <= next(
        each for each in live["domains"] if each["fqdn"] == fqdn
    ).items()

    with Traffic(turnout, fqdn) as traffic:
        v2 = app.deploy("v2")
        assert turnout.serves(fqdn) == "v2"
        assert fqdn in {each["fqdn"] for each in v2["domains"]}
        app.rollback()
        assert turnout.serves(fqdn) == "v1"
    assert traffic.failures == []

    taken = turnout.run("domains", "add", fqdn, "--project", "blog")
    assert (taken.code, taken.problem["status"]) == (1, 409)
    assert "the project shop has proved it already" in taken.problem["detail"]
    removed = turnout.ok("domains", "rm", fqdn, *of)
    assert removed["problem"] is None
    assert turnout.get(fqdn).status_code == 404
    assert app.serves() == "v1"
    assert app.deploy("v3")
    assert turnout.get(fqdn).status_code == 404
    assert turnout.run("domains", "rm", fqdn, *of).problem["status"] == 404

    the_gateway_answers_for_a_name_that_leads_to_it(turnout, dns)


def the_gateway_answers_for_a_name_that_leads_to_it(turnout: Turnout, dns: NameServer) -> None:
    """No record and no file: pointing the name here is enough, as long as there is one workspace."""
    fqdn, shown = "xn--bcher-kva.example", "bücher.example"
    told = subprocess.run(
        [sys.executable, "-m", "turnout", "domains", "add", shown, "--project", "shop"],
        env=turnout.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"{shown} has to be proved" in told
    assert "answers it by itself" in told
    (pending,) = turnout.ok("domains", "ls", "--project", "shop")["domains"]
    path = pending["http"]["url"].partition(fqdn)[2]
    until(lambda: turnout.get(fqdn, path).text == pending["http"]["body"], what="the gateway answers the challenge")
    assert turnout.get(fqdn).status_code == 404
    dns.say(fqdn, "A", "127.0.0.1")
    verified = turnout.ok("domains", "verify", shown, "--project", "shop")
    assert (verified["status"], verified["method"]) == ("verified", "http")
    assert turnout.serves(fqdn)
    assert turnout.get(fqdn, path).text != pending["http"]["body"], "the challenge went with the proof"


def state(turnout: Turnout, fqdn: str) -> Any:
    """How far the proof of a name has got."""
    listed = turnout.ok("domains", "ls", "--project", "shop")["domains"]
    return next(each["status"] for each in listed if each["fqdn"] == fqdn)
