"""A BuildClient for tests: no process and no disk, and builds that end when and how the test says.

It passes the same contract tests as the real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from turnout.builds.layout import RELEASE_PREFIX, image_tag, release_id_of
from turnout.builds.service import BuildRequest, BuildState, BuildStatus
from turnout.domain.errors import NotFound
from turnout.domain.records import Backend


@dataclass
class FakeBuilds:
    """Each build is running at the first look and has ended at the next, unless it is held or made to fail."""

    failures: dict[str, str] = field(default_factory=dict)
    """Source id to the reason its build fails for."""
    held: set[str] = field(default_factory=set)
    """Source ids whose builds go on until they are taken out."""
    built: list[str] = field(default_factory=list)
    """Images that were really built, in order; one that is used again is not repeated."""
    started: list[BuildRequest] = field(default_factory=list)
    """Requests that began a build."""
    _states: dict[str, BuildState] = field(default_factory=dict)

    async def find(self, request: BuildRequest) -> str | None:
        """See BuildClient."""
        image = _image(request)
        return image if image in self.built else None

    async def start(self, request: BuildRequest) -> None:
        """See BuildClient."""
        if request.deployment_id not in self._states:
            self.started.append(request)
            self._states[request.deployment_id] = BuildState(status=BuildStatus.PENDING)

    async def look(self, deployment_id: str) -> BuildState:
        """See BuildClient."""
        state = self._states.get(deployment_id)
        if state is None:
            raise NotFound(f"there is no build of {deployment_id}")
        if state.status is BuildStatus.PENDING:
            self._states[deployment_id] = BuildState(status=BuildStatus.RUNNING)
        elif state.status is BuildStatus.RUNNING:
            self._states[deployment_id] = self._advance(deployment_id)
        return self._states[deployment_id]

    async def cancel(self, deployment_id: str) -> None:
        """See BuildClient."""
        state = self._states.get(deployment_id)
        if state is not None and state.status in {BuildStatus.PENDING, BuildStatus.RUNNING}:
            reason = "the build was cancelled"
            self._states[deployment_id] = BuildState(status=BuildStatus.FAILED, reason=reason)

    async def forget(self, deployment_id: str) -> None:
        """See BuildClient."""
        self._states.pop(deployment_id, None)

    def _advance(self, deployment_id: str) -> BuildState:
        request = next(each for each in reversed(self.started) if each.deployment_id == deployment_id)
        if request.source_id in self.held:
            return BuildState(status=BuildStatus.RUNNING)
        if (reason := self.failures.get(request.source_id)) is not None:
            return BuildState(status=BuildStatus.FAILED, reason=reason)
        image = _image(request)
        if image not in self.built:
            self.built.append(image)
        return BuildState(status=BuildStatus.DONE, image=image)


def _image(request: BuildRequest) -> str:
    if request.backend is Backend.DOCKER:
        return image_tag(request)
    return RELEASE_PREFIX + release_id_of(request)
