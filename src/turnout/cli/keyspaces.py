"""`turnout keyspaces`: sets of keys, which deployments ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.key_documents import KeyspaceDocument

verbs = typer.Typer(
    name="keyspaces",
    help="Sets of keys. A deployment names the one whose keys its requests need.",
    no_args_is_help=True,
)

Keyspace = Annotated[str, typer.Argument(metavar="KEYSPACE", help="Its name or its id.")]
_LIMIT = "So many requests per second, minute, hour or day, such as 100/minute."


@verbs.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and single dashes.")],
    limit: Annotated[str | None, typer.Option("--limit", help=f"For each of its keys. {_LIMIT}")] = None,
    json: Json = False,
) -> int:
    """Make an empty keyspace. What asks for its keys lets nobody in until there is one.

    Examples:

        turnout keyspaces create customers --limit 100/minute
    """
    from turnout.cli import show
    from turnout.cli.project import checked
    from turnout.domain.keyspaces import parse_limit

    checked(name, "NAME")
    wanted = None if limit is None else parse_limit(limit)
    made = ask(lambda client: client.create_keyspace(name, limit=wanted))
    if json:
        show.document(made.model_dump(mode="json"))
    else:
        _print((made,))
        show.note(
            f"turnout deploy --key-auth-id {made.name} asks for its keys; turnout keys create {made.name} makes one"
        )
    return 0


@verbs.command("ls")
def list_keyspaces(*, json: Json = False) -> int:
    """List the keyspaces, each with how many keys let in.

    Examples:

        turnout keyspaces ls --json
    """
    from turnout.cli import show

    listed = ask(lambda client: client.keyspaces())
    if json:
        show.document(listed.model_dump(mode="json"))
    else:
        _print(listed.keyspaces)
    return 0


@verbs.command("limit")
def limit_keyspace(
    *,
    keyspace: Keyspace,
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help=f"{_LIMIT} Or: none.")],
    json: Json = False,
) -> int:
    """Give the keys that have no limit of their own another one.

    Examples:

        turnout keyspaces limit customers 20/second

        turnout keyspaces limit customers none
    """
    from turnout.cli.keys import change_keys, checked_keyspace
    from turnout.domain.keyspaces import parse_limit

    checked_keyspace(keyspace)
    wanted = None if limit == "none" else parse_limit(limit)
    return change_keys(lambda client: client.limit_keyspace(keyspace, wanted), json=json)


@verbs.command("rm")
def remove(*, keyspace: Keyspace, json: Json = False) -> int:
    """Remove a keyspace, and revoke its keys. Refused while a deployment asks for them.

    Examples:

        turnout keyspaces rm customers
    """
    from turnout.cli import show
    from turnout.cli.keys import checked_keyspace

    checked_keyspace(keyspace)
    removed = ask(lambda client: client.remove_keyspace(keyspace))
    if json:
        show.document(removed.model_dump(mode="json"))
    else:
        print(f"removed {removed.name}")
    return 0


def _print(keyspaces: tuple[KeyspaceDocument, ...]) -> None:
    from turnout.cli import show

    rows = show.plain_table("keyspace", "id", "keys", "limit", "age")
    for each in keyspaces:
        rows.add_row(each.name, each.id, str(each.keys), str(each.limit or "none"), show.age(each.created_at))
    show.table(rows)
