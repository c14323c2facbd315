"""Certificates although everything dies, and nothing that a journal should not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.faults.rows import Row
from tests.workflows.issuing_lab import open_issuing_lab
from tests.workflows.issuing_worker import Doomed, resurrecting
from tests.workflows.lab import Restate
from turnout.domain.certificates import KeyPlace, SealedKey
from turnout.domain.errors import Unavailable
from turnout.domain.issuing import IssuingStatus
from turnout.vault import Boxes
from turnout.workflows.serde import JsonOf

STEPS = {
    "begin visit", "is it due", "account", "order", "read challenge", "publish challenge", "ask for confirmation",
    "tell server", "look at order", "finalize", "save certificate", "withdraw challenges", "end visit",
}  # fmt: skip


@pytest.mark.full
@pytest.mark.fault(Row.KILLED_AT_A_STEP)
async def test_a_worker_that_is_killed_at_every_step_gets_one_certificate(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """`kill -9` thirteen times, always between an effect and its journal entry: one account, one order, one of all."""
    doomed = Doomed(folder=tmp_path, directory=server.directory, ca_file=server.ca_file)
    async with open_issuing_lab(restate, tmp_path, server, site, worker=resurrecting(doomed)) as lab:
        issuing = await lab.until(lambda each: each.status is IssuingStatus.ISSUED, within=60)
        assert len(await lab.certificates()) == 1
        assert (len(server.accounts), len(server.orders), len(server.issued)) == (1, 1, 1)
        assert issuing.order_url is None
        feed = await lab.lab.store.gateway_feed(since=0)
        assert [view.challenges for view in feed.projects if view.challenges] == []
        assert doomed.deaths >= STEPS


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_step_that_stumbles_is_repeated_and_has_one_effect(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site, moment: str
) -> None:
    """Every step fails once, before or after its effect; it ends as if none had."""
    stumbled: set[str] = set()

    async def stumble(step: str, when: str) -> None:
        if when == moment and step not in stumbled:
            stumbled.add(step)
            raise Unavailable(f"{step} stumbles")

    async with open_issuing_lab(restate, tmp_path, server, site, hook=stumble) as lab:
        await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        assert len(await lab.certificates()) == 1
        assert (len(server.accounts), len(server.orders), len(server.issued)) == (1, 1, 1)
        assert stumbled >= STEPS


class Overheard(Boxes):
    """Remembers what it sealed, so that a test can look for it."""

    heard: list[str]

    def seal(self, place: KeyPlace, private_key: str) -> SealedKey:
        self.heard.append(private_key)
        return super().seal(place, private_key)


async def test_no_private_key_is_in_the_journal_or_the_store(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what the name had to answer. One class writes all that handlers give to Restate, and is overheard."""
    journal: list[bytes] = []
    write = JsonOf.serialize

    def overheard(self: JsonOf[Any], obj: Any) -> bytes:
        journal.append(write(self, obj))
        return journal[-1]

    monkeypatch.setattr(JsonOf, "serialize", overheard)
    monkeypatch.setattr(Overheard, "heard", [], raising=False)
    monkeypatch.setattr("tests.workflows.issuing_lab.Boxes", Overheard)
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
    secrets = [key.splitlines()[2].encode() for key in Overheard.heard]  # the first lines of keys are alike
    assert len(secrets) == 3  # of the account, of the order, and that one again in the place of the certificate
    written = b"".join(journal)
    assert f"/order/{server.orders[0].number}".encode() in written
    assert f"{server.orders[0].token}.".encode() not in written
    for secret in secrets:
        assert secret not in written
        assert not any(secret in file.read_bytes() for file in tmp_path.glob("store.db*"))
