"""Options that several verbs share, so that they are called and explained alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else.")]
Project = Annotated[
    str | None,
    typer.Option("--project", help="The project; else what turnout.toml says, else the name of the folder."),
]
Environment = Annotated[str, typer.Option("--env", help="The environment: production, preview, or another name.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return at once with the id of the operation.")]
