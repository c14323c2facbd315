"""What an Envoy is told of certificates: every question is answered, nothing is said twice, and time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificates_kit import DAY, local_root
from tests.gateway_kit import HOST, NOW, Gateway
from turnout.domain.views import CertificateView
from turnout.gateway import protos
from turnout.gateway.handshakes import Handshakes
from turnout.gateway.messages import Push
from turnout.gateway.resources import Kind
from turnout.gateway.secrets import Secrets


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """It routes one host and has a certificate for it."""
    gateway = Gateway(tmp_path)
    gateway.route(HOST, "hello.localhost")
    gateway.learn(gateway.certificate(HOST))
    return gateway


def said(pushes: Iterable[Push]) -> list[str]:
    """`name=version` for each secret, `-name` for each removal."""
    return [
        text
        for push in pushes
        for text in (
            *(f"{each.name}={each.version}" for each in push.resources),
            *(f"-{name}" for name in push.removed),
        )
    ]


def test_a_name_that_is_served_gets_its_secret_and_any_other_a_removal(gateway: Gateway) -> None:
    """Both are answers; without one the client would wait."""
    pushes = gateway.ask(HOST, "nobody.example")
    assert said(pushes) == [f"{HOST}=crt_1", "-nobody.example"]
    secret = protos.Secret.FromString(pushes[0].resources[0].body)
    assert secret.name == HOST
    assert secret.tls_certificate.private_key.inline_bytes.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert b"PRIVATE" not in repr(pushes).encode()


def test_a_name_is_spelled_back_as_it_was_asked_for(gateway: Gateway) -> None:
    """Envoy knows it under no other."""
    (push,) = gateway.ask("SHOP.example")
    assert push.resources[0].name == protos.Secret.FromString(push.resources[0].body).name == "SHOP.example"


def test_what_envoy_has_already_is_not_sent_again(gateway: Gateway) -> None:
    """After a reconnect it names its versions; one that is out of date is replaced."""
    assert gateway.ask(HOST, held={HOST: "crt_1"}) == []
    gateway.stream = Handshakes(gateway.secrets)
    assert said(gateway.ask(HOST, "gone.example", held={HOST: "crt_0", "gone.example": "crt_9"})) == [
        f"{HOST}=crt_1",
        "-gone.example",
    ]


def test_a_change_is_told_to_those_it_concerns(gateway: Gateway) -> None:
    """One resource for one certificate; nothing for names that nobody asked for."""
    gateway.ask(HOST)
    assert said(gateway.learn(gateway.certificate("other.example", as_id="crt_2"))) == []
    assert said(gateway.learn(gateway.certificate(HOST, as_id="crt_3"))) == [f"{HOST}=crt_3"]
    assert said(gateway.learn(replace(gateway.certificate(HOST, as_id="crt_3"), key=None))) == [f"{HOST}=crt_1"]
    assert said(gateway.learn(replace(gateway.certificate(HOST), key=None))) == [f"-{HOST}"]
    assert said(gateway.learn(gateway.certificate(HOST, as_id="crt_4"))) == []  # nobody waits for it
    assert said(gateway.ask(HOST)) == [f"{HOST}=crt_4"]


def test_when_a_certificate_ends_another_one_takes_over(gateway: Gateway) -> None:
    """By the clock alone; the last one stays, expired, since a warning says more than silence."""
    gateway.learn(gateway.certificate("*.example", as_id="crt_wild", ends=20 * DAY))
    gateway.now += timedelta(seconds=1)
    gateway.learn(gateway.certificate(HOST, as_id="crt_short", ends=DAY))
    assert said(gateway.ask(HOST)) == [f"{HOST}=crt_short"]
    assert gateway.stream.look_again() == []
    gateway.now += 2 * DAY
    assert said(gateway.stream.look_again()) == [f"{HOST}=crt_1"]
    gateway.now += 60 * DAY
    assert said(gateway.stream.look_again()) == [f"{HOST}=crt_short"]
    assert gateway.stream.look_again() == []


def test_local_certificates_are_issued_when_asked_for_and_again_before_they_end(gateway: Gateway) -> None:
    """A restarted process knows by the version until when the one that Envoy has is good."""
    host = "hello.localhost"
    gateway.learn(local_root(gateway.boxes, NOW))
    (push,) = gateway.ask(host)
    version = push.resources[0].version
    assert gateway.stream.look_again() == []
    restarted = Handshakes(Secrets(gateway.state, gateway.boxes, clock=lambda: gateway.now))
    assert restarted.subscribe(Kind.SECRET, [host], {host: version}) == []
    gateway.now += 21 * DAY
    (again,) = gateway.stream.look_again()
    assert again.resources[0].version != version
    assert said(gateway.learn(local_root(gateway.boxes, NOW, "crt_new_root")))[0].startswith(f"{host}=crt_new_root.")


def test_an_expired_upload_makes_room_for_the_local_authority(gateway: Gateway) -> None:
    """Local names always have something valid."""
    host = "hello.localhost"
    gateway.learn(local_root(gateway.boxes, NOW), gateway.certificate(host, as_id="crt_2", ends=DAY))
    assert said(gateway.ask(host)) == [f"{host}=crt_2"]
    gateway.now += 2 * DAY
    assert said(gateway.stream.look_again())[0].startswith(f"{host}=crt_root.")


def test_a_refused_secret_is_not_sent_again_until_there_is_another(gateway: Gateway) -> None:
    """Whoever waits is let go; an Envoy that has an older one keeps it."""
    (push,) = gateway.ask(HOST)
    assert said(gateway.stream.nack(push.nonce, "bad")) == [f"-{HOST}"]
    gateway.stream.unsubscribe(Kind.SECRET, [HOST])
    assert said(gateway.ask(HOST)) == [f"-{HOST}"]
    (better,) = (gateway.learn(gateway.certificate(HOST, as_id="crt_2")), gateway.ask(HOST))[1]
    assert gateway.stream.ack(better.nonce) == []
    (worse,) = gateway.learn(gateway.certificate(HOST, as_id="crt_3"))
    assert gateway.stream.nack(worse.nonce, "bad") == []
    assert gateway.stream.look_again() == []


class Play:
    """A gateway and its Envoy, which asks, answers late, and forgets what it is told is gone."""

    def __init__(self, folder: Path) -> None:
        self.gateway = Gateway(folder)
        self.added: list[CertificateView] = []
        self.waiting: set[str] = set()
        self.has: dict[str, str] = {}
        self.unanswered: list[Push] = []

    def ask(self, name: str) -> None:
        if name not in self.has:
            self.waiting.add(name)
            self._hear(self.gateway.ask(name))

    def add(self, name: str) -> None:
        days = 10 + len(self.added)
        self.added.append(self.gateway.certificate(name, as_id=f"crt_{len(self.added)}", ends=days * DAY))
        self._hear(self.gateway.learn(self.added[-1]))

    def drop(self, number: int) -> None:
        if number < len(self.added):
            self._hear(self.gateway.learn(replace(self.added[number], key=None)))

    def route(self, hosts: set[str]) -> None:
        self.gateway.route(*hosts)
        self.pass_days(0)

    def pass_days(self, days: int) -> None:
        self.gateway.now += days * DAY
        self._hear(self.gateway.stream.look_again())

    def answer(self, _: None) -> None:
        if self.unanswered:
            push = self.unanswered.pop(0)
            gone = [name for name in push.removed if name not in self.has]
            self.gateway.stream.unsubscribe(Kind.SECRET, gone)
            self.gateway.stream.ack(push.nonce)

    def reconnect(self, _: None) -> None:
        self.gateway.stream, self.unanswered = Handshakes(self.gateway.secrets), []
        self._hear(self.gateway.ask(*self.has, held=dict(self.has)))

    def _hear(self, pushes: Iterable[Push]) -> None:
        for push in pushes:
            self.unanswered.append(push)
            for each in push.resources:
                self.has[each.name] = each.version
                self.waiting.discard(each.name)
            for name in push.removed:
                self.has.pop(name, None)
                self.waiting.discard(name)


ACTIONS = st.one_of(
    st.tuples(st.just(Play.ask), st.sampled_from([HOST, "Shop.example", "b.shop.example", "nobody.example"])),
    st.tuples(st.just(Play.add), st.sampled_from([HOST, "*.shop.example", "other.example"])),
    st.tuples(st.just(Play.drop), st.integers(0, 9)),
    st.tuples(st.just(Play.route), st.sets(st.sampled_from([HOST, "b.shop.example"]), max_size=2)),
    st.tuples(st.just(Play.answer), st.none()),
    st.tuples(st.just(Play.pass_days), st.integers(1, 20)),
    st.tuples(st.just(Play.reconnect), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_whatever_happens_nobody_waits_and_everybody_has_what_is_chosen(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[Callable[[Play, Any], None], Any]]
) -> None:
    """Adding, removing, routing, time, reconnects and late answers in any order."""
    play = Play(tmp_path_factory.mktemp("vault"))
    for action, with_what in actions:
        action(play, with_what)
        assert not play.waiting
        for name, version in play.has.items():
            assert play.gateway.secrets.is_good(name.lower(), version)
