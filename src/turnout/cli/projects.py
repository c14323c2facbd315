"""`turnout projects`: which there are, and the end of one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

verbs = typer.Typer(
    name="projects",
    help="The projects there are. One comes into being with its first deploy, and ends with `rm`.",
    no_args_is_help=True,
)


@verbs.command("ls")
def list_projects(*, json: Json = False) -> int:
    """List the projects, and what is live in each.

    Examples:

        turnout projects ls --json
    """
    from turnout.cli import show

    listed = ask(lambda client: client.projects())
    if json:
        show.document(listed.model_dump(mode="json"))
        return 0
    rows = show.plain_table("project", "live", "")
    for each in listed.projects:
        rows.add_row(each.project, each.live_deployment_id or "nothing", "rolled back" if each.rolled_back else "")
    show.table(rows)
    return 0


@verbs.command("rm")
def remove(
    *,
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Its name, as `turnout projects ls` has it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Remove a project, live or not: it is served no more, its instances are stopped, its files are deleted.

    With it go its custom domains, the certificates that were got for them, its protections, and its variables. There
    is no way back; the name is free for another project.

    Examples:

        turnout projects rm hello

        turnout projects rm hello --yes --json
    """
    from turnout.cli import show
    from turnout.cli.gc import print_report
    from turnout.cli.project import checked

    name = checked(project, "the project")
    if not yes:
        _be_sure(name, may_ask=not json and sys.stdin.isatty())
    report = ask(lambda client: client.remove_project(name))
    if json:
        show.document({"project": name} | report.model_dump(mode="json"))
    else:
        print(f"{name} is removed")
        print_report(report)
    return 0


def _be_sure(name: str, *, may_ask: bool) -> None:
    """Raises Invalid unless a person types the name once more."""
    from turnout.domain.errors import Invalid

    if not may_ask:
        raise Invalid(f"cannot remove {name} without asking, and there is nobody to ask: add --yes")
    print(f"All of {name} will be gone. Type its name to remove it: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Invalid(f"{name} is left as it is: that was not its name")
