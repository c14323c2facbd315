"""A feed as JSON and back: one line per project. What the snapshot on disk is made of."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter

from turnout.domain.views import ProjectView

_PROJECT: Final = TypeAdapter(ProjectView)


def encode_project(view: ProjectView) -> bytes:
    """One line, without its end. The same view always gives the same bytes."""
    return _PROJECT.dump_json(view, exclude_defaults=True)


def decode_project(line: bytes) -> ProjectView:
    """The view that `encode_project` was given. Raises ValueError when the line is something else."""
    return _PROJECT.validate_json(line)
