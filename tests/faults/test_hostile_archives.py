"""Hostile archives through the API's own door: each is refused, and nothing of it is kept. What the unpacking of a
build says to them is in tests/unit/test_builds_unpack.py, with the same cases."""

from __future__ import annotations

import gzip

import pytest

from tests.faults.attack_kit import World, refusal
from tests.faults.hostile.archives import END, HOSTILE, MIB, RAW, bomb, header, padded
from tests.faults.rows import Row

pytestmark = pytest.mark.fault(Row.HOSTILE)

_MADE_FOR_FEWER = frozenset({"too many files", "too many folders", "bomb behind the end"})
"""Cases that are hostile to the unit's limits only: the API's are wider."""


async def test_hostile_uploads(here: World, subtests: pytest.Subtests) -> None:
    """A plain sentence, no file, no row; the same sentence again, and a good archive is taken afterwards."""
    uploads = {name: gzip.compress(data) for name, (data, _, _) in HOSTILE.items() if name not in _MADE_FOR_FEWER}
    before = await here.dump()
    async with here.client(await here.token("ada")) as client:
        for name, content in (uploads | RAW).items():
            with subtests.test(name):
                problem = refusal(await client.post("/v1/sources", content=content), 400, 413)
                assert problem["detail"].startswith(
                    ("cannot read the archive", "cannot use the archive", "cannot store")
                )
                assert len(problem["detail"]) < 400
        with subtests.test("larger than may be uploaded"):
            refusal(await client.post("/v1/sources", content=bytes(2 * MIB)), 413)
        with subtests.test("nothing changed"):
            assert await here.dump() == before | {"tokens": (await here.dump())["tokens"]}
        with subtests.test("a good one is taken"):
            good = gzip.compress(header("-rf", 2) + padded(b"ok") + header("$(reboot)", 0) + END)
            assert (await client.post("/v1/sources", content=good)).status_code == 201


async def test_a_bomb_is_given_up_early(here: World) -> None:
    """A GiB in a MiB: what is read of it is what may be unpacked, whatever it would become."""
    packed = bomb(512)
    assert len(packed) < MIB
    async with here.client(await here.token("ada")) as client:
        refusal(await client.post("/v1/sources", content=packed), 413)
