"""What must hold, whatever was broken: one function, `check`, called after every fault.

I1 one live deployment, and store, gateways and traffic agree. I2 everything has ended, with a reason. I3 no request
has failed. I4 nothing is left over. I5 generations only grow, each switch happened once, and history tells of it.
I6 no secret is anywhere but where it is sealed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import httpx
import pytest

from tests.faults.agreement import one_live
from tests.faults.endings import all_ended, counted_once
from tests.faults.leaks import leaks_of
from tests.faults.leftovers import nothing_left
from tests.faults.world import World, look
from tests.kit import Traffic, Turnout
from tests.support import PATIENCE, next_pause

INVARIANTS: Final[tuple[Callable[[World], Iterator[str]], ...]] = (all_ended, one_live, nothing_left, counted_once)


def check(
    turnout: Turnout,
    *,
    traffic: Iterable[Traffic] = (),
    secrets: Iterable[str] = (),
    within: float = 20.0,
) -> None:
    """Fail with every sentence that is not as it must be.

    What still settles (instances that drain, a gateway that follows) is given `within` seconds. `traffic` is what
    was asked while things broke; `secrets` are values that must not be found anywhere.
    """
    wrong = unsettled(turnout, within=within)
    wrong += [f"I3: {len(one.failures)} requests failed: {one.failures[0]}" for one in traffic if one.failures]
    wrong += [f"I6: {place} has a secret" for place in leaks_of(turnout, tuple(secrets))]
    if wrong:
        pytest.fail("\n".join(["what must hold does not:", *wrong]))


def unsettled(turnout: Turnout, *, within: float = 20.0) -> list[str]:
    """Look until all is as it must be; returns what is still not when `within` seconds are over."""
    began = time.monotonic()
    while (wrong := _wrong(turnout)) and (waited := time.monotonic() - began) < within * PATIENCE:
        time.sleep(next_pause(waited, 0.1))
    return wrong


def violations(world: World) -> list[str]:
    """Every sentence that is not as it must be, of what can be told from one look."""
    return [sentence for invariant in INVARIANTS for sentence in invariant(world)]


def _wrong(turnout: Turnout) -> list[str]:
    try:
        return violations(look(turnout))
    except (httpx.HTTPError, OSError, sqlite3.OperationalError) as error:  # a part is still coming back
        return [f"cannot look: {error!r}"]
