"""`turnout tokens`: who may use this server, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.token_documents import TokenDocument

verbs = typer.Typer(
    name="tokens",
    help="Who may use this server, and for what. Only a hash of each token is kept: it is shown once, when it is made.",
    no_args_is_help=True,
)


@verbs.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; what is done with it bears this name.")],
    access: Annotated[
        str, typer.Option("--access", help="read: only look. deploy: also deploy and roll back. admin: everything.")
    ] = "deploy",
    expires: Annotated[
        str | None, typer.Option("--expires", help="How far ahead it ends, such as 90d, or a time; else never.")
    ] = None,
    json: Json = False,
) -> int:
    """Make a token and print it: this once, and never again.

    Its bearer signs in with TURNOUT_API_URL and TURNOUT_TOKEN.

    Examples:

        turnout tokens create ci --expires 90d

        turnout tokens create alice --access admin

        turnout tokens create prometheus --access read
    """
    from datetime import UTC, datetime

    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.expiry import parse_expiry
    from turnout.domain.token_documents import TokenBody
    from turnout.domain.tokens import PERSONAL, TokenAccess, check_token_name

    try:
        check_token_name(name)
    except ValueError as error:
        raise Invalid(f"cannot use this NAME: it {error}") from None
    if access not in PERSONAL:
        raise Invalid(f"cannot use --access {access!r}: it is one of {', '.join(PERSONAL)}")
    end = None if expires is None else parse_expiry(expires, now=datetime.now(UTC))
    body = TokenBody.model_validate({"name": name, "access": TokenAccess(access), "expires_at": end})
    made = ask(lambda client: client.create_token(body))
    if json:
        show.document(made.model_dump(mode="json"))
        return 0
    print(made.secret)
    show.note(f"this is {made.token.id} of {name}, for {access}, shown this once: keep it where secrets are kept")
    return 0


@verbs.command("ls")
def list_tokens(*, json: Json = False) -> int:
    """List the tokens that let in: whose they are, what for, and until when.

    Examples:

        turnout tokens ls
    """
    from turnout.cli import show

    listed = ask(lambda client: client.tokens())
    if json:
        show.document(listed.model_dump(mode="json"))
        return 0
    rows = show.plain_table("token", "name", "for", "expires", "age")
    for each in listed.tokens:
        end = "never" if each.expires_at is None else each.expires_at.isoformat(timespec="seconds")
        name = f"{each.name} (you)" if each.yours else each.name
        rows.add_row(each.id, name, _purpose(each), end, show.age(each.created_at))
    show.table(rows)
    return 0


@verbs.command("revoke")
def revoke(
    *,
    token_id: Annotated[
        str, typer.Argument(metavar="TOKEN_ID", help="The id of the token (tok_…), as `turnout tokens ls` lists it.")
    ],
    json: Json = False,
) -> int:
    """Let a token in no more, for ever.

    Examples:

        turnout tokens revoke tok_01jd3gk0c2m4xq7t9v5w8y6z1a
    """
    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if not is_id(token_id, "tok"):  # a token itself must not travel in an address
        raise Invalid("cannot use this TOKEN_ID: it has to be an id (tok_…), as `turnout tokens ls` lists it")
    revoked = ask(lambda client: client.revoke_token(token_id))
    if json:
        show.document(revoked.model_dump(mode="json"))
    else:
        print(f"{revoked.id} of {revoked.name} lets in no more")
    return 0


def _purpose(token: TokenDocument) -> str:
    return f"the krane of {token.region}" if token.region is not None else token.access
