"""`turnout backup` and `turnout restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.backups.making import BackupReport


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to be made, such as home.tar.gz; - is standard output.")],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Add the master keys: whoever has the archive can then read everything.")
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Add what instances and builds have printed.")] = False,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Leave out the database: for PostgreSQL, beside a pg_dump.")
    ] = False,
    json: Json = False,
) -> int:
    """Pack the store, releases and sources of this home into one archive, while it runs.

    The master keys are not in it unless you say so: without them nobody can read variables and private keys, you
    neither. Keep them somewhere else. Images of a container engine and the data of Restate are never in it.

    Examples:

        turnout backup turnout-$(date +%F).tar.gz

        turnout backup - --with-keys | age -r age1… > turnout.tar.gz.age
    """
    import asyncio
    import os
    import sys
    from dataclasses import asdict

    from turnout import bootstrap
    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.settings import load_settings

    if str(file) == "-" and json:
        raise Invalid("cannot print both: with - the archive is on standard output, and --json wants to be there too")
    if str(file) == "-" and sys.stdout.isatty():
        raise Invalid("cannot print an archive on a terminal: name a file, or pipe it somewhere")
    done = asyncio.run(
        bootstrap.make_backup(
            load_settings(os.environ), file, with_keys=with_keys, logs=logs, with_store=not files_only
        )
    )
    if json:
        show.document(asdict(done))
        return 0
    _tell(done)
    return 0


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `turnout backup` has made; - is standard input.")],
    *,
    home: Annotated[
        Path | None, typer.Option("--home", help="Where; else TURNOUT_HOME. It must not be there yet, or be empty.")
    ] = None,
    json: Json = False,
) -> int:
    """Make a home of a backup. `turnout up` then serves the same deployments under the same domains.

    What was under way when the backup was made ends as failed, with the reason, and can be asked for again.

    Examples:

        turnout restore turnout-2030-01-01.tar.gz --home /srv/turnout
    """
    import os
    from dataclasses import asdict

    from turnout import bootstrap
    from turnout.cli import show
    from turnout.settings import home_folder

    place = home.expanduser().absolute() if home is not None else home_folder(os.environ)
    done = bootstrap.restore_backup(file, place)
    if json:
        show.document(asdict(done))
        return 0
    print(f"restored {place}, as it was at {done.made_at}")
    if not done.has_store:
        show.note("the database is not in it: restore that with pg_restore, and set TURNOUT_DATABASE_URL")
    if not done.has_keys:
        show.note(f"the master keys are not in it: put yours at {place / 'vault' / 'keys.json'} before you start it")
    show.note(f"start it with: TURNOUT_HOME={place} turnout up")
    return 0


def _tell(done: BackupReport) -> None:
    from turnout.cli import show

    size = "" if done.size_bytes is None else f", {done.size_bytes / 1_048_576:.1f} MiB"
    show.note(f"backed up {done.entries} files{size}")
    if done.has_keys:
        show.note("the master keys are in it: whoever can read it can read every variable and private key")
    else:
        show.note(
            f"the master keys are not in it: without {done.keys_file} nobody can read variables; keep a copy apart"
        )
    if not done.has_store:
        show.note("the database is not in it")
    if done.engine_images:
        number = len(done.engine_images)
        show.note(f"{number} image{'s' if number > 1 else ''} of the container engine {'are' if number > 1 else 'is'} "
                  f"not in it, such as {done.engine_images[0]}")  # fmt: skip
