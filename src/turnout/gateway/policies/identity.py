"""Whose a request is, for everything that counts or shows requests: the ids stand in the metadata of its route.

The name of the cluster would say the same of requests that reach an app, and nothing of those that a filter answers.
"""

from __future__ import annotations

from typing import Any, Final

from turnout.domain.views import ProjectView, RouteView

NAMESPACE: Final = "turnout"
"""Of metadata, of routes and of requests. `key_id` of a request is written by whoever checks keys."""


def guard(host: Any, route: RouteView, view: ProjectView) -> None:
    """Write project and deployment into every route of the domain."""
    for entry in host.routes:
        ids = entry.metadata.filter_metadata[NAMESPACE].fields
        ids["project_id"].string_value = view.project_id
        ids["deployment_id"].string_value = route.deployment_id
