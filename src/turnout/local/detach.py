"""`turnout up --detach`: the supervisor in the background, and the short conversation until it is ready.

The background process writes one JSON object a line into a pipe: {"say": …}, then {"ready": …} or
{"error": …}. The pipe's end is the end of the conversation, whatever happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Conflict, Invalid, NotFound, TurnoutError, Unavailable
from turnout.local.home import log_file
from turnout.local.record import SUPERVISOR, Addresses
from turnout.local.start import AlreadyRuns, document, up

_PIPE: Final = "TURNOUT_UP_PIPE"
_ERRORS: Final[dict[str, type[TurnoutError]]] = {kind.type: kind for kind in (Conflict, Invalid, NotFound, Unavailable)}


def start_detached(home: Path, environ: Mapping[str, str], *, say: Callable[[str], None]) -> Addresses:
    """Start a supervisor that outlives this process; returns once everything is ready. Raises TurnoutError."""
    reading, writing = os.pipe()
    with log_file(home, SUPERVISOR).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "turnout.local.detach"],
            env={**environ, "TURNOUT_HOME": str(home), _PIPE: str(writing)},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as messages:
        for line in messages:
            message = json.loads(line)
            if "ready" in message:
                return Addresses(**message["ready"])
            if "error" in message:
                process.wait()
                raise _ERRORS.get(message["error"]["type"], TurnoutError)(message["error"]["detail"])
            say(message["say"])
    code = process.wait()
    raise Unavailable(
        f"cannot start: the supervisor ended with exit code {code}; its log is {log_file(home, SUPERVISOR)}"
    )


def main() -> int:
    """The background process."""
    pipe = _Pipe(os.environ.pop(_PIPE, None))
    try:
        asyncio.run(up(os.environ, say=pipe.say, ready=pipe.ready))
    except TurnoutError as error:
        pipe.send({"error": {"type": AlreadyRuns.type if isinstance(error, AlreadyRuns) else error.type,
                             "detail": error.detail}})  # fmt: skip
        _log(error.detail)
        return 1
    return 0


class _Pipe:
    """Whoever started us may be gone, and is when this is our second program: then only the log is written."""

    def __init__(self, number: str | None) -> None:
        descriptor = os.open(os.devnull, os.O_WRONLY) if number is None else int(number)
        os.set_inheritable(descriptor, False)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")

    def send(self, message: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()

    def say(self, text: str) -> None:
        _log(text)
        self.send({"say": text})

    def ready(self, addresses: Addresses) -> None:
        _log("everything runs")
        self.send({"ready": document(addresses)})
        with suppress(OSError):
            self._file.close()


def _log(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
