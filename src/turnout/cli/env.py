"""`turnout env`: the variables that apps are started with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Environment, Json, Project

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.secret_documents import VariablesDocument

verbs = typer.Typer(
    name="env",
    help="The environment variables of a project: encrypted, and never shown again.",
    no_args_is_help=True,
)


@verbs.command("set")
def set_variables(
    *,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="What to set.", show_default=False)
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--from-stdin", help="Read the value of the one NAME, or NAME=value lines, from there.")
    ] = False,
    project: Project = None,
    env: Environment = "production",
    json: Json = False,
) -> int:
    """Set variables. Deployments made from now on have them; those that run keep what they were created with.

    What is typed can be read in the list of processes while this runs, and stays in the shell's history: give
    secrets with --from-stdin.

    Examples:

        turnout env set LOG_LEVEL=debug WORKERS=4

        turnout env set API_KEY --from-stdin < key.txt
    """
    values = _typed(assignments or [], from_stdin=from_stdin)
    return _do(project, env, lambda client, name: client.set_variables(name, env, values), json=json)


@verbs.command("import")
def import_variables(
    *,
    file: Annotated[str, typer.Argument(help="A file of NAME=value lines; - reads them from standard input.")],
    project: Project = None,
    env: Environment = "production",
    json: Json = False,
) -> int:
    """Set every variable of a .env file.

    Examples:

        turnout env import .env --env preview
    """
    from turnout.cli.dotenv import parse_dotenv
    from turnout.domain.errors import Invalid

    text = _read_stdin() if file == "-" else _read_file(Path(file))
    try:
        values = parse_dotenv(text)
    except Invalid as error:
        raise Invalid(f"cannot import {file}: {error.detail}") from None
    if not values:
        raise Invalid(f"cannot import {file}: there is no variable in it")
    return _do(project, env, lambda client, name: client.set_variables(name, env, values), json=json)


@verbs.command("ls")
def list_variables(*, project: Project = None, env: Environment = "production", json: Json = False) -> int:
    """List the variables that are set: names, versions and times. Values are never shown.

    Examples:

        turnout env ls --env preview --json
    """
    return _do(project, env, lambda client, name: client.variables(name, env), json=json, changes=False)


@verbs.command("rm")
def remove_variables(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="What to remove.")],
    project: Project = None,
    env: Environment = "production",
    json: Json = False,
) -> int:
    """Remove variables. Deployments made from now on do not have them.

    Examples:

        turnout env rm LOG_LEVEL
    """
    return _do(project, env, lambda client, name: client.remove_variables(name, env, names), json=json)


def _do(
    project: str | None,
    env: str,
    ask: Callable[[Client, str], Awaitable[VariablesDocument]],
    *,
    json: bool,
    changes: bool = True,
) -> int:
    import asyncio

    from turnout.cli import show
    from turnout.cli.connect import connect
    from turnout.cli.project import checked, existing_project

    checked(env, "--env")

    fresh = False

    async def asked() -> VariablesDocument:
        nonlocal fresh
        async with connect() as client:
            name = await existing_project(client, project)
            if changes:
                fresh = name not in {each.project for each in (await client.projects()).projects}
            return await ask(client, name)

    listed = asyncio.run(asked())
    if json:
        show.document(listed.model_dump(mode="json"))
        return 0
    rows = show.plain_table("variable", "version", "age")
    for each in listed.variables:
        rows.add_row(each.name, str(each.version), show.age(each.updated_at))
    show.table(rows)
    if fresh:
        show.note(f"{listed.project} is a new project: nothing has been deployed to it yet")
    if changes:
        show.note(f"the next deployment of {listed.project} to {listed.environment} has them; deploy to use them")
    return 0


def _typed(assignments: list[str], *, from_stdin: bool) -> dict[str, str]:
    """What was typed, or piped. Raises Invalid without repeating anything that could be a secret."""
    from turnout.cli.dotenv import parse_dotenv
    from turnout.domain.errors import Invalid
    from turnout.domain.variables import check_values

    if from_stdin and not assignments:
        values = parse_dotenv(_read_stdin())
    elif from_stdin:
        if len(assignments) != 1 or "=" in assignments[0]:
            raise Invalid("cannot read a value from standard input: name exactly one variable, without =")
        text = _read_stdin()
        values = {assignments[0]: text.removesuffix("\n").removesuffix("\r")}
    else:
        for number, each in enumerate(assignments, 1):
            if "=" not in each:
                raise Invalid(f"cannot set argument {number}: it is not of the form NAME=value")
        values = dict(each.split("=", 1) for each in assignments)
    if not values:
        raise Invalid("cannot set anything: write NAME=value, or use --from-stdin")
    check_values(values)
    return values


def _read_stdin() -> str:
    import sys

    from turnout.domain.errors import Invalid

    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise Invalid("cannot read standard input: it is not UTF-8 text") from None


def _read_file(file: Path) -> str:
    from turnout.domain.errors import Invalid

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"cannot read {file}: it is not UTF-8 text") from None
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise Invalid(f"cannot read {file}: no file has such a name") from None
