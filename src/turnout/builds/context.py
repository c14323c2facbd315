"""What Docker gets to see of a source: all of it but what `.dockerignore` names."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pathspec import PathSpec

from turnout.domain.errors import Invalid

DOCKERFILE: Final = "Dockerfile"
DOCKERIGNORE: Final = ".dockerignore"


def write_context(source: Path, destination: Path, *, dockerfile: str = DOCKERFILE, generated: str = "") -> None:
    """Write the build context of a source as a tar file, the same bytes for the same source.

    `generated` is the text of a Dockerfile that the source has not got; it is put where `dockerfile` says.
    Raises Invalid when there is no Dockerfile, or `.dockerignore` cannot be understood.
    """
    if not generated and not (source / dockerfile).is_file():
        raise Invalid(f"cannot build an image: there is no {dockerfile} in the folder")
    with tarfile.open(destination, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in context_files(source, dockerfile=dockerfile):
            path = source / name
            header = tarfile.TarInfo(name)
            header.size = path.stat().st_size
            header.mode = path.stat().st_mode & 0o755
            with path.open("rb") as file:
                archive.addfile(header, file)
        if generated:
            header = tarfile.TarInfo(dockerfile)
            text = generated.encode()
            header.size, header.mode = len(text), 0o644
            archive.addfile(header, io.BytesIO(text))


def context_files(source: Path, *, dockerfile: str = DOCKERFILE) -> list[str]:
    """The files of the context, in order. The Dockerfile is always among them: the engine reads it there."""
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    own = source / f"{dockerfile}{DOCKERIGNORE}"  # a Dockerfile may have rules of its own beside it
    ignored = _rules(own if own.is_file() else source / DOCKERIGNORE)
    return [name for name in names if name in {dockerfile, DOCKERIGNORE} or not ignored.match_file(name)]


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
