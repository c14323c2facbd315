"""Waiting for the gateways without being an operation: whoever changed what they serve wants to know when they do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from turnout.domain.waits import GatewayRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """One open wait for one generation."""

    awakeable_id: str
    generation: int
    created_at: datetime
    deadline_at: datetime


def not_served_by(gateways: Iterable[GatewayRecord], *, generation: int) -> str:
    """Why a generation is not everywhere yet, as a sentence."""
    connected = [gateway for gateway in gateways if gateway.connected]
    behind = sorted(gateway.id for gateway in connected if gateway.acknowledged_generation < generation)
    if not connected:
        return "no gateway is connected; it is served as soon as one is back"
    return f"these gateways did not confirm it in time: {', '.join(behind)}"
