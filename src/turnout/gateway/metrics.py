"""`/metrics` of one gateway, on the loopback interface: what Prometheus scrapes, and what the API adds up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server

from turnout.gateway.tally import Tally

log = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"


@contextmanager
def metrics_at(port: int, tally: Tally) -> Iterator[int]:
    """Serve the counts from a thread while the block runs; yields the port, which is a free one when 0 is given.

    Traffic does not depend on it: a port that is taken is said in the log, and nothing is served (yields 0).
    """
    registry = CollectorRegistry()
    registry.register(tally)
    try:
        server, thread = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        log.error("cannot serve metrics on port %d: %s", port, error)  # noqa: TRY400  # the message is enough
        yield 0
        return
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
