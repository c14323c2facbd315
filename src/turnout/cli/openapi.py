"""`turnout openapi`: what an app says of its own API, and what changed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from turnout.cli.connect import ask
from turnout.cli.failures import DONE, FAILED
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.openapi_answers import ApiDiffDocument


class _ShowUnlessTold(TyperGroup):
    """`turnout openapi dep_…` is short for `turnout openapi show dep_…`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # its own context
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


verbs = typer.Typer(
    name="openapi",
    cls=_ShowUnlessTold,
    help="The OpenAPI document of a deployment: `turnout openapi dep_…`, and `diff` for what changed.",
    no_args_is_help=True,
)


@verbs.command("show")
def show_openapi(
    *,
    deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="A deployment.")],
    yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML instead of JSON.")] = False,
    json: Json = False,
) -> int:
    """Print the OpenAPI document that a deployment described itself by when it was deployed.

    Examples:

        turnout openapi dep_01k…

        turnout openapi dep_01k… --yaml > openapi.yaml
    """
    import json as reader

    from turnout.cli import show
    from turnout.domain.errors import Invalid

    if yaml and json:
        raise Invalid("cannot print YAML and JSON at once: leave out one of --yaml and --json")
    identifier = _checked(deployment)
    text = ask(lambda client: client.openapi(identifier, form="yaml" if yaml else "json"))
    if yaml:
        print(text, end="")
    else:
        show.document(reader.loads(text))
    return DONE


@verbs.command("diff")
def diff_openapi(
    *,
    before: Annotated[str, typer.Argument(help="A deployment.")],
    after: Annotated[str, typer.Argument(help="The deployment to compare it with.")],
    fail_on_breaking: Annotated[
        bool, typer.Option("--fail-on-breaking", help="Exit with 1 when a change breaks clients.")
    ] = False,
    json: Json = False,
) -> int:
    """Show what changed from one deployment's API to another's. Changes that break clients come with a !

    Examples:

        turnout openapi diff dep_01k… dep_01m…

        turnout openapi diff dep_01k… dep_01m… --fail-on-breaking
    """
    from turnout.cli import show

    pair = _checked(before), _checked(after)
    found = ask(lambda client: client.openapi_diff(*pair))
    if json:
        show.document(found.model_dump(mode="json"))
    else:
        _print(found)
    return FAILED if fail_on_breaking and found.breaking else DONE


def _checked(deployment: str) -> str:
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if not is_id(deployment, "dep"):
        raise Invalid(f"cannot use {deployment!r}: it is no deployment id such as dep_01k…")
    return deployment


def _print(found: ApiDiffDocument) -> None:
    from rich.markup import escape

    from turnout.cli import show

    if found.same:
        show.note("the API is the same")
        return
    rows = show.plain_table("", "operation", "where", "what", "rule")
    for each in found.changes:
        rows.add_row(
            "!" if each.breaking else "", escape(each.operation), escape(each.place), escape(each.text), each.rule
        )
    show.table(rows)
    several = "s" if len(found.changes) != 1 else ""
    show.note(f"{len(found.changes)} change{several}, {found.breaking or 'none'} of them breaking")
