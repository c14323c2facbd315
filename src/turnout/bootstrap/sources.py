"""What the command line does with a source folder, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout.builds.context import DOCKERFILE
from turnout.builds.dockerfile import generate
from turnout.builds.pack import pack_folder as pack
from turnout.domain.manifest import Manifest


def pack_folder(folder: Path, destination: Path, *, limit_mib: int) -> Any:
    """Pack a source folder for upload: see `turnout.builds.pack`."""
    return pack(folder, destination, limit_mib=limit_mib)


def dockerfile_of(folder: Path, manifest: Manifest) -> tuple[str, bool]:
    """The Dockerfile that an image of the folder is built by, and whether it is generated. Raises Invalid."""
    file = folder / (manifest.build.dockerfile or DOCKERFILE)
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace"), False
    text = generate(
        {path.name for path in folder.iterdir()},
        run_command=manifest.run_command,
        build_command=manifest.build_command,
        base=manifest.build.base,
    )
    return text, True
