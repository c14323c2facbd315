"""Collects by itself, again and again: what `turnout gc` does, without anybody asking."""

from __future__ import annotations

import asyncio

from turnout.api.keeping import sweep
from turnout.api.parts import Parts
from turnout.domain.errors import TurnoutError


async def keep_house(parts: Parts) -> None:
    """Run until cancelled. Trouble is told in the log and tried again the next time."""
    while True:
        await asyncio.sleep(parts.settings.deploy.collect_seconds)
        try:
            report = await sweep(parts)
        except (TurnoutError, OSError) as error:
            parts.logger.warning("housekeeping.trouble", error=str(error))
            continue
        if report.expired or report.freed_bytes:
            parts.logger.info("housekeeping", expired=report.expired, freed_bytes=report.freed_bytes)
