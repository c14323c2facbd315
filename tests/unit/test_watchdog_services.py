"""The watchdog looks at exactly the services that the worker has."""

from __future__ import annotations

from typing import Any, cast

from turnout.settings import DeploySettings
from turnout.watchdog import SERVICES
from turnout.workflows import Config, Workflow


def test_the_services() -> None:
    """A new one is added to both."""
    workflow = Workflow(Config(db=cast(Any, None), limits=DeploySettings()))
    assert sorted(service.name for service in workflow.services()) == sorted(SERVICES)
