"""Counts seen requests by deployment, and tells them to Prometheus.

Envoy's own statistics of every cluster would cost memory for each deployment, whether or not anybody asks for it
(docs/decisions/0042); these cost nothing before the first request.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from turnout.domain.requests import parse_line, status_class

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper limits of the latency histogram, in seconds."""

MOST: Final = 20_000
"""Deployments that are counted; the one that was asked for longest ago makes room."""


@dataclass(slots=True)
class _Counts:
    """One deployment behind one gateway."""

    statuses: dict[str, int] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class Tally(Collector):
    """Counts in one thread, tells in another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], _Counts] = {}

    def count(self, lines: Iterable[bytes]) -> None:
        """Take lines of the access log in. Damaged ones are passed over."""
        requests = [request for line in lines if (request := parse_line(line)) is not None]
        with self._lock:
            for request in requests:
                self._count(request)

    def collect(self) -> Iterator[Metric]:
        """See Prometheus."""
        names = ["project_id", "deployment", "region"]
        requests = CounterMetricFamily(
            "turnout_requests", "Requests, by the class of their status.", labels=[*names, "status"]
        )
        seconds = HistogramMetricFamily(
            "turnout_request_duration_seconds",
            "From the first byte of the request to the last of the answer, where that came.",
            labels=names,
        )
        received = CounterMetricFamily("turnout_request_bytes", "Bytes of the requests' bodies.", labels=names)
        sent = CounterMetricFamily("turnout_response_bytes", "Bytes of the answers' bodies.", labels=names)
        with self._lock:
            for labels, counts in self._counts.items():
                for status, number in counts.statuses.items():
                    requests.add_metric([*labels, status], number)
                seconds.add_metric(labels, list(_cumulative(counts.buckets)), counts.seconds)
                received.add_metric(labels, counts.bytes_in)
                sent.add_metric(labels, counts.bytes_out)
        return iter((requests, seconds, received, sent))

    def _count(self, request: dict[str, Any]) -> None:
        deployment = request.get("deployment_id")
        if not isinstance(deployment, str):
            return  # for a domain that nobody has: strangers choose those
        labels = (str(request.get("project_id")), deployment, str(request.get("region")))
        # Put behind the others, so that the first is always the one that is longest without a request.
        counts = self._counts.pop(labels, None) or _Counts()
        self._counts[labels] = counts
        if len(self._counts) > MOST:
            del self._counts[next(iter(self._counts))]
        status = status_class(request["status"])
        counts.statuses[status] = counts.statuses.get(status, 0) + 1
        counts.bytes_in += _number(request.get("bytes_in"))
        counts.bytes_out += _number(request.get("bytes_out"))
        if isinstance(microseconds := request.get("latency_us"), int):
            counts.seconds += microseconds / 1_000_000
            counts.buckets[bisect_left(BUCKETS, microseconds / 1_000_000)] += 1


def _cumulative(buckets: list[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for limit, number in zip([*map(str, BUCKETS), "+Inf"], buckets, strict=True):
        total += number
        yield limit, total


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
