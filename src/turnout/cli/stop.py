"""`turnout stop`: a deployment runs no more, and can be started again."""

from __future__ import annotations

from typing import Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json

Which = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The deployment, such as dep_01k….")]


def stop(deployment: Which, json: Json = False) -> int:
    """Stop a deployment that is neither live nor led to by a branch or environment domain.

    It stays listed, keeps its image, and `turnout start`, `rollback --to` and `promote` start it again.

    Examples:

        turnout stop dep_01k…
    """
    from turnout.cli import show

    identifier = checked_deployment(deployment)
    stopped = ask(lambda client: client.stop(identifier))
    show.document(stopped.model_dump(mode="json")) if json else print(f"{stopped.id} is {stopped.status}")
    return 0


def checked_deployment(deployment: str) -> str:
    """The id as it was typed. Raises Invalid when it cannot be one."""
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if not is_id(deployment, "dep"):
        raise Invalid(f"cannot use {deployment!r}: it is no deployment id such as dep_01k…")
    return deployment
