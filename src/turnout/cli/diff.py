"""`turnout diff`: what differs between two deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.secret_documents import DiffDocument


def diff(
    *,
    before: Annotated[str, typer.Argument(help="A deployment.")],
    after: Annotated[str, typer.Argument(help="The deployment to compare it with.")],
    json: Json = False,
) -> int:
    """Show what a deployment has different from another: image, git, settings, and names of variables.

    Values of variables are never shown, and not needed: Turnout compares their fingerprints.

    Examples:

        turnout diff dep_01k… dep_01m…
    """
    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    for each in (before, after):
        if not is_id(each, "dep"):
            raise Invalid(f"cannot use {each!r}: it is no deployment id such as dep_01k…")
    found = ask(lambda client: client.diff(before, after))
    if json:
        show.document(found.model_dump(mode="json"))
    else:
        _print(found)
    return 0


def _print(found: DiffDocument) -> None:
    from rich.markup import escape

    from turnout.cli import show

    rows = show.plain_table("", "what", found.before, found.after)
    for each in found.changes:
        rows.add_row("~", each.field, escape(_text(each.before)), escape(_text(each.after)))
    for mark, names, words in (
        ("+", found.variables.added, ("", "set")),
        ("-", found.variables.removed, ("set", "")),
        ("~", found.variables.changed, ("set", "another value")),
        ("?", found.variables.not_compared, ("set", "set, in another environment")),
    ):
        for name in names:
            rows.add_row(mark, f"variable {name}", *words)
    if found.same:
        show.note("nothing differs")
    else:
        show.table(rows)


def _text(value: object) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
