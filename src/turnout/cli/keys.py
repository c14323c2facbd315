"""`turnout keys`: who may call the apps that ask for a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.key_documents import KeyChanged, KeyDocument, KeyspaceChanged

verbs = typer.Typer(
    name="keys",
    help="The keys of a keyspace. Only a hash of each is kept: a key is shown once, when it is made.",
    no_args_is_help=True,
)

Keyspace = Annotated[str, typer.Argument(metavar="KEYSPACE", help="Its name or its id.")]
KeyId = Annotated[
    str, typer.Argument(metavar="KEY_ID", help="The id of the key (key_…), as `turnout keys ls` lists it.")
]
_LIMIT = "So many requests per second, minute, hour or day, such as 100/minute"
_END = "How far ahead, such as 12h or 30d, or a time such as 2030-01-31T12:00:00Z"


@verbs.command("create")
def create(
    *,
    keyspace: Keyspace,
    name: Annotated[str, typer.Option("--name", help="Who or what it is for.")],
    expires: Annotated[str | None, typer.Option("--expires", help=f"{_END}; else never.")] = None,
    limit: Annotated[str | None, typer.Option("--limit", help=f"{_LIMIT}; else its keyspace's.")] = None,
    json: Json = False,
) -> int:
    """Make a key and print it: this once, and never again.

    Callers send it as `Authorization: Bearer <key>` or as `X-API-Key: <key>`.

    Examples:

        turnout keys create customers --name acme

        turnout keys create customers --name trial --expires 30d --limit 10/second
    """
    from datetime import UTC, datetime

    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.expiry import parse_expiry
    from turnout.domain.key_documents import KeyCreated
    from turnout.domain.keyspaces import check_key_name, parse_limit

    checked_keyspace(keyspace)
    try:
        check_key_name(name)
    except ValueError as error:
        raise Invalid(f"cannot use --name: it {error}") from None
    end = None if expires is None else parse_expiry(expires, now=datetime.now(UTC))
    wanted = None if limit is None else parse_limit(limit)

    def shown(made: KeyChanged | KeyspaceChanged) -> None:
        assert isinstance(made, KeyCreated)  # noqa: S101  # what was asked for below
        print(made.secret)
        show.note(f"this is {made.key.id} of {made.key.keyspace}, shown this once: keep it where secrets are kept")

    return change_keys(
        lambda client: client.create_key(keyspace, name, expires_at=end, limit=wanted), json=json, shown=shown
    )


@verbs.command("ls")
def list_keys(*, keyspace: Keyspace, json: Json = False) -> int:
    """List the keys of a keyspace: names, first letters, states and limits.

    Examples:

        turnout keys ls customers
    """
    from turnout.cli import show

    checked_keyspace(keyspace)
    listed = ask(lambda client: client.keys(keyspace))
    if json:
        show.document(listed.model_dump(mode="json"))
    else:
        _print(listed.keys)
    return 0


@verbs.command("revoke")
def revoke(*, key_id: KeyId, json: Json = False) -> int:
    """Let a key in no more, for ever. Done when no gateway lets it in.

    Examples:

        turnout keys revoke key_01jd3gk0c2m4xq7t9v5w8y6z1a
    """
    _checked_id(key_id)
    return change_keys(lambda client: client.revoke_key(key_id), json=json)


@verbs.command("expire")
def expire(
    *,
    key_id: KeyId,
    end: Annotated[str, typer.Argument(metavar="END", help=f"{_END}. Or: never.")],
    json: Json = False,
) -> int:
    """Give a key another end. One that is over lets in again if its new end is ahead.

    Examples:

        turnout keys expire key_01jd3gk0c2m4xq7t9v5w8y6z1a 24h

        turnout keys expire key_01jd3gk0c2m4xq7t9v5w8y6z1a never
    """
    from datetime import UTC, datetime

    from turnout.domain.expiry import parse_expiry

    _checked_id(key_id)
    moment = None if end == "never" else parse_expiry(end, now=datetime.now(UTC))
    return change_keys(lambda client: client.expire_key(key_id, moment), json=json)


@verbs.command("limit")
def limit_key(
    *,
    key_id: KeyId,
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help=f"{_LIMIT}. Or: default, its keyspace's.")],
    json: Json = False,
) -> int:
    """Give a key a limit of its own.

    Examples:

        turnout keys limit key_01jd3gk0c2m4xq7t9v5w8y6z1a 1000/hour
    """
    from turnout.domain.keyspaces import parse_limit

    _checked_id(key_id)
    wanted = None if limit == "default" else parse_limit(limit)
    return change_keys(lambda client: client.limit_key(key_id, wanted), json=json)


def change_keys(
    change: Callable[[Client], Awaitable[KeyChanged | KeyspaceChanged]],
    *,
    json: bool,
    shown: Callable[[KeyChanged | KeyspaceChanged], None] | None = None,
) -> int:
    """Make a change, show it, and wait for the gateways. 1 when one of them does not go by it in time."""
    import asyncio

    from turnout.cli import show
    from turnout.cli.connect import connect
    from turnout.domain.errors import TurnoutError
    from turnout.domain.key_documents import KeyspaceChanged

    async def changed_and_told() -> tuple[KeyChanged | KeyspaceChanged, tuple[str, ...]]:
        async with connect() as client:
            changed = await change(client)
            try:
                return changed, await client.gateways_without(changed.generation)
            except TurnoutError as error:  # the change is made, and what it answered cannot be asked for again
                show.note(f"cannot tell whether the gateways go by it: {error.detail}")
                return changed, ("unknown",)

    changed, behind = asyncio.run(changed_and_told())
    if json:
        show.document({**changed.model_dump(mode="json"), "unconfirmed": list(behind)})
    elif isinstance(changed, KeyspaceChanged):
        print(f"{changed.keyspace.name} has the limit {changed.keyspace.limit or 'none'}")
    elif shown is not None:
        shown(changed)
    else:
        _print((changed.key,))
    if behind and behind != ("unknown",):
        show.note(f"not every gateway has confirmed it: {', '.join(behind)} may still go by what was before")
    return 1 if behind else 0


def checked_keyspace(reference: str) -> str:
    """The name or id of a keyspace. Raises Invalid, without repeating what may be a key."""
    from turnout.domain.errors import Invalid
    from turnout.domain.keyspaces import check_reference

    try:
        return check_reference(reference)
    except ValueError as error:
        raise Invalid(f"cannot use this KEYSPACE: it {error}") from None


def _checked_id(key_id: str) -> None:
    """A key itself must not travel in an address, and is of no use there: only its hash is known."""
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if not is_id(key_id, "key"):
        raise Invalid("cannot use this KEY_ID: it has to be the id of a key (key_…), as `turnout keys ls` lists it")


def _print(keys: tuple[KeyDocument, ...]) -> None:
    from turnout.cli import show

    rows = show.plain_table("key", "name", "starts with", "state", "limit", "expires", "age")
    for each in keys:
        end = "never" if each.expires_at is None else each.expires_at.isoformat(timespec="seconds")
        rows.add_row(
            each.id, each.name, f"{each.start}…", each.state, str(each.limit or "none"), end, show.age(each.created_at)
        )
    show.table(rows)
