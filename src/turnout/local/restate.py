"""The Restate server of this machine: its configuration as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from turnout.local.ports import LOOPBACK, Ports

NODE: Final = "turnout"
"""Fixed, since the data folder belongs to the node of this name and the machine's own name may change."""
_RETRY_SECONDS: Final = 1.0


def config(*, data: Path, identity: Path, ports: Ports, memory_mib: int, deadline_seconds: float) -> str:
    """The configuration file.

    A worker that is away is called again every second. No call is tried for longer than twice the deadline
    of an operation, which has been failed by then: it is killed, because a paused one would hold its
    project's key until somebody came and looked. Temporary files are the server's own to clear at its next
    start; in the machine's folder for them one would be left behind by every crash.
    """
    attempts = max(60, int(2 * deadline_seconds / _RETRY_SECONDS))
    return f"""\
# Written by `turnout up` at every start: changes are lost.
node-name = "{NODE}"
cluster-name = "{NODE}"
base-dir = {_quoted(data)}
listen-mode = "tcp"
bind-ip = "{LOOPBACK}"
advertised-host = "{LOOPBACK}"
bind-port = {ports.restate_node}
default-num-partitions = 2
rocksdb-total-memory-size = "{memory_mib} MiB"
disable-telemetry = true
log-filter = "warn,octocrab=off"
log-format = "compact"
log-disable-ansi-codes = true
shutdown-timeout = "5s"

[default-retry-policy]
initial-interval = "50ms"
exponentiation-factor = 2.0
max-interval = "{_RETRY_SECONDS:g}s"
max-attempts = {attempts}
on-max-attempts = "kill"

[bifrost]
record-cache-memory-size = "16 MiB"

[ingress]
bind-port = {ports.restate_ingress}

[admin]
bind-port = {ports.restate_admin}
disable-web-ui = true

[worker.invoker]
tmp-dir = {_quoted(data / "tmp")}
request-identity-private-key-pem-file = {_quoted(identity)}
"""


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)  # a JSON string of a path is a TOML string too
