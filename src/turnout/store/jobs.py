"""Commands that run once: asked for by a workflow, claimed and told of by a krane."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.documents import RegionReport
from turnout.domain.errors import Conflict
from turnout.domain.ids import new_id
from turnout.domain.job_documents import JobReport
from turnout.domain.jobs import JOB_ENDED, UNKNOWN, Job, JobSpec, may_begin
from turnout.domain.records import RunSpec
from turnout.domain.statuses import TERMINAL, JobStatus
from turnout.domain.waits import Wait
from turnout.store import rows
from turnout.store.counters import take_number
from turnout.store.database import insert_into
from turnout.store.first_use import ensure_regions
from turnout.store.lookups import lock_deployment
from turnout.store.part import Part
from turnout.store.schema import jobs
from turnout.store.waits import write_wait

_GIVEN_UP = "it was given up before it had ended"


class Jobs(Part):
    """At most one job a deployment; it is begun once and ends once."""

    async def place_job(self, *, spec: RunSpec, region: str, timeout: float, wait: Wait) -> str:
        """Have the deployment's job run in a region, and write down the wait for its end. Returns its id.

        Asked again it is the same job, ended or not. Raises Conflict for a deployment that has ended.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, spec.deployment_id)
            if deployment.status in TERMINAL:
                raise Conflict(f"cannot run anything for {deployment.id}: it is {deployment.status}; deploy again")
            await write_wait(tx, wait)
            known = await _job_of(tx, spec.deployment_id)
            if known is not None:
                return known.id
            await ensure_regions(tx, [region])
            job_id = new_id("ins")
            await tx.execute(
                insert_into(tx, jobs).values(
                    id=job_id,
                    deployment_id=spec.deployment_id,
                    region=region,
                    spec={"timeout": timeout, "run": rows.spec_to_json(spec)},
                    revision=await take_number(tx, "revision"),
                    status=JobStatus.PENDING,
                    wanted=True,
                    present=False,
                    created_at=self._db.now(),
                )
            )
            return job_id

    async def begin_job(self, *, region: str, job_id: str, claim: str) -> bool:
        """Whether the krane of `region` that goes by `claim` may run the job. Granted to one claim, for ever.

        A claim that comes second means that the first krane's memory is lost: the job has failed then.
        """
        async with self._db.write() as tx:
            statement = select(jobs).where(jobs.c.id == job_id, jobs.c.region == region).with_for_update()
            row = (await tx.execute(statement)).one_or_none()
            if row is None:
                return False
            follows = may_begin(rows.job_from(row), claim)
            if follows is JobStatus.RUNNING:
                begun = {"status": follows, "claim": claim, "present": True}
                await tx.execute(update(jobs).where(jobs.c.id == job_id).values(begun))
            elif follows is JobStatus.FAILED:
                await _end(tx, job_id, JobStatus.FAILED, at=self._db.now(), reason=UNKNOWN, present=False)
            return follows is JobStatus.RUNNING

    async def job_of(self, *, deployment_id: str) -> Job | None:
        """The deployment's job; None when it never had one."""
        async with self._db.read() as tx:
            return await _job_of(tx, deployment_id)


async def desired_jobs(
    tx: AsyncConnection, *, region: str, since: int | None
) -> tuple[tuple[JobSpec, ...], tuple[str, ...]]:
    """The jobs that the region shall run, and those it shall not any more; all of the former without `since`."""
    statement = select(jobs).where(jobs.c.region == region).order_by(jobs.c.id)
    statement = statement.where(jobs.c.wanted) if since is None else statement.where(jobs.c.revision > since)
    found = (await tx.execute(statement)).all()
    return tuple(_spec_from(row) for row in found if row.wanted), tuple(row.id for row in found if not row.wanted)


async def apply_job_reports(tx: AsyncConnection, region: str, report: RegionReport, now: datetime) -> None:
    """Take over what a krane says of its jobs. The first end stays, and krane may forget it then."""
    statement = select(jobs).where(jobs.c.region == region, jobs.c.present).order_by(jobs.c.id).with_for_update()
    present = {row.id: rows.job_from(row) for row in await tx.execute(statement)}
    for said in report.jobs:
        if (job := present.get(said.id)) is not None:
            await _take_over(tx, job, said, now)
    if report.complete:
        listed = {said.id for said in report.jobs}
        await _forget(tx, [job for job in present.values() if job.id not in listed and not job.wanted])


async def remove_jobs(tx: AsyncConnection, deployment_id: str, *, at: datetime) -> None:
    """The deployment's job shall not run. The caller holds the deployment's lock."""
    job = await _job_of(tx, deployment_id)
    if job is not None and job.status not in JOB_ENDED:
        await _end(tx, job.id, JobStatus.FAILED, at=at, reason=_GIVEN_UP)


async def has_jobs(tx: AsyncConnection, deployment_id: str) -> bool:
    """Whether krane may have something left of a job of the deployment."""
    present = select(jobs.c.id).where(jobs.c.deployment_id == deployment_id, jobs.c.present)
    return (await tx.execute(present)).first() is not None


async def _job_of(tx: AsyncConnection, deployment_id: str) -> Job | None:
    row = (await tx.execute(select(jobs).where(jobs.c.deployment_id == deployment_id))).one_or_none()
    return None if row is None else rows.job_from(row)


async def _take_over(tx: AsyncConnection, job: Job, said: JobReport, now: datetime) -> None:
    if said.status in JOB_ENDED and job.status not in JOB_ENDED:
        await _end(tx, job.id, said.status, at=now, exit_code=said.exit_code, reason=said.reason)
    if said.gone:
        await _forget(tx, [job])


async def _forget(tx: AsyncConnection, gone: Iterable[Job]) -> None:
    for job in gone:
        await tx.execute(update(jobs).where(jobs.c.id == job.id).values(present=False))


async def _end(tx: AsyncConnection, job_id: str, status: JobStatus, *, at: datetime, **values: Any) -> None:
    """Its end is written, and krane is told that nothing of it is needed any more."""
    ended = {"status": status, "wanted": False, "ended_at": at, "revision": await take_number(tx, "revision")}
    await tx.execute(update(jobs).where(jobs.c.id == job_id).values(ended | values))


def _spec_from(row: Any) -> JobSpec:
    return JobSpec(id=row.id, timeout=row.spec["timeout"], run=rows.spec_from_json(row.spec["run"]))
