"""What Docker gets to see of a source: all of it but what `.dockerignore` names."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pathspec import PathSpec

from turnout.domain.errors import Invalid

DOCKERFILE: Final = "Dockerfile"
DOCKERIGNORE: Final = ".dockerignore"


def write_context(source: Path, destination: Path) -> None:
    """Write the build context of a source as a tar file, the same bytes for the same source.

    Raises Invalid when there is no Dockerfile, or `.dockerignore` cannot be understood.
    """
    if not (source / DOCKERFILE).is_file():
        raise Invalid(
            "cannot build an image: there is no Dockerfile at the top of the folder; add one, or deploy it as a "
            "process with a run command in turnout.toml"
        )
    with tarfile.open(destination, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in context_files(source):
            path = source / name
            header = tarfile.TarInfo(name)
            header.size = path.stat().st_size
            header.mode = path.stat().st_mode & 0o755
            with path.open("rb") as file:
                archive.addfile(header, file)


def context_files(source: Path) -> list[str]:
    """The files of the context, in order. The Dockerfile is always among them: the engine reads it there."""
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    ignored = _rules(source / DOCKERIGNORE)
    return [name for name in names if name in {DOCKERFILE, DOCKERIGNORE} or not ignored.match_file(name)]


def _rules(file: Path) -> PathSpec[Any]:
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    try:
        return PathSpec.from_lines("gitignore", dockerignore_patterns(lines))
    except ValueError as error:
        raise Invalid(f"cannot read {DOCKERIGNORE}: {error}") from None


def dockerignore_patterns(lines: Iterable[str]) -> list[str]:
    """The lines of a `.dockerignore` in the words of a `.gitignore`.

    Docker's patterns start at the top of the folder wherever their slashes are; Git's only when they have one
    before their end. Otherwise the last line that matches decides in both.
    """
    patterns: list[str] = []
    for line in lines:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keep = pattern.startswith("!")
        path = pattern.removeprefix("!").strip().strip("/").removeprefix("./")
        if path in {"", "."}:
            continue
        patterns.append(f"{'!' if keep else ''}/{path}")
    return patterns
