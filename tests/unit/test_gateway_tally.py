"""Counting seen requests, and what Prometheus is told."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from turnout.gateway import tally
from turnout.gateway.metrics import metrics_at
from turnout.gateway.tally import Tally


def line(**fields: Any) -> bytes:
    """A line of the access log."""
    return json.dumps(
        {
            "project_id": "prj_1", "deployment_id": "dep_1", "region": "here", "status": 200, "latency_us": 3000,
            "bytes_in": 5, "bytes_out": 70,
        }
        | fields
    ).encode()  # fmt: skip


def told(counting: Tally) -> dict[tuple[str, ...], float]:
    """Every sample by its name, the values of its labels, and the one that only some have."""
    registry = CollectorRegistry()
    registry.register(counting)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    labels = ("project_id", "deployment", "region", "status", "le")
    return {
        (each.name, *(each.labels[label] for label in labels if label in each.labels)): each.value
        for family in families
        for each in family.samples
    }


def test_requests_are_counted_by_class_and_bytes_and_latency_are_added_up() -> None:
    """One deployment, four requests."""
    counting = Tally()
    counting.count([line(), line(status=204), line(status=503, latency_us=2_000_000), line(status=0, latency_us=None)])
    found = told(counting)
    names = ("prj_1", "dep_1", "here")
    assert found["turnout_requests_total", *names, "2xx"] == 2
    assert found["turnout_requests_total", *names, "5xx"] == 1
    assert found["turnout_requests_total", *names, "none"] == 1
    assert found["turnout_request_bytes_total", *names] == 20
    assert found["turnout_response_bytes_total", *names] == 280
    assert found["turnout_request_duration_seconds_count", *names] == 3, "the client that left has no latency"
    assert found["turnout_request_duration_seconds_sum", *names] == 2.006
    assert found["turnout_request_duration_seconds_bucket", *names, "0.0025"] == 0
    assert found["turnout_request_duration_seconds_bucket", *names, "0.005"] == 2
    assert found["turnout_request_duration_seconds_bucket", *names, "+Inf"] == 3


def test_what_is_damaged_or_nobodys_is_passed_over() -> None:
    """Strangers choose host names, and a full disk cuts lines."""
    counting = Tally()
    counting.count([b"", b"{", b"[]", b"7", b'{"status": "200"}', line(deployment_id=None), line()[:-9]])
    assert told(counting) == {}


def test_the_one_without_requests_for_longest_makes_room(monkeypatch: Any) -> None:
    """Deployments come and go, and memory has an end."""
    monkeypatch.setattr(tally, "MOST", 2)
    counting = Tally()
    counting.count([line(deployment_id=each) for each in ("dep_1", "dep_2", "dep_1", "dep_3")])
    assert {labels[2] for labels in told(counting)} == {"dep_1", "dep_3"}


def test_prometheus_may_ask_while_it_is_counted() -> None:
    """Over HTTP, on a port of the loopback interface; the server ends with the block."""
    counting = Tally()
    with metrics_at(0, counting) as port:
        thread = threading.Thread(target=lambda: [counting.count([line()]) for _ in range(500)])
        thread.start()
        while thread.is_alive():
            assert httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code == 200
        thread.join()
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert 'turnout_requests_total{deployment="dep_1",project_id="prj_1",region="here",status="2xx"} 500.0' in text


def test_a_port_that_is_taken_stops_nothing() -> None:
    """Traffic does not depend on metrics."""
    with metrics_at(0, Tally()) as port, metrics_at(port, Tally()) as none:
        assert none == 0
