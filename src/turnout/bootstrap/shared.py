"""What more than one process is made of."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

MIB: Final = 1024 * 1024


def make_logger(part: str) -> Any:
    """A logger that writes JSON lines to standard error, each with the part's name."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    for chatty in ("httpx", "httpcore", "hypercorn", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return structlog.get_logger().bind(part=part)


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def home_id(home: Path) -> str:
    """Tells the containers of several homes on one engine apart; drawn once, since two machines may name a
    home alike and share an engine."""
    file = home / "run" / "home-id"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError), file.open("x") as fresh:
        fresh.write(secrets.token_hex(8))
    return file.read_text()
