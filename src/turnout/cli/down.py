"""`turnout down`: stop everything of this home, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from turnout.cli.options import Json


def down(
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show what is stopped.")] = False,
) -> int:
    """Stop everything that `turnout up` started: traffic first, then the instances, Restate last.

    What was deployed is not forgotten: the next `turnout up` runs it again.

    Examples:

        turnout down
    """
    import os

    from turnout.cli import show
    from turnout.local.stop import down as stop
    from turnout.settings import home_folder

    home = home_folder(os.environ)
    say = (lambda _text: None) if json or quiet else show.note
    stopped = list(stop(home, say=say))
    instances = stop_instances(os.environ) if (home / "krane").is_dir() else ()
    if json:
        show.document(
            {"home": str(home), "was_running": bool(stopped), "stopped": stopped, "instances_stopped": list(instances)}
        )
    elif stopped or instances:
        print(f"stopped: {', '.join([*stopped, *instances])}")
    else:
        print(f"nothing runs in {home}")
    return 0


def stop_instances(environ: Mapping[str, str]) -> tuple[str, ...]:
    """End the instances that a krane which was killed has left; returns their ids."""
    import asyncio

    from turnout import bootstrap
    from turnout.settings import load_settings

    return asyncio.run(bootstrap.stop_instances(load_settings(environ)))
