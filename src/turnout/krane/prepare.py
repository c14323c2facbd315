"""What a backend is told at a start: the entry, and the app's variables, which pass through here and stay nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from turnout.domain.errors import TurnoutError, Unavailable, Undecryptable
from turnout.domain.records import RunSpec
from turnout.krane.ledger import Entry
from turnout.krane.ports import Launch

FetchVariables = Callable[[str], Awaitable[Mapping[str, str]]]
"""Asks the server for the variables of a deployment."""


async def prepare_launch(entry: Entry, region: str, fetch: FetchVariables) -> Launch:
    """The launch of an instance, with variables that were fetched for this one start.

    Raises Unavailable while they cannot be had: the start waits. Raises Undecryptable when waiting cannot help. A
    deployment without variables asks nobody: it starts also while the server is away.
    """
    variables = await fetch_variables(entry.spec, fetch)
    return Launch(instance_id=entry.instance_id, slot=entry.slot, region=region, spec=entry.spec, variables=variables)


async def fetch_variables(spec: RunSpec, fetch: FetchVariables) -> Mapping[str, str]:
    """The variables of one start, of an instance or of a job. Raises like `prepare_launch`."""
    if not spec.has_variables:
        return {}
    try:
        return await fetch(spec.deployment_id)
    except Undecryptable:
        raise
    except TurnoutError as error:
        raise Unavailable(f"cannot start yet, its variables cannot be fetched: {error.detail}") from None
