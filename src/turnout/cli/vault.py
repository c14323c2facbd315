"""`turnout vault`: the keys that variables are encrypted with."""

from __future__ import annotations

from typing import Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

verbs = typer.Typer(name="vault", help="The keys that variables are encrypted with.", no_args_is_help=True)


@verbs.callback()
def _keys() -> None:
    pass


@verbs.command()
def rotate(
    *,
    master: Annotated[bool, typer.Option("--master/--no-master", help="Make a new master key.")] = True,
    data: Annotated[bool, typer.Option("--data/--no-data", help="Make new data keys, and encrypt values anew.")] = True,
    json: Json = False,
) -> int:
    """Make new keys and encrypt with them what the old ones did, while everything runs.

    Nothing is unreadable at any moment, and an interrupted rotation is finished by the next one. The old master
    keys stay in their file: a backup of the store needs those of its time.

    Examples:

        turnout vault rotate

        turnout vault rotate --no-master
    """
    from turnout.cli import show

    done = ask(lambda client: client.rotate_keys(master=master, data=data))
    if json:
        show.document(done.model_dump(mode="json"))
    else:
        print(
            f"{done.master_key_id} is the master key: {done.data_keys_wrapped} data keys were wrapped with it, "
            f"{done.data_keys_made} were made, and {done.values_encrypted} values encrypted anew"
        )
    return 0
