"""What each remedy does. All of them look again before they change anything, or may be repeated for nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from turnout.domain.findings import FindingKind, Remedy, Suspicion
from turnout.store import Store
from turnout.watchdog.durable import DurableSide


class Builds(Protocol):
    """Where detached builds are ended."""

    async def cancel(self, deployment_id: str) -> None:
        """End the build of a deployment, if it has one that goes on."""
        ...


class Sender(Protocol):
    """Who hands operations to Restate."""

    async def send_again(self, *, operation_id: str) -> None:
        """Hand over an operation that Restate has lost, if it is safe."""
        ...


class Remedies:
    """The table of remedies, and what they need."""

    def __init__(self, *, store: Store, restate: DurableSide, sender: Sender, builds: Builds) -> None:
        self._store = store
        self._sender = sender
        self._restate = restate
        self._builds = builds
        self._table: Final[dict[Remedy, Callable[[Suspicion], Awaitable[None]]]] = {
            Remedy.RESUME: self._resume,
            Remedy.CANCEL: self._cancel,
            Remedy.KILL: self._kill,
            Remedy.REGISTER: self._register,
            Remedy.RESEND: self._resend,
            Remedy.END: self._end,
            Remedy.DISCONNECT: self._disconnect,
            Remedy.STOP: self._stop,
            Remedy.REMOVE: self._remove,
        }

    async def apply(self, remedy: Remedy, to: Suspicion) -> None:
        """Do it. Raises TurnoutError when it could not be done; then it is tried again after the next look."""
        await self._table[remedy](to)

    async def _resume(self, to: Suspicion) -> None:
        await self._restate.resume(to.facts["invocation_id"])
        await self._note(Remedy.RESUME, to)

    async def _cancel(self, to: Suspicion) -> None:
        await self._restate.cancel(to.facts["invocation_id"])
        await self._note(Remedy.CANCEL, to)

    async def _kill(self, to: Suspicion) -> None:
        """What a killed handler had begun: its operation is found lost then, and ended."""
        await self._restate.kill(to.facts["invocation_id"])
        await self._note(Remedy.KILL, to)

    async def _register(self, _to: Suspicion) -> None:
        await self._restate.register()

    async def _resend(self, to: Suspicion) -> None:
        await self._sender.send_again(operation_id=to.facts["operation_id"])

    async def _end(self, to: Suspicion) -> None:
        """First the build, which nobody would think of any more once the deploy has ended."""
        if build_of := to.facts["build_of"]:
            await self._builds.cancel(build_of)
        if to.kind is FindingKind.OPERATION_LOST:
            await self._store.end_lost(operation_id=to.facts["operation_id"], why=to.facts["why"])
        else:
            await self._store.end_abandoned(deployment_id=build_of)

    async def _disconnect(self, to: Suspicion) -> None:
        if to.kind is FindingKind.GATEWAY_SILENT:
            await self._store.gateway_silent(gateway_id=to.subject, seen_at=to.facts["seen"])
        else:
            await self._store.krane_silent(region=to.subject, seen_at=to.facts["seen"])

    async def _stop(self, to: Suspicion) -> None:
        if await self._store.retire(deployment_id=to.subject, generation=int(to.facts["generation"])):
            await self._note(Remedy.STOP, to)

    async def _remove(self, to: Suspicion) -> None:
        await self._store.remove_leftover(row=to.facts["row"], id=to.facts["id"])

    async def _note(self, remedy: Remedy, to: Suspicion) -> None:
        """A line of the audit log. What is nobody's in particular stands in the server's log alone."""
        if to.workspace_id is not None:
            await self._store.note_repair(workspace_id=to.workspace_id, kind=to.kind, subject=to.subject, remedy=remedy)
