"""`turnout server`, `worker`, `krane`, `gateway`: one part in the foreground, for machines of their own.

They are started by `turnout up`, too, and then without loading anything of the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PARTS: Final = ("server", "worker", "krane", "gateway")
_FLAGS: Final = {"krane": frozenset({"--stop-instances-on-exit"})}


def is_part(arguments: Sequence[str]) -> bool:
    """Whether this command line is a part without anything that needs explaining."""
    if not arguments or arguments[0] not in PARTS:
        return False
    return set(arguments[1:]) <= _FLAGS.get(arguments[0], frozenset())


def run_part(name: str, flags: Sequence[str] = ()) -> int:
    """Run a part until SIGTERM or Ctrl-C. Raises TurnoutError when it cannot start."""
    import asyncio

    from turnout import bootstrap
    from turnout.settings import load_settings

    settings = load_settings()
    if name == "server":
        asyncio.run(bootstrap.run_server(settings))
    elif name == "worker":
        asyncio.run(bootstrap.run_worker(settings))
    elif name == "krane":
        asyncio.run(bootstrap.run_krane(settings, stop_instances_on_exit="--stop-instances-on-exit" in flags))
    else:
        asyncio.run(bootstrap.run_gateway(settings))
    return 0
