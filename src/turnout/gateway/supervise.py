"""Keeps one Envoy running until told to stop."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from turnout.domain.errors import Unavailable
from turnout.gateway.launch import GRACE, Envoy, LaunchSettings, launch

log = logging.getLogger(__name__)

_READY: Final = 30.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


async def keep_running(
    settings: LaunchSettings, bootstrap: dict[str, Any], *, stop: asyncio.Event, grace: float = GRACE
) -> None:
    """Start or adopt an Envoy, start another one whenever it ends, and drain the last one once `stop` is set.

    Pauses between attempts grow to five seconds and are short again after one that became ready.
    """
    stopped = asyncio.create_task(stop.wait())
    pause = _FIRST_PAUSE
    while not stop.is_set():
        envoy: Envoy | None = None
        try:
            envoy = await launch(settings, bootstrap)
            await envoy.ready(timeout=_READY)
            pause = _FIRST_PAUSE
            log.info("envoy runs: pid %d%s", envoy.pid, ", adopted" if envoy.adopted else "")
            await _either(asyncio.create_task(envoy.wait()), stopped)
        except Unavailable as error:
            log.warning("cannot keep envoy running: %s", error.detail)
        if stop.is_set():
            if envoy is not None:
                await envoy.stop(grace=grace)
            return
        log.warning("envoy ended; starting it again in %.1f s", pause)
        await _either(asyncio.create_task(asyncio.sleep(pause)), stopped)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _either(work: asyncio.Task[None], stopped: asyncio.Task[Any]) -> None:
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        work.cancel()
    await asyncio.gather(work, return_exceptions=True)
