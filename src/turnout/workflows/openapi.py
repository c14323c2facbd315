"""Ask a running instance for its OpenAPI document. An app without one is as welcome as one with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from turnout.domain.statuses import StepStatus
from turnout.settings import DeploySettings
from turnout.workflows.steps import Note

DEFAULT_PATH: Final = "/openapi.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrape:
    """What was found, or why nothing was."""

    spec_id: str = ""
    """SHA-256 of the document; empty when there is none."""
    summary: str = ""
    document: bytes | None = None
    """Never journalled: the store has it."""

    def without_document(self) -> Scrape:
        """What may go into a journal."""
        return replace(self, document=None)


def as_note(found: Scrape) -> Note:
    """How the step reads in the timeline."""
    return Note(status=StepStatus.DONE if found.spec_id else StepStatus.SKIPPED, detail=found.summary)


async def scrape(addresses: Sequence[str], path: str | None, limits: DeploySettings) -> Scrape:
    """Fetch the document from the first instance. Never raises: nothing here may fail a deploy.

    Only the recorded address of an instance is asked; redirects are not followed; size and time are limited.
    """
    if not addresses:
        return Scrape(summary="no instance to ask")
    asked = path or DEFAULT_PATH
    try:
        async with httpx.AsyncClient(
            base_url=f"http://{addresses[0]}",
            follow_redirects=False,
            timeout=limits.openapi_seconds,
            trust_env=False,
        ) as client:
            body = await _get(client, asked, limits.openapi_kib * 1024)
        return _read(body)
    except _NoDocumentError as reason:
        return Scrape(summary=f"none at {asked}: {reason}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Scrape(summary=f"none at {asked}: {type(error).__name__}")


class _NoDocumentError(Exception):
    """Why there is no document, as the end of a sentence."""


async def _get(client: httpx.AsyncClient, path: str, limit: int) -> bytes:
    async with client.stream("GET", path, headers={"accept": "application/json"}) as response:
        if response.status_code != 200:
            raise _NoDocumentError(f"the app answered {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                raise _NoDocumentError(f"it is larger than {limit // 1024} KiB")
    return bytes(body)


def _read(body: bytes) -> Scrape:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise _NoDocumentError("it is not JSON") from None
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise _NoDocumentError("it is not an OpenAPI 3 document")
    paths = document.get("paths")
    count = len(paths) if isinstance(paths, dict) else 0
    return Scrape(
        spec_id=hashlib.sha256(body).hexdigest(),
        summary=f"OpenAPI {version[:8]}, {count} path{'s' if count != 1 else ''}",
        document=body,
    )
