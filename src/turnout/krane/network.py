"""Ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import Container

from turnout.domain.errors import Unavailable


def can_bind(port: int) -> bool:
    """Whether nobody listens on that port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closing connection is no listener
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: Container[int]) -> int:
    """A free port as the kernel chooses it, other than those `taken`. Raises Unavailable when there is none.

    Somebody else may still be faster than the app that gets it; whoever starts the app looks again then.
    """
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
    raise Unavailable("cannot start a process: the machine has no free port")
