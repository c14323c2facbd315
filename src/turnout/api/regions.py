"""Krane's side: what a region shall run, what runs there, what it prints."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Path, Query, Response
from fastapi.responses import StreamingResponse

from turnout.api import sse
from turnout.api.parts import Caller
from turnout.domain.documents import LogAccepted, RegionReport, Slug
from turnout.domain.errors import NotFound, TooLarge
from turnout.domain.job_documents import JobClaim, JobGrant
from turnout.domain.jobs import Job
from turnout.domain.records import Instance
from turnout.domain.secret_documents import EnvironmentAnswer

_LOG_CHUNK_LIMIT: Final = 4 * 1024 * 1024

InstanceId = Annotated[str, Path(pattern=r"^ins_[0-9a-z]{26}$")]
DeploymentId = Annotated[str, Query(pattern=r"^dep_[0-9a-z]{26}$")]


async def follow_desired(caller: Caller, region: Slug) -> StreamingResponse:
    """The whole desired state of a region first, then each change."""
    return sse.stream(_desired(caller, region))


async def _desired(caller: Caller, region: str) -> AsyncIterator[bytes]:
    since: int | None = None
    said_at = time.monotonic()
    try:
        while True:
            state = await caller.store.desired_state(region=region, since=since)
            now = time.monotonic()
            if state is not None:
                since, said_at = state.revision, now
                yield sse.event("desired", state)
            elif now - said_at >= sse.KEEP_ALIVE_SECONDS:  # most changes in the store do not concern a krane
                said_at = now
                yield sse.KEEP_ALIVE
            await caller.store.wait_for_change(
                timeout=said_at + sse.KEEP_ALIVE_SECONDS - now, breath=sse.BREATH_SECONDS
            )
    finally:
        await caller.store.krane_disconnected(region=region)


async def report(caller: Caller, region: Slug, body: RegionReport) -> Response:
    """What krane observed."""
    await caller.store.krane_connected(region=region, backends=body.backends)
    await caller.store.apply_region_report(region=region, report=body)
    caller.parts.watchdog.heard_of_strays(region=region, strays=body.strays)
    return Response(status_code=204)


async def read_environment(
    caller: Caller, region: Slug, deployment_id: Annotated[str, Path(pattern=r"^dep_[0-9a-z]{26}$")]
) -> Response:
    """The variables of a deployment that shall run in the region, with their values."""
    snapshot = await caller.store.snapshot_of(deployment_id=deployment_id, region=region)
    sealed = [(snapshot.place(each), each.sealed) for each in snapshot.variables]
    values = await caller.parts.vault.decrypt_bulk(sealed)
    names = (each.name for each in snapshot.variables)
    answer = EnvironmentAnswer(variables=dict(zip(names, values, strict=True)))
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


async def begin_job(caller: Caller, region: Slug, instance_id: InstanceId, body: JobClaim) -> JobGrant:
    """Whether krane may begin a job: granted to one claim, once."""
    granted = await caller.store.begin_job(region=region, job_id=instance_id, claim=body.claim)
    return JobGrant(granted=granted)


async def append_log(
    caller: Caller,
    region: Slug,
    instance_id: InstanceId,
    deployment_id: DeploymentId,
    offset: Annotated[int, Query(ge=0)],
) -> LogAccepted:
    """The next piece of an instance's output."""
    known: list[Instance | Job] = [*await caller.store.instances_of(deployment_id=deployment_id)]
    if (job := await caller.store.job_of(deployment_id=deployment_id)) is not None:
        known.append(job)
    if not any(each.id == instance_id and each.region == region for each in known):
        raise NotFound(f"cannot keep this output: {region} has reported no instance {instance_id}")
    data = bytearray()
    async for chunk in caller.request.stream():
        data += chunk
        if len(data) > _LOG_CHUNK_LIMIT:
            raise TooLarge(f"cannot keep this output: send at most {_LOG_CHUNK_LIMIT // 1024} KiB at once")
    size = caller.parts.logs.append(
        deployment_id=deployment_id, instance_id=instance_id, offset=offset, data=bytes(data)
    )
    return LogAccepted(size_bytes=size)
