"""What a build printed, for whoever reads it: while it runs, and long after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Final

from turnout.builds.layout import BuildFolder
from turnout.builds.times import TimeIndex
from turnout.domain.errors import NotFound

_LOOK_EVERY_SECONDS: Final = 0.1
_CHUNK: Final = 64 * 1024


class BuildOutput:
    """The build logs below one home. They stay until the build is forgotten, whatever is restarted."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def read(self, deployment_id: str, *, follow: bool, since: datetime | None = None) -> AsyncIterator[bytes]:
        """The log of a deployment's build; with `follow`, what comes until the build has ended.

        Raises NotFound when no build of it was ever started here, unless the caller follows one that may come.
        """
        folder = BuildFolder.of(self._home, deployment_id)
        if not follow and not folder.log.exists():
            raise NotFound(
                f"there is no build output of {deployment_id}: it was not built here; an image, or a source that was "
                "built before, needs no build (see its operation's steps)"
            )
        return self._read(folder, follow, since)

    async def _read(self, folder: BuildFolder, follow: bool, since: datetime | None) -> AsyncIterator[bytes]:
        position: int | None = 0 if since is None else None
        while True:
            ended = folder.result.exists()  # looked at first: what was written before its end is read below
            if folder.log.exists():
                if position is None:
                    found = TimeIndex(folder.log_times).offset_since(since) if since is not None else 0
                    position = folder.log.stat().st_size if found is None else found
                with folder.log.open("rb") as file:
                    file.seek(position)
                    while chunk := file.read(_CHUNK):
                        position += len(chunk)
                        yield chunk
            if ended or not follow:
                return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
