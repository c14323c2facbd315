"""Which files of a folder are its source: the rules of `.gitignore`, and a few of our own beneath them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pathspec import GitIgnoreSpec

from turnout.domain.errors import Invalid

IGNORE_FILES: Final = (".gitignore", ".turnoutignore")
"""Both are read in every folder; where they disagree `.turnoutignore` wins."""

NEVER_PACKED: Final = frozenset({".git", ".turnout"})
"""No rule brings these back."""

DEFAULT_RULES: Final = (
    ".venv/",
    "node_modules/",
    "__pycache__/",
    "*.py[cod]",
    ".DS_Store",
    ".env",
    ".env.local",
    ".env.*.local",
)
"""Made again by the build, or secret. An ignore file can bring each back, as in `!node_modules/`."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules written in one folder; they speak of paths below it."""

    folder: Path
    spec: GitIgnoreSpec


class IgnoreRules:
    """The rules that hold in one folder of the tree: its own, and beneath them those of the folders above."""

    def __init__(self, rules: tuple[_Rules, ...]) -> None:
        self._rules = rules

    @classmethod
    def of(cls, folder: Path) -> IgnoreRules:
        """The rules for a folder that is to be packed. Raises Invalid for an ignore file that cannot be read.

        Inside a Git repository those of the folders above it count too, as they do for Git; but not when
        they ignore the folder itself, for then a person has asked for it by name (`turnout deploy dist`).
        """
        defaults = _Rules(folder, GitIgnoreSpec.from_lines(DEFAULT_RULES))
        above = tuple(each for parent in _repository_above(folder) if (each := _read(parent)) is not None)
        if cls(above).ignores(folder, is_folder=True):
            above = ()
        return cls((defaults, *above)).inside(folder)

    def inside(self, folder: Path) -> IgnoreRules:
        """The rules that hold in `folder`, given those of its parent."""
        own = _read(folder)
        return self if own is None else IgnoreRules((*self._rules, own))

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether `path` is left out. The nearest ignore file that says anything about it decides."""
        if path.name in NEVER_PACKED:
            return True
        for rules in reversed(self._rules):
            name = path.relative_to(rules.folder).as_posix()
            verdict = rules.spec.check_file(f"{name}/" if is_folder else name).include
            if verdict is not None:
                return verdict
        return False


def _repository_above(folder: Path) -> list[Path]:
    """The folders from the Git repository's root down to the parent of `folder`; none outside of one."""
    above: list[Path] = []
    if (folder / ".git").exists():
        return above
    for parent in folder.parents:
        above.insert(0, parent)
        if (parent / ".git").exists():
            return above
    return []


def _read(folder: Path) -> _Rules | None:
    lines: list[str] = []
    for name in IGNORE_FILES:
        file = folder / name
        if file.is_file():
            lines += _lines(file)
    if not lines:
        return None
    try:
        return _Rules(folder, GitIgnoreSpec.from_lines(lines))
    except ValueError as error:
        raise Invalid(f"cannot read the ignore rules of {folder}: {error}") from None


def _lines(file: Path) -> Iterable[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from None
