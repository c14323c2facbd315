"""The ACME client against a real server: Pebble where there is one, and the one of this kit everywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from tests.acme_jws import encoded
from tests.acme_pebble import Pebble
from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.faults.rows import Row
from tests.support import patiently
from tests.workflows.lab import free_port
from turnout.acme import AcmeClient, ExternalAccount, external_account
from turnout.domain.errors import Invalid
from turnout.domain.issuing import Problem, ProblemKind
from turnout.domain.issuing_keys import KeyType, check_issued, new_key
from turnout.domain.issuing_ports import AcmeAccount, AcmeOrder, NotIssued, OrderStatus

NAME = "app.example.com"
_OVER = {OrderStatus.READY, OrderStatus.VALID, OrderStatus.INVALID}


@dataclass(frozen=True)
class World:
    """A server, the web server of every name, and a client."""

    server: AcmeServer | Pebble
    site: Site
    client: AcmeClient

    async def account(self, kind: KeyType = KeyType.ECDSA) -> AcmeAccount:
        key = new_key(kind)
        return AcmeAccount(url=await self.client.register(key), key_pem=key)

    async def prove(self, account: AcmeAccount, order: AcmeOrder, *, body: str | None = None) -> AcmeOrder:
        """Answer the challenge, and wait for what the server makes of it."""
        (authorisation,) = order.authorisations
        challenge = await self.client.challenge(account, authorisation)
        if challenge is not None:
            right = self.client.body(account, challenge)
            self.site.answers[(NAME, challenge.path)] = right if body is None else body
            await self.client.answer(account, authorisation)
        return await self.moved(account, order, OrderStatus.PENDING)

    async def moved(self, account: AcmeAccount, order: AcmeOrder, *beyond: OrderStatus) -> AcmeOrder:
        """The order, once its status is another one."""
        async with patiently(20):
            while True:
                found = await self.client.look(account, order.url)
                if found.status not in beyond:
                    return found
                await asyncio.sleep(0.05)

    async def obtain(self, account: AcmeAccount, key: str) -> str:
        """A whole certificate."""
        order = await self.prove(account, await self.client.order(account, NAME))
        assert order.status is OrderStatus.READY, order.problem
        await self.client.finalize(account, order, fqdn=NAME, key_pem=key)
        order = await self.moved(account, order, OrderStatus.READY, OrderStatus.PROCESSING)
        assert order.certificate_url is not None
        return await self.client.download(account, order.certificate_url)


def _client(server: AcmeServer | Pebble, external: ExternalAccount | None = None) -> AcmeClient:
    return AcmeClient(
        server.directory, contact="ops@example.com", ca_file=server.ca_file, external_account=lambda: external
    )


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[World]:
    """The server of the kit."""
    with Site() as site, AcmeServer(tmp_path, challenge_port=site.port) as server:
        yield World(server, site, _client(server))


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Pebble, which all tests share: each has an account of its own."""
    with Site() as site, Pebble(tmp_path_factory.mktemp("pebble"), challenge_port=site.port) as server:
        yield World(server, site, _client(server))


@pytest.fixture(params=["ours", "pebble"])
def world(request: pytest.FixtureRequest) -> World:
    """Either of them."""
    found: World = request.getfixturevalue(request.param)
    return found


def server_of(world: World) -> AcmeServer:
    """The server of the kit, which can be told to make trouble."""
    assert isinstance(world.server, AcmeServer)
    return world.server


async def refused(work: object) -> Problem:
    """What a call failed with."""
    with pytest.raises(NotIssued) as failed:
        await work  # type: ignore[misc]  # a coroutine
    return failed.value.problem


@pytest.mark.parametrize("kind", list(KeyType))
async def test_a_certificate_is_obtained(world: World, kind: KeyType) -> None:
    """Of the key that was made for it, for the name, from an account of either kind of key; clients believe it."""
    account, key = await world.account(kind), new_key(kind)
    chain = await world.obtain(account, key)
    pair = check_issued(chain, fqdn=NAME, key_pem=key, now=datetime.now(UTC))
    assert pair.not_before < datetime.now(UTC) < pair.not_after
    leaf, *above = x509.load_pem_x509_certificates(chain.encode())
    trusted = Store(x509.load_pem_x509_certificates(world.server.root_pem.encode()))
    PolicyBuilder().store(trusted).build_server_verifier(x509.DNSName(NAME)).verify(leaf, above)


async def test_a_key_has_one_account(world: World) -> None:
    """Asked for again, it is the same: a step that ran twice leaves no second one."""
    key = new_key(KeyType.ECDSA)
    assert await world.client.register(key) == await world.client.register(key)
    assert await world.client.register(new_key(KeyType.ECDSA)) != await world.client.register(key)


