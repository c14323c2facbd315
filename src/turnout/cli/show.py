"""How things look on a terminal. Results go to standard output, everything on the way to standard error."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from turnout.domain.documents import DomainDocument
    from turnout.domain.job_documents import ObservationDocument


def document(content: Any) -> None:
    """The one JSON document of `--json`."""
    print(json.dumps(content, indent=2))


def note(text: str) -> None:
    """A line that is no result."""
    print(text, file=sys.stderr, flush=True)


def table(rows: Table) -> None:
    """Print a table; wide ones are not cut when they go into a file or a pipe."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(rows)


def plain_table(*headings: str) -> Table:
    """An empty table without lines."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def domains(all_of_them: tuple[DomainDocument, ...]) -> str:
    """The addresses of a deployment, a line each."""
    return "\n".join(each.url for each in all_of_them)


def observed(observation: ObservationDocument | None) -> str:
    """How the time after the switch goes, behind a status; nothing when all was well."""
    if observation is None or observation.status in ("passed", "replaced"):
        return ""
    if observation.status == "open":
        return f", observed until {observation.until.astimezone():%H:%M:%S}"
    return ", degraded" + (", rolled back by itself" if observation.rollback_operation_id else "")


def age(since: datetime, *, now: datetime | None = None) -> str:
    """How long ago that was, in the largest unit that fits."""
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(milliseconds: float | None) -> str:
    """A time that something took."""
    if milliseconds is None:
        return ""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
