"""How a build ended, as `result.json` has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from turnout.builds.log import MAX_REASON
from turnout.builds.service import BuildState, BuildStatus


def done(image: str) -> dict[str, Any]:
    """The result of a build that made, or found, its image."""
    return _result(BuildStatus.DONE, image=image, reason=None)


def failed(reason: str) -> dict[str, Any]:
    """The result of a build that ended for good without an image."""
    return _result(BuildStatus.FAILED, image=None, reason=reason[:MAX_REASON])


def state_of(result: Mapping[str, Any]) -> BuildState:
    """What a look shows of a build that has ended."""
    return BuildState(status=BuildStatus(result["status"]), image=result["image"], reason=result["reason"])


def late_reason(deadline_seconds: float) -> str:
    """The sentence about a build that took too long."""
    return (
        f"the build took longer than {deadline_seconds:g} seconds and was ended; make it faster, "
        "or raise TURNOUT_DEPLOY_BUILD_SECONDS"
    )


def _result(status: BuildStatus, *, image: str | None, reason: str | None) -> dict[str, Any]:
    return {"status": status, "image": image, "reason": reason, "ended_at": datetime.now(UTC).isoformat()}
