"""A gateway as the tests of traffic and protection use it: the rig of the gateway's tests, set up as they need it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.contract.test_gateway_envoy import HOST, Backend, Rig
from turnout.domain.protection import Protection, check_protection
from turnout.domain.views import ProjectView
from turnout.gateway.testing import project

__all__ = ["HOST", "Backend", "Rig", "protected", "standing"]


@asynccontextmanager
async def standing(**settings: Any) -> AsyncIterator[Rig]:
    """A gateway without projects, its Envoy ready, with these settings of the bootstrap."""
    rig = Rig(Path(tempfile.mkdtemp(prefix="turnout-")))
    rig.settings = replace(rig.settings, **settings)
    try:
        await rig.start_service()
        await rig.start_envoy()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as rig.client:
            yield rig
    finally:
        await rig.stop()
        shutil.rmtree(rig.folder, ignore_errors=True)


def protected(backend: Backend, **knobs: Any) -> ProjectView:
    """The backend behind the host, with these knobs."""
    view = project("prj_1", {HOST: f"dep_{backend.name}"}, {f"dep_{backend.name}": [backend.address]})
    protection = check_protection(Protection(**knobs))
    return replace(view, routes=tuple(replace(route, protection=protection) for route in view.routes))
