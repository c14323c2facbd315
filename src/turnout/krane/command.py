"""A command line without a shell: words in, words and environment out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def expand(word: str, environment: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` of known names; everything else, `$$` too, stays as it is.

    Unknown names stay so that `sh -c 'echo $HOSTNAME'` means what its writer meant.
    """

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1] or match[2], match[0])

    return _VARIABLE.sub(value, word)


def split_command(
    words: Sequence[str], environment: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the argument list, and `environment` with `variables` and the leading `NAME=value` words added.

    What the command line says goes before the variables, as in a shell. The variables themselves are never put into
    the arguments, which everybody on a machine may read. Names that begin with TURNOUT_ are ours: an app cannot
    take on the identity of another instance.
    """
    known, assigned = dict(environment), dict[str, str]()
    rest = list(words)
    while rest and (match := _ASSIGNMENT.fullmatch(rest[0])):
        if not match[1].startswith("TURNOUT_"):
            assigned[match[1]] = known[match[1]] = expand(match[2], known)
        rest.pop(0)
    return [expand(word, known) for word in rest], {**environment, **(variables or {}), **assigned}


def explain_output(sentence: str, output: bytes, *, lines: int = 15, limit: int = 4000) -> str:
    """A reason for a person: `sentence`, then the last lines of the output, readable on any terminal."""
    tail = "\n".join(readable(output).splitlines()[-lines:])[-max(200, limit - len(sentence) - 40) :]
    return f"{sentence}; it printed:\n{tail}" if tail else f"{sentence}; it printed nothing"


_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles and links
    r"|\x1b[@-_]"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def readable(output: bytes) -> str:
    """`output` as text without escape sequences, control characters and empty lines."""
    text = output.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
