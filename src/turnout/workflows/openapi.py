"""Ask a running instance for its OpenAPI document. An app without one is as welcome as one with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import structlog

from turnout.domain.openapi_document import SpecDocument, read_served, shown
from turnout.domain.openapi_yaml import UnreadableError
from turnout.domain.statuses import StepStatus
from turnout.settings import DeploySettings
from turnout.workflows.fetching import AbsentError, NotFetchedError, SilentError, fetch
from turnout.workflows.steps import Note

WELL_KNOWN: Final = (
    "/openapi.json",
    "/openapi.yaml",
    "/openapi.yml",
    "/api/openapi.json",
    "/v3/api-docs",
    "/openapi/v1.json",
)
"""Asked in this order when the app says nothing of where its document is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrape:
    """What was found, or why nothing was."""

    spec_id: str = ""
    """SHA-256 of the document; empty when there is none."""
    summary: str = ""
    document: SpecDocument | None = None
    """Never journalled: the store has it."""

    def without_document(self) -> Scrape:
        """What may go into a journal."""
        return replace(self, document=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attempt:
    """A path that had no document."""

    path: str
    kind: str
    clause: str

    @property
    def absent(self) -> bool:
        return self.kind == "absent"


def as_note(found: Scrape) -> Note:
    """How the step reads in the timeline."""
    return Note(status=StepStatus.DONE if found.spec_id else StepStatus.SKIPPED, detail=found.summary)


async def scrape(
    addresses: Sequence[str], path: str | None, limits: DeploySettings, logger: Any = None, **names: str
) -> Scrape:
    """Fetch the document from the first instance. Never raises: nothing here may fail a deploy.

    Only the recorded address of an instance is asked, at `path` or at the well-known ones, in their order. No redirect
    is followed; the size of each answer and the time of all together are limited. What is refused is logged, with
    `names` to tell whose it was.
    """
    log = (logger or structlog.get_logger()).bind(**names)
    if not addresses:
        return Scrape(summary="no instance to ask")
    seconds = min(limits.openapi_seconds, limits.step_seconds / 2)  # or the step would be tried again, and again
    attempts: list[_Attempt] = []
    try:
        async with asyncio.timeout(seconds):
            found = await _ask(addresses[0], (path,) if path else WELL_KNOWN, limits, attempts, log)
    except TimeoutError:
        attempts.append(_told(log, addresses[0], "", NotFetchedError("too-slow", f"it took longer than {seconds:g} s")))
        found = None
    except Exception as error:  # whatever such a document can bring about, the deploy goes on
        log.exception("openapi.failed", address=addresses[0])
        found = Scrape(summary=f"none: a fault in Turnout while reading it ({type(error).__name__})")
    return found or Scrape(summary=_summary(attempts))


async def _ask(
    address: str, paths: Sequence[str], limits: DeploySettings, attempts: list[_Attempt], log: Any
) -> Scrape | None:
    async with httpx.AsyncHTTPTransport(trust_env=False, retries=0) as transport:
        for path in paths:
            try:
                served = await fetch(transport, address, path, limit=limits.openapi_kib * 1024)
                # A thread, because this may take a second, and the worker has others to serve.
                document, described = await asyncio.to_thread(read_served, served)
            except UnreadableError as reason:
                attempts.append(_told(log, address, path, NotFetchedError("unreadable", f"what it answered {reason}")))
            except NotFetchedError as reason:
                attempts.append(_told(log, address, path, reason))
                if isinstance(reason, SilentError):
                    return None
            else:
                where = f" at {path}, {document.format.upper()}, {len(served) / 1024:.1f} KiB"
                return Scrape(spec_id=document.id, summary=described.summary() + where, document=document)
    return None


def _told(log: Any, address: str, path: str, reason: NotFetchedError) -> _Attempt:
    path = shown(path)
    if not isinstance(reason, (AbsentError, SilentError)):
        log.warning("openapi.refused", address=address, path=path, kind=reason.kind, detail=reason.clause)
    return _Attempt(path=path, kind=reason.kind, clause=reason.clause)


def _summary(attempts: Sequence[_Attempt]) -> str:
    """What was seen; what was only absent is told in short."""
    met = [f"{each.path}: {each.clause}" if each.path else each.clause for each in attempts if not each.absent]
    absent = [each.path for each in attempts if each.absent]
    if absent:
        met.append(f"nothing at {', '.join(absent)}")
    return f"none: {'; '.join(met)}"
