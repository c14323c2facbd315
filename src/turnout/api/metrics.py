"""`/metrics`: the numbers of the caller's workspace, and what the gateway of this machine has counted for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import httpx
from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from turnout.api.parts import Caller
from turnout.domain.findings import FindingKind
from turnout.store.measures import Measured

_GATEWAY_SECONDS: Final = 2.0
_PROJECT_ID: Final = "project_id"


async def show_metrics(caller: Caller) -> Response:
    """Operations, instances, builds, gateways and requests, as Prometheus reads them.

    Requests are those that the gateway on this machine has counted; a gateway elsewhere is scraped where it is.
    """
    measured = await caller.store.measures(workspace_id=caller.workspace_id)
    told = await _gateway(caller.parts.settings.gateway.metrics_port)
    families = [
        *_of_store(measured),
        *_of_watchdog(caller),
        _gauge("turnout_gateway_metrics_up", "Whether requests are told.", told != ""),
    ]
    families += _of_gateway(told, measured.projects)
    registry = CollectorRegistry()
    registry.register(_Once(families))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Once(Collector):
    """Families that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_store(measured: Measured) -> Iterator[Metric]:
    operations = GaugeMetricFamily(
        "turnout_operations", "Operations that were ever asked for, by kind and status.", labels=["kind", "status"]
    )
    for (kind, status), number in measured.operations.items():
        operations.add_metric([kind, status], number)
    instances = GaugeMetricFamily("turnout_instances", "Instances, as krane reports.", labels=["region", "status"])
    for (region, status), number in measured.instances.items():
        instances.add_metric([region, status], number)
    builds = GaugeMetricFamily("turnout_builds", "Builds that run, or wait for a place.", labels=["state"])
    builds.add_metric(["running"], measured.builds_running)
    builds.add_metric(["waiting"], measured.builds_waiting)
    yield from (operations, instances, builds)
    yield _gauge("turnout_operations_running", "Operations that have begun.", measured.running_operations)
    yield _gauge("turnout_operations_waiting", "Operations that wait to begin.", measured.waiting_operations)
    yield _gauge("turnout_generation", "The newest routing transaction.", measured.generation)
    names = ["gateway", "region"]
    connected = GaugeMetricFamily("turnout_gateway_connected", "Whether its stream is open.", labels=names)
    acknowledged = GaugeMetricFamily("turnout_gateway_acknowledged_generation", "What it applies.", labels=names)
    lag = GaugeMetricFamily("turnout_gateway_lag", "Generations it has not acknowledged yet.", labels=names)
    refused = GaugeMetricFamily("turnout_gateway_refused", "Whether it refused a configuration.", labels=names)
    for gateway in measured.gateways:
        labels = [gateway.id, gateway.region]
        connected.add_metric(labels, gateway.connected)
        acknowledged.add_metric(labels, gateway.acknowledged_generation)
        lag.add_metric(labels, max(0, measured.generation - gateway.acknowledged_generation))
        refused.add_metric(labels, gateway.error is not None)
    yield from (connected, acknowledged, lag, refused)


def _of_watchdog(caller: Caller) -> Iterator[Metric]:
    watchdog = caller.parts.watchdog
    there = Counter(each.kind for each in watchdog.findings(workspace_id=caller.workspace_id) if not each.repaired)
    repairs = watchdog.repairs(workspace_id=caller.workspace_id)
    findings = GaugeMetricFamily("turnout_findings", "What is stuck, leaked or forgotten.", labels=["kind"])
    repaired = CounterMetricFamily("turnout_repairs", "Findings that were repaired by themselves.", labels=["kind"])
    for kind in FindingKind:
        findings.add_metric([kind], there[kind])
        repaired.add_metric([kind], repairs.get(kind, 0))
    yield from (findings, repaired)
    yield _gauge("turnout_watchdog_age_seconds", "How long ago it looked.", watchdog.seconds_since_look())


def _of_gateway(told: str, projects: Mapping[str, str]) -> Iterator[Metric]:
    """What the gateway counted for these projects, which are named here and not by their ids."""
    for family in text_string_to_metric_families(told):
        mine = [sample for sample in family.samples if sample.labels.get(_PROJECT_ID) in projects]
        family.samples = [
            sample._replace(
                labels={name: value for name, value in sample.labels.items() if name != _PROJECT_ID}
                | {"project": projects[sample.labels[_PROJECT_ID]]}
            )
            for sample in mine
        ]
        yield family


async def _gateway(port: int) -> str:
    """What the gateway of this machine tells; nothing when it is away, or no port is known."""
    if not port:
        return ""
    try:
        # Plain HTTP on this machine; loading certificates would hold up every other request.
        async with httpx.AsyncClient(timeout=_GATEWAY_SECONDS, trust_env=False, verify=False) as client:  # noqa: S501
            answer = await client.get(f"http://127.0.0.1:{port}/metrics", headers={"accept": "text/plain"})
            answer.raise_for_status()
    except httpx.HTTPError:
        return ""
    return answer.text


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
