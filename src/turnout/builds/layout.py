"""Where a build keeps what, and which release a request leads to. Pure but for the paths' own names.

<home>/builds/<deployment id>/     request.json attempt.json pid.json cancelled result.json log log.times lock
<home>/releases/<hash>/            app/ .venv/ release.json (written last: a folder without it is no release)
<home>/releases/.<hash>.lock       held by whoever builds it; gone with its last holder
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.builds.service import BuildRequest
from turnout.domain.errors import Invalid

RELEASE_PREFIX: Final = "release:"
_TAG_CHARACTERS: Final = 32
"""128 bits: nobody finds two sources that share them."""
_FORMAT: Final = 2
"""Raised when the way of building changes so much that older releases must not be used again."""


@dataclass(frozen=True, slots=True)
class BuildFolder:
    """The files of one build."""

    path: Path

    @classmethod
    def of(cls, home: Path, deployment_id: str) -> BuildFolder:
        """The folder of a deployment's build. Raises Invalid when the id could lead somewhere else."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", deployment_id):
            raise Invalid(f"cannot build {deployment_id[:80]!r}: that is no deployment id")
        return cls(home / "builds" / deployment_id)

    @property
    def home(self) -> Path:
        return self.path.parent.parent

    @property
    def request(self) -> Path:
        return self.path / "request.json"

    @property
    def attempt(self) -> Path:
        return self.path / "attempt.json"

    @property
    def builder(self) -> Path:
        return self.path / "pid.json"

    @property
    def cancelled(self) -> Path:
        return self.path / "cancelled"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def log_times(self) -> Path:
        return self.path / "log.times"

    @property
    def builder_output(self) -> Path:
        """What the builder itself printed: nothing, unless it broke."""
        return self.path / "builder.out"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def scratch(self) -> Path:
        """What a build needs only while it runs."""
        return self.path / "scratch"


@dataclass(frozen=True, slots=True)
class ReleaseFolder:
    """The files of one release."""

    path: Path

    @classmethod
    def of(cls, home: Path, release_id: str) -> ReleaseFolder:
        return cls(home / "releases" / release_id)

    @property
    def app(self) -> Path:
        """The source, and what the build made in it. Its instances share it."""
        return self.path / "app"

    @property
    def venv(self) -> Path:
        return self.path / ".venv"

    @property
    def record(self) -> Path:
        return self.path / "release.json"

    @property
    def lock(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")


def release_id(source_id: str, build_command: Sequence[str], *, workspace: str = "", secrets_mark: str = "") -> str:
    """Same workspace, source, command and secrets, same Python, same kind of machine: same release."""
    ingredients = [
        _FORMAT,
        workspace,
        source_id,
        list(build_command),
        platform.python_version(),
        sys.platform,
        platform.machine(),
        *([secrets_mark] if secrets_mark else ()),
    ]
    return hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()


def release_id_of(request: BuildRequest) -> str:
    """The release that a request leads to."""
    return release_id(
        request.source_id, request.build_command, workspace=request.workspace, secrets_mark=request.secrets_mark
    )


def image_id(request: BuildRequest) -> str:
    """Same workspace, source, options, commands and secrets, same kind of machine: same image."""
    options = request.options
    ingredients = [
        _FORMAT,
        request.workspace,
        request.source_id,
        [options.dockerfile, options.target, sorted(options.args.items()), options.base],
        list(request.build_command),
        list(request.run_command),
        platform.machine(),
        *([[sorted(options.secrets), request.secrets_mark]] if options.secrets else ()),
    ]
    return hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()


def image_repository(workspace: str, registry: str) -> str:
    """Where the images of a workspace are kept: in the registry if there is one, else in the engine alone."""
    return f"{registry or 'turnout'}/{workspace}"


def image_tag(request: BuildRequest, registry: str = "") -> str:
    """The name of what Docker builds, after what it is built of."""
    return f"{image_repository(request.workspace, registry)}:{image_id(request)[:_TAG_CHARACTERS]}"
