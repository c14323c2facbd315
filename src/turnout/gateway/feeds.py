"""A feed as JSON and back: one line per project. What the snapshot on disk is made of."""

from __future__ import annotations

import json
from typing import Any

from turnout.domain.views import ProjectView, RouteView, TargetView


def encode_project(view: ProjectView) -> bytes:
    """One line, without its end. The same view always gives the same bytes."""
    document = {
        "project_id": view.project_id,
        "routes": {route.fqdn: route.deployment_id for route in view.routes},
        "targets": {target.deployment_id: target.addresses for target in view.targets},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode_project(line: bytes) -> ProjectView:
    """The view that `encode_project` was given. Raises ValueError when the line is something else."""
    try:
        document: dict[str, Any] = json.loads(line)
        return ProjectView(
            project_id=document["project_id"],
            routes=tuple(
                RouteView(fqdn=fqdn, deployment_id=deployment_id) for fqdn, deployment_id in document["routes"].items()
            ),
            targets=tuple(
                TargetView(deployment_id=deployment_id, addresses=tuple(addresses))
                for deployment_id, addresses in document["targets"].items()
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a project: {error!r}") from None