async def test_an_order_is_taken_up_again_by_its_address(world: World) -> None:
    """By another client, as after a restart: whatever is asked twice has happened once."""
    account, key = await world.account(), new_key(KeyType.ECDSA)
    order = await world.prove(account, await world.client.order(account, NAME))
    again = replace(world, client=_client(world.server))
    assert await again.prove(account, order) == await world.client.look(account, order.url)
    await world.client.finalize(account, order, fqdn=NAME, key_pem=key)
    order = await again.moved(account, order, OrderStatus.READY, OrderStatus.PROCESSING)
    assert order.certificate_url is not None
    first = await world.client.download(account, order.certificate_url)
    assert await again.client.download(account, order.certificate_url) == first
    check_issued(first, fqdn=NAME, key_pem=key, now=datetime.now(UTC))


async def test_a_name_without_the_right_answer_is_not_proved(world: World) -> None:
    """The order is invalid, and the server's own words say why."""
    account = await world.account()
    order = await world.prove(account, await world.client.order(account, NAME), body="something else")
    assert order.status is OrderStatus.INVALID
    assert order.problem is not None
    assert order.problem.kind is ProblemKind.UNPROVED
    assert "the ACME server said" in order.problem.detail


@pytest.mark.fault(Row.HOSTILE)
async def test_a_name_that_policy_forbids_is_refused_for_good(world: World) -> None:
    """Nothing that time could mend."""
    account = await world.account()
    problem = await refused(world.client.order(account, "shop.forbidden.example"))
    assert problem.kind is ProblemKind.REFUSED


async def test_an_account_that_the_server_has_forgotten_is_told_apart(world: World) -> None:
    """So that it is made again, instead of failing for ever."""
    account = replace(await world.account(), url=(await world.account()).url + "0000")
    problem = await refused(world.client.order(account, NAME))
    assert problem.kind is ProblemKind.ACCOUNT_LOST


async def test_an_order_that_the_server_has_forgotten_is_told_apart(world: World) -> None:
    """A new one may work."""
    account = await world.account()
    order = await world.client.order(account, NAME)
    problem = await refused(world.client.look(account, f"{order.url}0000"))
    assert problem.kind is ProblemKind.LOST


async def test_the_windows_of_an_authority_are_read(world: World) -> None:
    """Where it has any."""
    if isinstance(world.server, AcmeServer):
        assert await world.client.window("no certificate, and nobody looks") is None
        now = datetime.now(UTC)
        world.server.window = (now, now + timedelta(hours=1))
    chain = await world.obtain(await world.account(), new_key(KeyType.ECDSA))
    window = await world.client.window(chain)
    if window is None and isinstance(world.server, Pebble):
        pytest.skip("this Pebble is older than renewal windows")
    assert window is not None
    assert window.begins < window.ends
    if isinstance(world.server, AcmeServer):
        assert (window.begins, window.ends) == world.server.window


async def test_an_external_account_is_bound(tmp_path: Path) -> None:
    """With its secret; without it, or with another one, there is no account."""
    with AcmeServer(tmp_path) as server:
        server.bindings = {"kid-1": b"secret of an external account"}
        good = ExternalAccount(kid="kid-1", hmac_key=encoded(b"secret of an external account"))
        assert await _client(server, good).register(new_key(KeyType.ECDSA)) in server.accounts
        wrong = ExternalAccount(kid="kid-1", hmac_key=encoded(b"another secret"))
        for client in (_client(server), _client(server, wrong)):
            with pytest.raises(NotIssued):
                await client.register(new_key(KeyType.ECDSA))
        assert len(server.accounts) == 1
        assert "secret" not in repr(good)


async def test_a_real_server_binds_external_accounts_the_same_way(tmp_path: Path) -> None:
    """Pebble, with a secret of its own configuration."""
    with Site() as site, Pebble(tmp_path, challenge_port=site.port, bindings=True) as server:
        problem = await refused(_client(server).register(new_key(KeyType.ECDSA)))
        assert problem.kind is ProblemKind.REFUSED
        ((kid, secret),) = server.bindings.items()
        bound = ExternalAccount(kid=kid, hmac_key=secret)
        assert await _client(server, bound).register(new_key(KeyType.ECDSA))


async def test_a_nonce_that_is_refused_is_replaced(ours: World) -> None:
    """A few times without anybody noticing; a server that refuses them all is in trouble."""
    account = await ours.account()
    server_of(ours).trouble("new-order", "badNonce", times=5)
    assert (await ours.client.order(account, NAME)).status is OrderStatus.PENDING
    server_of(ours).trouble("new-order", "badNonce", times=6)
    problem = await refused(ours.client.order(account, NAME))
    assert problem.kind is ProblemKind.UNREACHABLE


