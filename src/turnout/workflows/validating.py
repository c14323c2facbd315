"""`validate = true` is a promise: it is kept from the first request on, or the deploy fails and says why."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from turnout.domain.errors import DeploymentFailed
from turnout.domain.plans import DeployPlan
from turnout.store import Store
from turnout.workflows.steps import Note, Steps

_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found of an app's document."""

    operations: int


async def make_sure(db: Store, steps: Steps, plan: DeployPlan) -> None:
    """Raises TerminalError when requests cannot be checked against what the app says of itself."""
    deployment = plan.deployment
    if not deployment.validation.enabled:
        return

    async def examine() -> Verdict:
        document = await db.checkable_document_of(deployment.id)
        if document is None:
            raise DeploymentFailed(
                "cannot deploy: turnout.toml has [openapi] validate = true, but the app has no OpenAPI document"
                f"{f' at {deployment.openapi_path}' if deployment.openapi_path else ''}; the step openapi says why"
            )
        return await on_trial(document)

    await steps.run("validation", examine, Verdict, note=_note)


async def on_trial(document: bytes) -> Verdict:
    """Compile the whole document in a process of its own. Raises DeploymentFailed when that cannot be done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "turnout.checking.trial",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            told, _ = await process.communicate(document)
        verdict = json.loads(told)
    except (TimeoutError, ValueError):
        verdict = {"reason": "it takes too long, or too much memory, to make sense of it"}
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if "reason" in verdict:
        raise DeploymentFailed(
            "cannot deploy: turnout.toml has [openapi] validate = true, but requests cannot be checked against the "
            f"app's OpenAPI document: {verdict['reason']}"
        )
    return Verdict(operations=verdict["operations"])


def _note(verdict: Verdict) -> Note:
    count = verdict.operations
    return Note(detail=f"requests are checked against {count} operation{'' if count == 1 else 's'}")
