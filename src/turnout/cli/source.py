"""What a folder says about its app: turnout.toml, Procfile, Dockerfile, and git."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from turnout.domain.documents import GitBody
from turnout.domain.errors import Invalid
from turnout.domain.manifest import Manifest, parse_manifest, parse_procfile, slug_from

_EXAMPLE: Final = """\
[run]
command = "python app.py"   # listens on $PORT"""
_GIT_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """A folder that can be deployed, or the settings that go with an image."""

    folder: Path
    manifest: Manifest
    dockerfile: bool

    @property
    def project(self) -> str:
        """The project's name: the manifest's, else the folder's."""
        return self.manifest.name or slug_from(self.folder.name)


def read_app(folder: Path, *, needs_run: bool) -> App:
    """Read what the folder says. Raises Invalid when it says nothing that can be run and that is needed."""
    try:
        folder = folder.resolve()
        is_folder = folder.is_dir()
    except (OSError, ValueError):  # a name too long, or with NUL in it
        is_folder = False
    if not is_folder:
        raise Invalid(f"cannot deploy {folder}: there is no such folder")
    manifest = Manifest()
    if (toml := _text(folder / "turnout.toml")) is not None:
        manifest = parse_manifest(toml)
    procfile = _text(folder / "Procfile")
    if procfile is not None and not manifest.run_command and needs_run:
        manifest = replace(manifest, run_command=parse_procfile(procfile).run_command)
    named = manifest.build.dockerfile
    if needs_run and named is not None and not (folder / named).is_file():
        raise Invalid(f"cannot deploy {folder}: there is no {named} in it, and turnout.toml names it")
    dockerfile = (folder / (named or "Dockerfile")).is_file()
    if needs_run and not manifest.run_command and not dockerfile and not _runs_by_itself(folder):
        raise Invalid(
            f"cannot deploy {folder}: nothing in it says what to run; write a turnout.toml such as\n\n{_EXAMPLE}\n\n"
            "or a Procfile with a web: line, or a Dockerfile"
        )
    return App(folder=folder, manifest=manifest, dockerfile=dockerfile)


def _runs_by_itself(folder: Path) -> bool:
    """Whether an image of the folder knows what to run: a Node app, a static site. Processes do not."""
    return any((folder / name).is_file() for name in ("package.json", "index.html"))


def read_git(folder: Path, *, branch: str | None = None, commit: str | None = None) -> GitBody:
    """Where the folder comes from; what is given is believed. A folder outside of git comes from nowhere."""
    if commit is not None and not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise Invalid(f"cannot use --commit {commit!r}: it has to be 7 to 64 characters of 0-9 and a-f")
    if branch is not None and (not branch or len(branch) > 255 or not branch.isprintable()):
        raise Invalid(f"cannot use --branch {branch!r}: it has to be the name of a branch")
    inside = _git(folder, "rev-parse", "--is-inside-work-tree") == "true"
    # A folder that git does not track at all, such as a build product inside somebody's repository, is not
    # what the commit around it says.
    tracked = inside and bool(_git(folder, "ls-files", "--", "."))
    if not tracked:
        return GitBody(branch=branch, commit_sha=commit)
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") or None
    if commit is not None:
        return GitBody(branch=branch or _branch(folder), commit_sha=commit)
    message = _git(folder, "log", "-1", "--format=%s") if head else ""
    return GitBody(
        branch=branch or _branch(folder),
        commit_sha=head,
        commit_message=(message or "")[:1000] or None,
        dirty=bool(_git(folder, "status", "--porcelain", "--", ".")),
    )


def _branch(folder: Path) -> str | None:
    """The branch that is checked out; None when a commit is, without a branch."""
    name = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    return name[:255] if name else None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it cannot say, or is not installed."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _text(file: Path) -> str | None:
    if not file.is_file():
        return None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {file}: {error}") from None
