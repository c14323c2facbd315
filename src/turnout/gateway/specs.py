"""The OpenAPI documents that routes name, as files beside the gateway: written before a route names one.

A gateway that starts while the store is away finds them there. The sentinel reads them, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from turnout.domain.views import ProjectView
from turnout.gateway.snapshot import write_atomically

_ID: Final = re.compile(r"[0-9a-f]{64}")


def needed_by(views: Iterable[ProjectView]) -> frozenset[str]:
    """The documents that requests to these projects are held against."""
    return frozenset(
        route.guard.openapi_spec_id
        for view in views
        for route in view.routes
        if route.guard is not None and route.guard.validation.enabled and route.guard.openapi_spec_id is not None
    )


class SpecFolder:
    """One file per document, named after its id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, spec_id: str) -> bool:
        """Whether it is there: whole, since files are written beside and renamed."""
        return self._file(spec_id).is_file()

    def write(self, spec_id: str, document: bytes) -> None:
        """Keep it. Raises OSError when the disk does not take it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._file(spec_id), document)

    def read(self, spec_id: str) -> bytes | None:
        """The document; None when it is not there."""
        try:
            return self._file(spec_id).read_bytes()
        except OSError:
            return None

    def ids(self) -> frozenset[str]:
        """All that are there."""
        return frozenset(file.stem for file in self.path.glob("*.json") if _ID.fullmatch(file.stem))

    def remove(self, spec_ids: Iterable[str]) -> None:
        """Nobody needs them any more."""
        for spec_id in spec_ids:
            self._file(spec_id).unlink(missing_ok=True)

    def _file(self, spec_id: str) -> Path:
        if not _ID.fullmatch(spec_id):
            raise ValueError("no document is called that")
        return self.path / f"{spec_id}.json"
