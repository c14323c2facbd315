"""What all tests share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from turnout.local.restate_binary import ensure_restate_server
from turnout.local.start import cache_folder


@pytest.fixture(scope="session")
def restate_binary() -> Path:
    """The program of a real restate-server, installed if it has to be."""
    return asyncio.run(ensure_restate_server(cache_folder(os.environ), say=print))
