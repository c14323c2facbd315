"""The deployment lifecycle as durable workflows on Restate.

Law: a handler is a readable list of named steps; a step is one idempotent effect, wrapped in one place
(`steps.py`); nothing outside a step reads a clock, draws a random number or touches the outside. Truth is in
the store; Restate holds only progress.

    workflow = Workflow(Config(db=store, default_domain="example.app"))
    app = restate.app(workflow.services())
"""

from turnout.workflows.config import Config
from turnout.workflows.requests import (
    DeployRequest,
    DeployResponse,
    PromoteRequest,
    PromoteResponse,
    RollbackRequest,
    RollbackResponse,
)
from turnout.workflows.workflow import Workflow

__all__ = [
    "Config",
    "DeployRequest",
    "DeployResponse",
    "PromoteRequest",
    "PromoteResponse",
    "RollbackRequest",
    "RollbackResponse",
    "Workflow",
]
