"""The one place where a step is wrapped: durable, timed, bounded, and visible in the operation's timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import restate
import structlog
from restate import RestateDurableFuture, RunOptions, TerminalError

from turnout.domain.errors import TurnoutError
from turnout.domain.statuses import StepStatus
from turnout.domain.waits import Outcome, Wait, WaitKind
from turnout.settings import DeploySettings
from turnout.workflows.serde import JsonOf

T = TypeVar("T")


def was_cancelled(error: TerminalError) -> bool:
    """Whether somebody cancelled the invocation, as the SDK tells it: exactly this status and message."""
    return error.status_code == 409 and error.message == "cancelled"


class Timeline(Protocol):
    """Where the steps of an operation are written down; both calls may be repeated."""

    async def begin_step(self, *, operation_id: str, name: str) -> None:
        """The step is under way."""
        ...

    async def end_step(self, *, operation_id: str, name: str, status: StepStatus, detail: str | None = None) -> None:
        """The step is over."""
        ...


Hook = Callable[[str, str], Awaitable[None]]
"""Called as `hook(step, "before" | "after" | "done")`; tests stop the world there.

Before and after the effect, and when all of the step is done but its entry in the journal. What the step belongs to
stands in structlog's context, as in every line that is logged inside a step.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """How a finished step stands in the timeline."""

    status: StepStatus = StepStatus.DONE
    detail: str | None = None


class Retry(Exception):  # it is not an error yet
    """The step failed in a way that may pass. Restate shows and stores the text, so it is a sentence, not a dump."""

    def __repr__(self) -> str:
        return str(self)


async def _no_hook(step: str, moment: str) -> None:
    """Outside of tests nothing happens between a step and its journal entry."""


class Steps:
    """The steps of one operation, in the order they are awaited."""

    def __init__(
        self,
        ctx: restate.Context,
        *,
        operation_id: str,
        timeline: Timeline,
        limits: DeploySettings,
        hook: Hook | None = None,
    ) -> None:
        self._ctx = ctx
        self.operation_id = operation_id
        self._timeline = timeline
        self._limits = limits
        self._hook = hook or _no_hook
        self._shielded = False

    def shield(self) -> None:
        """From here on no cancellation stops the handler: it is undoing, or finishing what is committed.

        A cancellation is repeated until the operation has ended, and each one is told once, wherever the handler
        waits at that moment.
        """
        self._shielded = True

    async def run(
        self,
        name: str,
        action: Callable[[], Awaitable[T]],
        returns: type[T],
        *,
        note: Callable[[T], Note] = lambda _: Note(),
        opens: str | None = None,
    ) -> T:
        """Do one step: its effect happens at least once, its result is the same for ever after.

        `note` says how it reads in the timeline; `opens` names a wait that begins when it ends. Raises
        TerminalError when the action says that no retry can help, or when retrying has taken too long.
        """

        async def visibly() -> T:
            await self._begin(name)
            result = await self._effect(name, action)
            await self._end(name, note(result))
            if opens is not None:
                await self._begin(opens)
            return result

        return await self._durably(name, visibly, returns)

    async def quietly(self, name: str, action: Callable[[], Awaitable[T]], returns: type[T]) -> T:
        """A step that a person need not see in the timeline."""
        return await self._durably(name, lambda: self._effect(name, action), returns)

    async def wait(self, name: str, signal: RestateDurableFuture[Outcome], *, seconds: float) -> Outcome | None:
        """Wait for the outcome, and `seconds` at the most; None when that was not enough."""
        timer = self._ctx.sleep(timedelta(seconds=seconds), name=f"{name} deadline")
        while True:
            try:
                which, value = await restate.select(outcome=signal, deadline=timer)
            except TerminalError as error:
                if not (self._shielded and was_cancelled(error)):
                    raise
            else:
                return value if which == "outcome" else None

    async def close(self, name: str, note: Note, also: Callable[[], Awaitable[Any]] | None = None) -> None:
        """End a wait that a step opened; `also` is done first."""

        async def end() -> None:
            if also is not None:
                await also()
            await self._end(name, note)

        await self.quietly(f"{name} ended", end, type(None))

    async def _begin(self, name: str) -> None:
        await self._timeline.begin_step(operation_id=self.operation_id, name=name)

    async def _end(self, name: str, note: Note) -> None:
        await self._timeline.end_step(operation_id=self.operation_id, name=name, status=note.status, detail=note.detail)

    async def _effect(self, name: str, action: Callable[[], Awaitable[T]]) -> T:
        await self._hook(name, "before")
        result = await action()
        await self._hook(name, "after")
        return result

    async def _durably(self, name: str, body: Callable[[], Awaitable[T]], returns: type[T]) -> T:
        """The boundary: what goes wrong inside becomes a retry or a terminal error here, and only here."""

        async def attempt() -> T:
            try:
                with structlog.contextvars.bound_contextvars(operation_id=self.operation_id, step=name):
                    async with asyncio.timeout(self._limits.step_seconds):
                        result = await body()
                        await self._hook(name, "done")
                        return result
            except TurnoutError as error:
                if error.retryable:
                    raise Retry(error.detail) from None
                raise TerminalError(error.detail, error.status) from None
            except TimeoutError:
                raise Retry(f"{name} took longer than {self._limits.step_seconds:g} s") from None
            except OSError as error:
                raise Retry(f"{name}: {error.strerror or type(error).__name__}") from None

        options: RunOptions[T] = RunOptions(
            serde=JsonOf(returns),
            initial_retry_interval=timedelta(milliseconds=50),
            retry_interval_factor=2.0,
            max_retry_interval=timedelta(seconds=1),
            max_duration=timedelta(seconds=self._limits.retry_seconds),
        )
        while True:
            try:
                return await self._ctx.run_typed(name, attempt, options)
            except TerminalError as error:
                if not (self._shielded and was_cancelled(error)):
                    raise


def new_wait(
    steps: Steps, signal_id: str, kind: WaitKind, deployment_id: str, seconds: float, *, wanted: int = 0
) -> Wait:
    """A wait as it is written down, inside the step that starts what is waited for."""
    now = datetime.now(UTC)
    return Wait(
        awakeable_id=signal_id,
        operation_id=steps.operation_id,
        kind=kind,
        deployment_id=deployment_id,
        generation=None,
        wanted=wanted,
        created_at=now,
        deadline_at=now + timedelta(seconds=seconds),
    )
