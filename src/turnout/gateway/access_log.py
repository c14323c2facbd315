"""What a gateway writes down of each request: one JSON line. Pure data for the bootstrap.

No line holds a query string, a header that could be a secret, or anything of a body. What a client chooses
(host, path, request id) is cut, so that nobody can make a line long.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from turnout.gateway.policies.identity import NAMESPACE

FLUSH_MILLISECONDS: Final = 250
"""A line is in the file this much later at most; Envoy's own 10 seconds would be felt by whoever follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessLog:
    """Where the lines go, and who writes them."""

    path: Path
    region: str = ""
    gateway: str = ""


def access_log(log: AccessLog) -> dict[str, Any]:
    """The access logger. Envoy writes from a thread of its own, and drops lines rather than wait for a disk."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(log.path),
            "log_format": {
                "json_format": {
                    "at": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
                    "domain": "%REQ(:AUTHORITY):255%",
                    "project_id": _of_route("project_id"),
                    "deployment_id": _of_route("deployment_id"),
                    "instance": "%UPSTREAM_HOST%",
                    "key_id": f"%DYNAMIC_METADATA({NAMESPACE}:key_id)%",
                    "method": "%REQ(:METHOD):32%",
                    "path": "%PATH(NQ):1024%",
                    "status": "%RESPONSE_CODE%",
                    "reason": "%RESPONSE_CODE_DETAILS%",
                    "flags": "%RESPONSE_FLAGS%",
                    "latency_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "region": log.region.replace("%", "%%"),
                    "gateway": log.gateway.replace("%", "%%"),
                    "request_id": "%REQ(X-REQUEST-ID):128%",
                    "trace_id": f"%DYNAMIC_METADATA({NAMESPACE}:trace_id)%",
                }
            },
        },
    }


def _of_route(key: str) -> str:
    return f"%METADATA(ROUTE:{NAMESPACE}:{key})%"
