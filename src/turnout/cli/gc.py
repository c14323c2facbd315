"""`turnout gc`: collect what nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.documents import GarbageReport


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be collected.")] = False,
    json: Json = False,
) -> int:
    """Remove images, releases, uploads, build folders and logs that no deployment needs. It also happens by itself.

    Examples:

        turnout gc --dry-run
    """
    from turnout.cli import show

    report = ask(lambda client: client.collect_garbage(dry_run=dry_run))
    if json:
        show.document(report.model_dump(mode="json"))
    else:
        print_report(report)
        print(f"{'would free' if dry_run else 'freed'} {report.freed_bytes / 1_048_576:.1f} MiB")
    return 0


def print_report(report: GarbageReport) -> None:
    """One line for each thing."""
    from turnout.cli import show

    if not report.collected and not report.expired:
        return
    rows = show.plain_table("what", "name", "size", "")
    for deployment_id in report.expired:
        rows.add_row("deployment", deployment_id, "", "stopped, and more than are to be kept")
    for each in report.collected:
        problem = f"still there: {each.problem}" if each.problem else ""
        rows.add_row(str(each.kind), each.name, f"{each.size_bytes / 1_048_576:.1f} MiB", problem)
    show.table(rows)
