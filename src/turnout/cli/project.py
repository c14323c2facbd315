"""Which project is meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.domain.errors import Invalid
from turnout.domain.limits import check_slug
from turnout.domain.manifest import parse_manifest, slug_from

if TYPE_CHECKING:
    from turnout.client import Client


def checked(name: str, flag: str) -> str:
    """The name as it was typed. Raises Invalid when it cannot be one."""
    try:
        return check_slug(name)
    except ValueError as error:
        raise Invalid(f"cannot use {flag} {name!r}: it {error}") from None


async def existing_project(client: Client, given: str | None, *, folder: Path | None = None) -> str:
    """The project that a verb is about: the one that was typed, else that of this folder, else the only one.

    Raises Invalid naming the choices when that leaves several, or none.
    """
    if given is not None:
        return checked(given, "--project")
    folder = folder or Path.cwd()
    if name := _of_manifest(folder):
        return name
    names = [each.project for each in (await client.projects()).projects]
    try:
        by_folder = slug_from(folder.name)
    except Invalid:
        by_folder = ""
    if by_folder in names:
        return by_folder
    if len(names) == 1:
        return names[0]
    if not names:
        raise Invalid("cannot tell which project is meant: there is none yet; make one with `turnout deploy`")
    raise Invalid(f"cannot tell which project is meant: choose one with --project: {', '.join(names)}")


def _of_manifest(folder: Path) -> str | None:
    file = folder / "turnout.toml"
    if not file.is_file():
        return None
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {file}: {error}") from None
    return parse_manifest(text).name or slug_from(folder.name)
