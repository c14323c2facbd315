"""The way of an instance's output to the server."""

from __future__ import annotations

import asyncio

from turnout.domain.errors import TurnoutError
from turnout.krane.ports import BackendPort, ControlPlane
from turnout.krane.settings import KraneSettings


class Shipper:
    """Hands over one instance's output, from where the server says it stands.

    When so much was printed while the server was away that the oldest bytes are gone, the rest is handed over
    at its own position, so that the server knows how much is missing.
    """

    def __init__(
        self,
        control_plane: ControlPlane,
        backend: BackendPort,
        settings: KraneSettings,
        *,
        instance_id: str,
        deployment_id: str,
    ) -> None:
        self._control_plane = control_plane
        self._backend = backend
        self._settings = settings
        self._instance_id = instance_id
        self._deployment_id = deployment_id
        self._server_has: int | None = None

    async def run(self) -> None:
        """Ship until cancelled."""
        settings = self._settings
        wait = settings.reconnect_first  # short at first: a new instance is not known there yet
        while True:
            try:
                sent = await self.ship()
                wait = settings.reconnect_first
            except (TurnoutError, OSError):
                self._server_has = None
                await asyncio.sleep(wait)
                wait = min(wait * 2, settings.reconnect_max)
                continue
            if sent < settings.log_chunk:
                await asyncio.sleep(settings.log_flowing if sent else settings.log_idle)

    async def flush(self) -> None:
        """Ship what is left; give up when the server is away, or after the time set for it."""
        self._server_has = None  # a call that was cut off may or may not have arrived
        try:
            async with asyncio.timeout(self._settings.log_flush):
                while await self.ship():
                    pass
        except (TurnoutError, OSError, TimeoutError):
            return

    async def ship(self) -> int:
        """Hand over at most one chunk; return how many bytes the server took."""
        if self._server_has is None:
            self._server_has = await self._append(0, b"")
        before = self._server_has
        output = await self._backend.read_output(self._instance_id, offset=before, limit=self._settings.log_chunk)
        if not output.data:
            return 0
        self._server_has = await self._append(output.offset, output.data)
        return max(0, self._server_has - before)

    async def _append(self, offset: int, data: bytes) -> int:
        return await self._control_plane.append_log(
            instance_id=self._instance_id, deployment_id=self._deployment_id, offset=offset, data=data
        )
