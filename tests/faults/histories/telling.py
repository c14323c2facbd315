"""I6: looks for the planted secrets where they must not be: the store, the journals, the logs, the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.faults.histories.picture import Picture
from tests.faults.histories.world import World

_JOURNALS = "SELECT raw, entry_json FROM sys_journal"
_RESULTS = "SELECT completion_result, completion_failure, last_failure FROM sys_invocation"


async def told_secrets(world: World, secrets: Iterable[str], picture: Picture) -> list[str]:
    """Which secret is written where. What is looked through has to be there: an empty place shows nothing."""
    places = dict(await _places(world, picture))
    found = [f"{where} is empty: nothing was looked at" for where in ("the store", "the journals") if not places[where]]
    for secret in secrets:
        found += [f"{where} has {secret[:12]}…" for where, text in places.items() if secret in text]
    return found


async def _places(world: World, picture: Picture) -> Iterator[tuple[str, str]]:
    journals = [*await world.query(_JOURNALS), *await world.query(_RESULTS)]
    files = [file.read_bytes() for file in world.settings.home.glob("turnout.db*")]
    return iter(
        (
            ("the store", picture.text()),
            ("the database's files", b"".join(files).decode("latin-1")),
            ("the journals", "\n".join(_readable(value) for row in journals for value in row.values())),
            ("the worker's log", world.worker_log.read_text(errors="replace") if world.worker_log.exists() else ""),
            ("the server's log", (world.settings.home / "server.log").read_text()),
            ("the API's answers", "\n".join(world.answers)),
        )
    )


def _readable(value: object) -> str:
    """Binary columns come in hexadecimal."""
    text = str(value or "")
    try:
        return bytes.fromhex(text).decode("latin-1")
    except ValueError:
        return text
