"""Which server is meant, and the token for it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from turnout.client import Client

T = TypeVar("T")


def connect(environ: Mapping[str, str] | None = None) -> Client:
    """The client for the server that the environment names, else for the one of this machine.

    Raises Unreachable when no server was ever started here, or nothing says how to sign in.
    """
    from turnout.client import Client, Unreachable
    from turnout.local.credentials import read_credentials
    from turnout.settings import home_folder

    environ = os.environ if environ is None else environ
    home = home_folder(environ)
    local = read_credentials(home)
    api_url, token = environ.get("TURNOUT_API_URL"), environ.get("TURNOUT_TOKEN")
    if not api_url:
        if local is None:
            raise Unreachable(
                f"cannot reach a server: none was started in {home}; start one with `turnout up`, "
                "or name one in TURNOUT_API_URL and TURNOUT_TOKEN"
            )
        api_url = local.api_url
    if not token:
        # The token of this machine is for this machine: no other address ever gets to see it.
        if local is None or local.api_url.rstrip("/") != api_url.rstrip("/"):
            raise Unreachable(f"cannot sign in at {api_url}: set TURNOUT_TOKEN to a token of that server")
        token = local.token
    return Client(api_url, token)


def ask(question: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, ask that, and hang up. Raises whatever `connect` and the question raise."""
    import asyncio

    async def asked() -> T:
        async with connect() as client:
            return await question(client)

    return asyncio.run(asked())
