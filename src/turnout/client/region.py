"""What a krane asks for: the desired state of its region, and a place for its reports and its output."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import httpx

from turnout.client.problems import Unreachable
from turnout.client.wire import Wire, segment
from turnout.domain.documents import DesiredState, LogAccepted, RegionReport
from turnout.domain.job_documents import JobClaim, JobGrant
from turnout.domain.secret_documents import EnvironmentAnswer


class RegionClient(Wire):
    """The control plane as one krane sees it. Methods raise TurnoutError; Unavailable is worth another try."""

    def __init__(
        self, api_url: str, token: str, region: str, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(api_url, token, transport=transport)
        self._path = f"/v1/regions/{segment(region)}"

    async def watch(self) -> AsyncGenerator[DesiredState, None]:
        """All the region shall run, then each change of it. Ends when the connection breaks.

        Thirty seconds of silence are a break: the server writes a comment every ten. Raises Unreachable when
        there was no connection to begin with, and another TurnoutError when the server refuses.
        """
        begun = False
        try:
            async with aclosing(self.events(DesiredState, f"{self._path}/desired", event="desired")) as states:
                async for state in states:
                    begun = True
                    yield state
        except Unreachable:
            if not begun:
                raise

    async def report(self, report: RegionReport) -> None:
        """Say what was observed; returns when the server has written it down."""
        await self.send(
            "POST",
            f"{self._path}/report",
            content=report.model_dump_json().encode(),
            headers={"content-type": "application/json"},
        )

    async def environment(self, deployment_id: str) -> Mapping[str, str]:
        """The variables of a deployment that shall run here. Raises NotFound, and Undecryptable."""
        path = f"{self._path}/deployments/{segment(deployment_id)}/environment"
        return (await self.ask(EnvironmentAnswer, "GET", path)).variables

    async def begin_job(self, *, job_id: str, claim: str) -> bool:
        """Ask whether a job may be begun; the answer is the same however often it is asked."""
        grant = await self.ask(
            JobGrant,
            "POST",
            f"{self._path}/jobs/{segment(job_id)}/begin",
            content=JobClaim(claim=claim).model_dump_json().encode(),
            headers={"content-type": "application/json"},
        )
        return grant.granted

    async def append_log(self, *, instance_id: str, deployment_id: str, offset: int, data: bytes) -> int:
        """Hand over output from byte `offset` on; returns how many bytes the server has: go on there."""
        accepted = await self.ask(
            LogAccepted,
            "POST",
            f"{self._path}/instances/{segment(instance_id)}/log",
            params={"deployment_id": deployment_id, "offset": str(offset)},
            content=data,
            headers={"content-type": "application/octet-stream"},
        )
        return accepted.size_bytes
