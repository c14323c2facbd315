"""`turnout rm`: a deployment is forgotten, with all that only it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.cli.options import Json
from turnout.cli.stop import Which, checked_deployment

if TYPE_CHECKING:
    from turnout.domain.documents import GarbageReport


def rm(deployment: Which, json: Json = False) -> int:
    """Remove a deployment that is neither live nor led to by a branch or environment domain.

    Its instances, own address, logs, and the image or release that no other deployment uses, go with it.

    Examples:

        turnout rm dep_01k…
    """
    import asyncio

    from turnout.cli import show
    from turnout.cli.gc import print_report

    identifier = checked_deployment(deployment)
    report = asyncio.run(_remove(identifier))
    if json:
        show.document({"deployment_id": identifier} | report.model_dump(mode="json"))
    else:
        print(f"{identifier} is removed")
        print_report(report)
    return 0


async def _remove(deployment: str) -> GarbageReport:
    from turnout.cli.connect import connect

    async with connect() as client:
        return await client.remove(deployment)
