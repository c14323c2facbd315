"""How a part is started, and what is said when that did not work."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.local.home import log_file
from turnout.local.parts import Part

_LOG_LIMIT: Final = 10 * 1024 * 1024
_QUOTED_LINES: Final = 12


async def launch(home: Path, part: Part) -> asyncio.subprocess.Process:
    """Start its program in a session of its own; what it prints goes to its log. Raises Unavailable."""
    path = log_file(home, part.name)
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    own = {name: value for name, value in os.environ.items() if name not in ("TURNOUT_TOKEN", "TURNOUT_API_URL")}
    with path.open("ab") as log:
        try:
            return await asyncio.create_subprocess_exec(
                *part.argv,
                env={**own, **part.environment},
                cwd=home,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"cannot start {part.name}: {part.argv[0]}: {error.strerror}") from None


def failure(home: Path, part: Part, how: str) -> str:
    """Why nothing runs: the part's own last words are quoted."""
    path = log_file(home, part.name)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_QUOTED_LINES:]
    except OSError:
        lines = []
    said = "; it said:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
    return f"cannot start {part.name}: {how}; everything is stopped again; its log is {path}{said}"


def ending(returncode: int | None) -> str:
    """How a process ended, as it is told."""
    if returncode is not None and returncode < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-returncode).name}"
    return "" if returncode is None else f"with exit code {returncode}"
