"""The sentinel: checks requests for Envoy, in a process of its own beside it.

`python -m turnout.gateway.sentinel --socket PATH --specs FOLDER`, started by the gateway. It listens on a Unix socket
that only its own user may open, reads documents from the folder, and writes down nothing that a request contained.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from turnout.checking.requests import CheckedRequest
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.validation import BODY_KIB
from turnout.gateway import protos
from turnout.gateway.check_messages import asked, passes, refused, undecided
from turnout.gateway.shelf import Shelf
from turnout.gateway.specs import SpecFolder
from turnout.gateway.watchdog import ASIDE_SECONDS, CHECKING, Watchdog

log = logging.getLogger(__name__)

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", int(BODY_KIB.high) * 1024 + 1024 * 1024),
    ("grpc.so_reuseport", 0),
]


class Sentinel:
    """Answers Envoy, one request after another: a check takes a fraction of a millisecond."""

    def __init__(self, folder: SpecFolder, watchdog: Watchdog, *, aside: Sequence[str] = ()) -> None:
        self._shelf = Shelf(folder)
        self._watchdog = watchdog
        self._aside = dict.fromkeys(aside, time.monotonic() + ASIDE_SECONDS)

    async def Check(self, message: Any, _context: Any) -> Any:  # noqa: N802  # gRPC's name
        """May this request go on to the app? Never yes by mistake: whatever goes wrong here is a no."""
        try:
            spec_id, request = asked(message)
            return self.answer(spec_id, request)
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer is no
            log.error("cannot check a request: %s", type(error).__name__)  # noqa: TRY400  # a trace quotes values
            return undecided("a request could not be checked, because of a fault of the gateway; its log says more")

    def answer(self, spec_id: str, request: CheckedRequest) -> Any:
        """The answer, as Envoy has it."""
        if self._is_aside(spec_id):
            return undecided("a request took too long to check; requests to this app are refused for a minute")
        try:
            with self._watchdog.watching(spec_id):
                violations = self._shelf.take(spec_id).check(request)
        except NotFound as error:
            return undecided(error.detail)
        except Invalid as error:
            return undecided(f"requests cannot be checked against this app's OpenAPI document: {error.detail}")
        self._shelf.tidy()
        return refused(violations) if violations else passes()

    def _is_aside(self, spec_id: str) -> bool:
        until = self._aside.get(spec_id)
        if until is None:
            return False
        if time.monotonic() > until:
            del self._aside[spec_id]
            return False
        return True


async def serve(socket: Path, folder: SpecFolder, *, aside: Sequence[str] = ()) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = protos.aio.server(options=_OPTIONS)
    sentinel = Sentinel(folder, Watchdog(folder.path / CHECKING), aside=aside)
    protos.add_authorization_servicer(sentinel, server)
    socket.unlink(missing_ok=True)
    os.umask(0o177)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await stop.wait()
    await server.stop(grace=1.0)


def main(arguments: Sequence[str]) -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="turnout.gateway.sentinel", allow_abbrev=False)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--specs", type=Path, required=True)
    parser.add_argument("--aside", action="append", default=[])
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    options.specs.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(serve(options.socket, SpecFolder(options.specs), aside=options.aside))


if __name__ == "__main__":
    main(sys.argv[1:])
