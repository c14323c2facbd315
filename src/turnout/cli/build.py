"""`turnout build`: what a build would do, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnout.cli.options import Json


def build(
    *,
    folder: Annotated[Path, typer.Argument(help="The source folder.")] = Path(),
    print_: Annotated[bool, typer.Option("--print", help="Print the Dockerfile that an image is built by.")] = False,
    json: Json = False,
) -> int:
    """Show the Dockerfile of a folder: its own, or the one that is generated when it has none.

    Nothing is built, and no server is asked: `turnout deploy` builds.

    Examples:

        turnout build --print

        turnout build . --print > Dockerfile
    """
    from turnout import bootstrap
    from turnout.cli import show
    from turnout.cli.source import read_app
    from turnout.domain.errors import Invalid

    if not print_:
        raise Invalid("cannot build by hand: `turnout deploy` builds; to see the Dockerfile, use --print")
    app = read_app(folder, needs_run=True)
    text, generated = bootstrap.dockerfile_of(app.folder, app.manifest)
    if json:
        show.document({"dockerfile": text, "generated": generated})
    else:
        print(text, end="")
    return 0
