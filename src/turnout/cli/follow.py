"""Begins an operation and follows it: a live tree on a terminal, plain lines elsewhere, nothing with `--json`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from turnout.cli import show
from turnout.cli.failures import DONE, FAILED, LEFT, error_document
from turnout.domain.errors import Conflict, DeploymentFailed, TurnoutError
from turnout.domain.records import OperationKind
from turnout.domain.statuses import OperationStatus, StepStatus

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.documents import OperationAccepted, OperationDocument

GOOD = frozenset({OperationStatus.SUCCEEDED, OperationStatus.DEGRADED})
_SIGNS = {
    StepStatus.RUNNING: ("…", "cyan"),
    StepStatus.DONE: ("✓", "green"),
    StepStatus.SKIPPED: ("-", "dim"),
    StepStatus.FAILED: ("✗", "red"),
}


class Progress(Protocol):
    """Something that shows an operation while it goes on."""

    def say(self, text: str) -> None:
        """Show what happens before the operation exists."""
        ...

    def tick(self, text: str) -> None:
        """The same for what changes many times a second: shown only where it can be replaced."""
        ...

    def update(self, operation: OperationDocument) -> None:
        """Show the operation as it stands now."""
        ...

    def close(self) -> None:
        """Leave what was shown last on the screen."""
        ...


Begin = Callable[["Client", Progress], Awaitable["OperationAccepted"]]
"""Asks the server for the operation."""
Result = Callable[["OperationDocument"], dict[str, Any]]
"""What `--json` prints of it."""


def run_operation(
    begin: Begin,
    result: Result,
    *,
    as_json: bool,
    detach: bool,
    good: frozenset[OperationStatus] = GOOD,
    end: Callable[[OperationDocument], None] | None = None,
) -> int:
    """Begin an operation, follow it to its end unless `detach`, print the result, and return the exit code.

    Ctrl-C leaves: what has begun goes on. `good` are the ends that are wanted, `end` prints one.
    """
    begun: list[OperationAccepted] = []
    try:
        operation = asyncio.run(_run(begin, begun, as_json=as_json, detach=detach))
    except KeyboardInterrupt:
        if begun and not as_json:
            show.note(f"left; the operation {begun[0].operation_id} goes on: see `turnout status` and `turnout ls`")
        elif begun:
            show.document(_detached(begun[0]))
        return LEFT
    if operation is None:
        show.document(_detached(begun[0])) if as_json else print(begun[0].operation_id)
        return DONE
    if as_json:
        failed = {} if operation.status in good else {"error": error_document(_error(operation))}
        show.document(result(operation) | failed)
    else:
        (end or _print_end)(operation)
    return DONE if operation.status in good else FAILED


async def _run(
    begin: Begin, begun: list[OperationAccepted], *, as_json: bool, detach: bool
) -> OperationDocument | None:
    from turnout.cli.connect import connect

    async with connect() as client:
        progress = _progress(as_json=as_json)
        last: OperationDocument | None = None
        try:
            accepted = await begin(client, progress)
            begun.append(accepted)
            if detach:
                return None
            async with aclosing(client.operation_events(accepted.operation_id)) as documents:
                async for operation in documents:
                    last = operation
                    progress.update(operation)
        finally:
            progress.close()
        if last is None:
            raise TurnoutError(f"cannot follow {accepted.operation_id}: its stream ended without a word")
        return last


def _detached(accepted: OperationAccepted) -> dict[str, Any]:
    return {
        "operation_id": accepted.operation_id,
        "deployment_id": accepted.deployment_id,
        "status": str(OperationStatus.PENDING),
        "live": False,
        "reason": None,
        "domains": [],
        "steps": [],
        "duration_ms": None,
    }


def _error(operation: OperationDocument) -> TurnoutError:
    reason = operation.reason or f"the operation ended {operation.status}"
    if operation.status is OperationStatus.FAILED and operation.kind is OperationKind.DEPLOY:
        return DeploymentFailed(reason)
    return Conflict(reason)


def _print_end(operation: OperationDocument) -> None:
    if operation.status not in GOOD:
        show.note(f"turnout: {operation.kind} {operation.status}: {operation.reason or 'no reason was given'}")
        if operation.kind is OperationKind.DEPLOY:
            show.note(f"see `turnout logs {operation.deployment_id}`, with --build for what its build printed")
        return
    state = "runs" if operation.kind is OperationKind.START else "is ready, not live"
    live = f"{operation.deployment_id} {'is live' if operation.live else state}"
    switch = f", at the gateways after {show.duration(operation.propagation_ms)}" if operation.propagation_ms else ""
    print(f"{live} ({show.duration(operation.duration_ms)}{switch})")
    if operation.reason:
        show.note(operation.reason)
    if seen := show.observed(operation.observation):
        show.note(seen.removeprefix(", "))
    for domain in operation.domains:
        print(f"  {domain.sticky:<12} {domain.url}")


def _progress(*, as_json: bool) -> Progress:
    if as_json:
        return _Silent()
    return _Tree() if sys.stderr.isatty() else _Lines()


class _Silent:
    def say(self, text: str) -> None: ...

    def tick(self, text: str) -> None: ...

    def update(self, operation: OperationDocument) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """One line for each step that begins or ends."""

    def __init__(self) -> None:
        self._shown: dict[str, StepStatus] = {}
        self._waiting: str | None = None

    def say(self, text: str) -> None:
        show.note(text)

    def tick(self, text: str) -> None: ...

    def update(self, operation: OperationDocument) -> None:
        for step in operation.steps:
            if self._shown.get(step.name) != step.status and step.status is not StepStatus.RUNNING:
                show.note(f"{_SIGNS[step.status][0]} {step.name}{_tail(step.detail)}")
            self._shown[step.name] = step.status
        if operation.waiting_for != self._waiting and operation.waiting_for is not None:
            show.note(f"… waiting for {operation.waiting_for}")
        self._waiting = operation.waiting_for

    def close(self) -> None: ...


class _Tree:
    """The steps as they stand, redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True, highlight=False), refresh_per_second=10, transient=False)
        self._live.start()

    def say(self, text: str) -> None:
        from rich.text import Text

        self._live.update(Text(text, style="dim"))

    tick = say

    def update(self, operation: OperationDocument) -> None:
        from rich.spinner import Spinner
        from rich.text import Text
        from rich.tree import Tree

        head = Text(f"{operation.kind} {operation.project}/{operation.environment} ", style="bold")
        head.append(operation.deployment_id, style="dim")
        tree = Tree(head, guide_style="dim")
        for step in operation.steps:
            sign, style = _SIGNS[step.status]
            text = Text(f"{step.name}{_tail(step.detail)}")
            if step.ended_at is not None:
                took = (step.ended_at - step.started_at).total_seconds() * 1000
                text.append(f"  {show.duration(took)}", style="dim")
            tree.add(
                Spinner("dots", text) if step.status is StepStatus.RUNNING else Text(f"{sign} ", style=style) + text
            )
        if operation.waiting_for is not None:
            tree.add(Text(f"waiting for {operation.waiting_for}", style="yellow"))
        self._live.update(tree)

    def close(self) -> None:
        self._live.stop()


def _tail(detail: str | None) -> str:
    return f": {detail}" if detail else ""
