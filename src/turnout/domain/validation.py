"""Whether and how requests are held against the OpenAPI document of a deployment: `[openapi]` of its `turnout.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from turnout.domain.limits import Range, plainly

BODY_KIB: Final = Range(1, 4096)
"""What a checked body may be limited to. The check of one body holds up all others, so it must not take long."""
SKIPS_MAX: Final = 32
"""Patterns of paths that are not checked."""
_SKIP: Final = re.compile(r"/(?!/)[!$&'()*+,\-./0-9:;=@A-Z_a-z~]{0,255}")


def check_skips(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the patterns. Raises ValueError when one is no path, or could mean another path than it seems to."""
    if len(patterns) > SKIPS_MAX:
        raise ValueError(f"holds too many: {SKIPS_MAX} are the most")
    for pattern in patterns:
        if not _SKIP.fullmatch(pattern) or "**" in pattern or {".", ".."}.intersection(pattern.split("/")):
            raise ValueError(f"holds {pattern[:80]!r}, which is no path such as /docs, /upload/* or /*/stream")
    return patterns


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What is checked before a request may reach the app. Off unless it is asked for."""

    enabled: bool = False
    skip: Annotated[tuple[str, ...], plainly(check_skips)] = ()
    """Paths that pass unchecked. `*` stands for anything within a segment, at the end for anything below."""
    max_body_kib: Annotated[int, BODY_KIB.constraint] | None = None
    """A larger body is refused with 413; None is the setting of the server that admitted the deployment."""

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {"isEnabled": self.enabled, "skip": list(self.skip), "maxBodyKib": self.max_body_kib}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Validation:
        """What `to_document` made; what is absent has its default. Raises TypeError or ValueError for anything else."""
        enabled, skip = document.get("isEnabled", False), document.get("skip", [])
        limit = document.get("maxBodyKib")
        if not isinstance(enabled, bool) or not isinstance(skip, list) or not all(isinstance(it, str) for it in skip):
            raise TypeError("isEnabled is a truth value and skip a list of texts")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit not in BODY_KIB):
            raise TypeError("maxBodyKib is a whole number in its limits")
        return cls(enabled=enabled, skip=check_skips(tuple(skip)), max_body_kib=limit)