@pytest.mark.parametrize(("said", "least", "most"), [("7200", 7200, 7200), ("date", 3500, 3600), ("soon", None, None)])
async def test_a_rate_limit_says_how_long_to_wait(ours: World, said: str, least: int | None, most: int | None) -> None:
    """In seconds or as a date; what cannot be read counts as not said."""
    account = await ours.account()
    date = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    server_of(ours).trouble("new-order", "rateLimited", status=429, retry_after=date if said == "date" else said)
    problem = await refused(ours.client.order(account, NAME))
    assert problem.kind is ProblemKind.RATE_LIMITED
    if least is None:
        assert problem.retry_after_seconds is None
    else:
        assert problem.retry_after_seconds is not None
        assert least <= problem.retry_after_seconds <= (most or 0)
    assert "injected rateLimited" in problem.detail


async def test_a_server_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Nothing listens, or its certificate is nobody's that is known here, or it is no ACME server."""
    away = AcmeClient(f"http://127.0.0.1:{free_port()}/", contact="ops@example.com")
    problems = [await refused(away.register(new_key(KeyType.ECDSA)))]
    with AcmeServer(tmp_path) as server, Site() as site:
        stranger = AcmeClient(server.directory, contact="ops@example.com")
        problems.append(await refused(stranger.register(new_key(KeyType.ECDSA))))
        other = AcmeClient(f"http://127.0.0.1:{site.port}/", contact="ops@example.com")
        problems.append(await refused(other.register(new_key(KeyType.ECDSA))))
        server.trouble("directory", "serverInternal", status=500)
        problems.append(await refused(_client(server).register(new_key(KeyType.ECDSA))))
    assert {problem.kind for problem in problems} == {ProblemKind.UNREACHABLE}
    for problem, part in zip(problems, ("nothing answers", "TURNOUT_ACME_CA_FILE", "as an ACME", "500"), strict=True):
        assert part in problem.detail or "serverInternal" in problem.detail
        assert "\n" not in problem.detail


@pytest.mark.fault(Row.HOSTILE)
async def test_what_is_of_another_key_or_name_is_not_used(ours: World) -> None:
    """Whatever the server sends. One that begins a moment later, by its own clock, is taken."""
    key, now = new_key(KeyType.ECDSA), datetime.now(UTC)
    chain = await ours.obtain(await ours.account(), key)
    with pytest.raises(NotIssued, match="not that of the certificate"):
        check_issued(chain, fqdn=NAME, key_pem=new_key(KeyType.ECDSA), now=now)
    with pytest.raises(NotIssued, match="not for other"):
        check_issued(chain, fqdn="other.example.com", key_pem=key, now=now)
    with pytest.raises(NotIssued, match="not PEM"):
        check_issued("<html>", fqdn=NAME, key_pem=key, now=now)
    pair = check_issued(chain, fqdn=NAME, key_pem=key, now=now)
    check_issued(chain, fqdn=NAME, key_pem=key, now=pair.not_before - timedelta(minutes=1))
    with pytest.raises(NotIssued, match="not valid before"):
        check_issued(chain, fqdn=NAME, key_pem=key, now=pair.not_before - timedelta(hours=1))


async def test_a_file_that_is_missing_is_told_where_certificates_are(ours: World, tmp_path: Path) -> None:
    """It keeps no worker from starting."""
    gone = tmp_path / "gone"
    for client, name in (
        (AcmeClient(ours.server.directory, contact="ops@example.com", ca_file=gone), "TURNOUT_ACME_CA_FILE"),
        (
            AcmeClient(
                ours.server.directory,
                contact="ops@example.com",
                ca_file=ours.server.ca_file,
                external_account=partial(external_account, "kid", str(gone)),
            ),
            "TURNOUT_ACME_EAB_KEY_FILE",
        ),
    ):
        problem = await refused(client.register(new_key(KeyType.ECDSA)))
        assert problem.kind is ProblemKind.TROUBLE
        assert name in problem.detail


def test_settings_of_an_external_account(tmp_path: Path) -> None:
    """Both or none, and a file that holds a key; the sentence does not quote it."""
    file = tmp_path / "eab.key"
    assert external_account("", "") is None
    for kid, named, why in (("kid", "", "set both"), ("", str(file), "set both"), ("kid", str(file), "cannot be read")):
        with pytest.raises(Invalid, match=why):
            external_account(kid, named)
    file.write_text("no key at all!")
    with pytest.raises(Invalid, match="does not hold") as said:
        external_account("kid", str(file))
    assert "no key" not in said.value.detail
    file.write_text(encoded(b"secret") + "=\n")
    assert external_account("kid", str(file)) == ExternalAccount(kid="kid", hmac_key=encoded(b"secret"))


async def test_no_private_key_is_logged(ours: World, caplog: pytest.LogCaptureFixture) -> None:
    """Even where everything is."""
    with caplog.at_level(logging.DEBUG):
        account, key = await ours.account(), new_key(KeyType.ECDSA)
        await ours.obtain(account, key)
    for secret in (account.key_pem, key):
        assert secret.splitlines()[1] not in caplog.text
    assert account.key_pem.splitlines()[1] not in repr(account)
