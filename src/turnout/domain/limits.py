"""The limits of what an app may ask for. Each is written here once: `turnout.toml`, the API and the docs read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from turnout.domain.errors import Invalid
from turnout.domain.variables import check_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """Every number from `low` to `high`, both included."""

    low: int | float
    high: int | float

    def __contains__(self, value: float) -> bool:
        """Whether the number lies inside; a number that is none (NaN) lies nowhere."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"

    @property
    def constraint(self) -> Any:
        """The range as pydantic checks it, without turning texts or truth values into numbers."""
        return Field(strict=True, ge=self.low, le=self.high)


REPLICAS: Final = Range(1, 100)
CPU_MILLICORES: Final = Range(10, 256_000)
MEMORY_MIB: Final = Range(16, 1_048_576)

RELEASE_TIMEOUT: Final = Range(1, 3600)

HEALTH_INTERVAL: Final = Range(0.05, 60)
HEALTH_TIMEOUT: Final = Range(0.05, 60)
HEALTH_PASSES: Final = Range(1, 100)
HEALTH_DEADLINE: Final = Range(0.5, 3600)

SLUG_MAX: Final = 40
SLUG_PATTERN: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Single dashes only: a label with two of them in its third and fourth place means an encoded one (RFC 5891)."""

PATH_PATTERN: Final = r'^/([!"$-.0-\[\]-~][!"$-\[\]-~]{0,1022})?$'
"""A path on an app's own host: printable ASCII. A second slash or a backslash would begin the name of another
host, and a # never reaches the app."""

WORD_MAX: Final = 4096
"""Characters in one word of a command."""
WORDS_MAX: Final = 256
"""Words in a command."""

BUILD_ARGS_MAX: Final = 64
"""Build arguments of one app."""
BUILD_SECRETS_MAX: Final = 64
"""Variables that a build is given as secrets."""
IMAGE_MAX: Final = 512
IMAGE_PATTERN: Final = (
    r"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/)?"  # a registry
    r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"  # a tag
    r"(@[a-z0-9]+:[0-9a-f]{32,128})?$"  # a digest
)
"""A reference to an image, as registries have it; the engine says whether it means anything."""

_ARG_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TARGET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_FILE: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._ -]{0,127}(/[A-Za-z0-9._][A-Za-z0-9._ -]{0,127}){0,15}")

_NEVER_IN_A_WORD: Final = re.compile("[\x00\ud800-\udfff]")
"""NUL ends an argument, and half of a surrogate pair is no character at all."""


def check_slug(name: str) -> str:
    """Return the name. Raises ValueError when it cannot be part of a host name."""
    if len(name) > SLUG_MAX or not re.fullmatch(SLUG_PATTERN, name):
        raise ValueError(f"has to be a name of lower-case letters, digits and single dashes, {SLUG_MAX} at most")
    return name


def check_path(path: str) -> str:
    """Return the path. Raises ValueError when it could lead anywhere but to the app."""
    if not re.fullmatch(PATH_PATTERN, path):
        raise ValueError("has to be a path that starts with one slash, such as /healthz")
    return path


def check_command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command; none at all is fine. Raises ValueError when it cannot be run."""
    if words and not words[0].strip():
        raise ValueError("begins with an empty word where the program's name has to be")
    if len(words) > WORDS_MAX or any(len(word) > WORD_MAX for word in words):
        raise ValueError(f"is too long: {WORDS_MAX} words of {WORD_MAX} characters are the most")
    if any(_NEVER_IN_A_WORD.search(word) for word in words):
        raise ValueError("contains a character that no argument of a program can have")
    return words


def check_file(path: str) -> str:
    """Return the path. Raises ValueError when it could lead out of the source folder."""
    if not _FILE.fullmatch(path) or {".", ".."}.intersection(path.split("/")):
        raise ValueError("has to be the path of a file inside the folder, such as docker/web.Dockerfile")
    return path


def check_target(name: str) -> str:
    """Return the name. Raises ValueError when no stage of a Dockerfile can have it."""
    if not _TARGET.fullmatch(name):
        raise ValueError("has to be the name of a stage: letters, digits, dots, dashes and underscores")
    return name


def check_image(reference: str) -> str:
    """Return the reference. Raises ValueError when it cannot name an image."""
    if len(reference) > IMAGE_MAX or not re.fullmatch(IMAGE_PATTERN, reference):
        raise ValueError("has to be the name of an image, such as python:3.13-slim")
    return reference


def check_build_args(values: dict[str, str]) -> dict[str, str]:
    """Return the arguments. Raises ValueError when a build could not be given them."""
    if len(values) > BUILD_ARGS_MAX:
        raise ValueError(f"holds too many: {BUILD_ARGS_MAX} are the most")
    for name, value in values.items():
        if not _ARG_NAME.fullmatch(name):
            raise ValueError(f"has no usable name in {name[:80]!r}: letters, digits and underscores")
        if len(value) > WORD_MAX or _NEVER_IN_A_WORD.search(value):
            raise ValueError(f"has a value of {name} that is too long, or no text")
    return values


def check_build_secrets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names. Raises ValueError when they are not all names of variables, each once."""
    if len(names) > BUILD_SECRETS_MAX:
        raise ValueError(f"holds too many: {BUILD_SECRETS_MAX} are the most")
    for name in names:
        try:
            check_name(name)
        except Invalid:
            raise ValueError(f"holds {name[:80]!r}, which no variable can be called") from None
    if len(set(names)) < len(names):
        raise ValueError("names a variable twice")
    return names


def plainly(check: Callable[[T], T]) -> AfterValidator:
    """The same check for pydantic, with the sentence as it is."""

    def checked(value: T) -> T:
        try:
            return check(value)
        except ValueError as error:
            raise PydanticCustomError("unusable", "{reason}", {"reason": str(error)}) from None

    return AfterValidator(checked)


AppPath = Annotated[str, plainly(check_path), Field(json_schema_extra={"pattern": PATH_PATTERN})]
"""A path that an app is asked for."""
SourceFile = Annotated[str, plainly(check_file)]
"""A file of the source folder."""
StageName = Annotated[str, plainly(check_target)]
"""A stage of a Dockerfile."""
ImageName = Annotated[
    str, plainly(check_image), Field(json_schema_extra={"pattern": IMAGE_PATTERN, "maxLength": IMAGE_MAX})
]
"""A reference to an image."""
BuildArgs = Annotated[dict[str, str], plainly(check_build_args)]
"""Build arguments by name. Not for secrets: everybody who has the image can read them."""
BuildSecrets = Annotated[tuple[str, ...], plainly(check_build_secrets)]
"""Names of variables whose values a build may see, and nothing that comes of it."""
Command = Annotated[tuple[str, ...], plainly(check_command)]
"""An argument list. An argument may be empty, the program may not."""
