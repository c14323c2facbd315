"""What is broken on purpose: one row for each kind of fault, named once and used by every test of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class Promise:
    """A fault, and what holds although it happens."""

    fault: str
    holds: str


class Row(Enum):
    """The rows of docs/reliability.md, in their order. A test says its own with `@pytest.mark.fault(Row.…)`."""

    KILLED_AT_A_STEP = Promise(
        "`kill -9` of the worker before and after the effect of every step",
        "one effect, nothing left over, and the operation goes on within 2 s of the worker's return",
    )
    STUMBLING_STEP = Promise(
        "an error before and after the effect of every step", "the step is done again and has one effect"
    )
    REPEATED_STEP = Promise("every step done twice", "one effect")
    ENDED_AT_A_STEP = Promise("SIGTERM to the worker in a step", "it ends within its grace; the next one goes on")
    RESTATE_KILLED = Promise("`kill -9` of Restate", "operations go on when it is back; no request fails")
    RESTATE_WIPED = Promise(
        "Restate's data is lost", "operations that only it knew end as failed with the reason; traffic is as before"
    )
    STORE_AWAY = Promise("the database is locked, away, or killed in the switch", "no switch without its commit")
    ENGINE_AWAY = Promise(
        "the container engine is gone, hangs or is slow", "a plain reason; krane catches up afterwards"
    )
    KRANE_KILLED = Promise("`kill -9` of krane", "instances go on, and are its own again when it is back")
    GATEWAY_KILLED = Promise("`kill -9` of the gateway or of Envoy", "it is back with what it served last")
    STREAM_CUT = Promise("Envoy's stream is cut", "Envoy serves on and catches up")
    CONFIG_REJECTED = Promise("a gateway rejects a configuration", "the old one stays; the operation says so")
    CONTROL_PLANE_DEAD = Promise("no control plane while Envoy restarts", "the last snapshot is served")
    BAD_INSTANCES = Promise(
        "instances that never get ready, flap, exit, run out of memory, or die after the switch",
        "no switch to them; N passes in a row; what dies is started again",
    )
    DISK_FULL = Promise("the disk is full", "a plain reason; traffic is as before")
    CLOCK_JUMPS = Promise("the clock jumps by five minutes, both ways", "deadlines hold")
    DUPLICATES = Promise(
        "requests and readiness signals that come twice, early or late",
        "one effect; early ones are kept, late ones ignored",
    )
    RACES = Promise(
        "deploys, rollbacks and promotes of one project at once",
        "one live version; a rollback waits for no slow deploy",
    )
    CANCELLED = Promise("a cancel in every step", "undone without a trace, or too late and told so")
    UPGRADED = Promise("another version of the worker with operations in flight", "both versions end what they began")
    RESTORED = Promise(
        "a backup while running, restored elsewhere", "the same deployments, domains, keys and variables"
    )
    LONG_REQUESTS = Promise("long requests and WebSockets through a switch", "they finish")
    HOSTILE = Promise(
        "hostile input", "refused in a plain sentence, nothing changed, told in the audit log where it matters"
    )
    HISTORIES = Promise("random histories of operations and faults", "the store, the gateways and a small model agree")
    SUSPENDED = Promise("a server that suspends at every await", "the workflows end the same")
    WATCHED = Promise("what is stuck, leaked or forgotten", "found within 30 s, repaired where that is safe, shown")
    LOAD = Promise("constant traffic over hundreds of switches, many deploys at once", "no request fails")


ORDER: Final = {row.name: place for place, row in enumerate(Row)}
