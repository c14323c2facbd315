"""`turnout up`: everything, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.local.record import Addresses


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    gateway_port: Annotated[
        int | None, typer.Option("--gateway-port", min=0, max=65535, help="Where traffic comes in; 0 is a free port.")
    ] = None,
    gateway_host: Annotated[str | None, typer.Option("--gateway-host", help="The address traffic comes in at.")] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="What runs instances: auto, docker or process.")
    ] = None,
    json: Json = False,
) -> int:
    """Start everything: Restate, the API, a worker, krane and the gateway. Nothing else has to be installed.

    Stays and shows what happens until Ctrl-C stops it all; with --detach it returns when everything is ready.

    Examples:

        turnout up

        turnout up --detach --gateway-port 8080
    """
    import asyncio
    import os

    from turnout.cli import show
    from turnout.local.start import AlreadyRuns, check
    from turnout.local.start import up as stay
    from turnout.settings import load_settings

    given = {
        "TURNOUT_GATEWAY_PORT": None if gateway_port is None else str(gateway_port),
        "TURNOUT_GATEWAY_HOST": gateway_host,
        "TURNOUT_KRANE_BACKEND": backend,
    }
    environ = {**os.environ, **{name: value for name, value in given.items() if value is not None}}
    settings = load_settings(environ)

    def ready(addresses: Addresses) -> None:
        _print(addresses, as_json=json, stay=not detach)

    try:
        check(settings)
        if not detach:
            os.environ.update(environ)  # the parts inherit it
            asyncio.run(stay(environ, say=show.note, ready=ready))
            _stop_instances(environ)
            return 0
        from turnout.local.detach import start_detached

        ready(start_detached(settings.home, environ, say=show.note))
    except AlreadyRuns as running:
        addresses = running.addresses or _wait_for_other(settings.home)
        show.note(f"it runs already in {settings.home}")
        if any(value is not None for value in given.values()):
            show.note("what was asked for with it changes nothing now: `turnout down` first, then `turnout up` again")
        _print(addresses, as_json=json, stay=False)
    return 0


def _print(addresses: Addresses, *, as_json: bool, stay: bool) -> None:
    from dataclasses import asdict

    from turnout.cli import show

    if as_json:
        show.document(asdict(addresses))
    else:
        print(f"gateway  {addresses.gateway_url}")
        if addresses.gateway_https_url:
            print(f"HTTPS    {addresses.gateway_https_url}")
        print(f"API      {addresses.api_url}")
        print(f"home     {addresses.home}")
        if stay:
            show.note("Ctrl-C stops everything")
    import sys

    sys.stdout.flush()


def _wait_for_other(home: Path) -> Addresses:
    """The addresses of a supervisor that is still starting. Raises Conflict when it ends instead."""
    import time

    from turnout.domain.errors import Conflict
    from turnout.local.home import is_held
    from turnout.local.record import read_running

    while is_held(home):
        running = read_running(home)
        if running is not None and running.alive and running.addresses is not None:
            return running.addresses
        time.sleep(0.1)
    raise Conflict(f"cannot start in {home}: another `turnout up` was there and has just ended; try again")


def _stop_instances(environ: dict[str, str]) -> None:
    """What krane could not stop, because it was dead itself at that moment."""
    from turnout.cli.down import stop_instances

    stop_instances(environ)
