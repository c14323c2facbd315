"""From an error to what the terminal shows and the exit code: the one boundary of the command line."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Final

from turnout.domain.errors import Invalid, NotFound, TooLarge, TurnoutError
from turnout.domain.sentences import plain

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_REACHABLE: Final = 3
_LONGEST: Final = 4000
"""Characters of a line of an error."""

LEFT: Final = 130
"""Ctrl-C, as shells count it."""


def exit_code(error: TurnoutError) -> int:
    """2 for what has to be asked differently, 3 when nobody answers, 1 for every other refusal."""
    if error.type == "unreachable":
        return NOT_REACHABLE
    return USAGE if isinstance(error, (Invalid, NotFound, TooLarge)) else FAILED


def error_document(error: TurnoutError) -> dict[str, object]:
    """An error as `--json` prints it."""
    return {"type": error.type, "title": error.title, "status": error.status, "detail": error.detail}


def report(error: Exception, *, as_json: bool) -> int:
    """Print an error, as the one document or as one line, and return the exit code."""
    if not isinstance(error, TurnoutError):
        error = _mistyped(error) or error
    if not isinstance(error, TurnoutError):
        if os.environ.get("TURNOUT_DEBUG"):
            traceback.print_exception(error)
        error = TurnoutError(
            f"cannot go on because of a fault in Turnout: {type(error).__name__}: {error}; "
            "with TURNOUT_DEBUG=1 it says where"
        )
    if as_json:
        print(json.dumps({"error": error_document(error)}, indent=2))
    else:
        lines = (plain(line, limit=_LONGEST) for line in error.detail.split("\n"))
        print("turnout:", "\n".join(lines), file=sys.stderr)
    return exit_code(error)


def _mistyped(error: Exception) -> Invalid | None:
    """What makes no request because of what was typed."""
    from pydantic import ValidationError  # only once something went wrong

    if not isinstance(error, ValidationError):
        return None
    first = error.errors(include_input=False)[0]
    return Invalid(f"cannot ask for this: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}")


def report_usage(message: str, *, as_json: bool, verb: str = "turnout") -> int:
    """What was typed to a verb cannot be understood. Without a message the help was printed instead."""
    if message:
        report(Invalid(f"{message.rstrip('.')}; `{verb} --help` lists what there is"), as_json=as_json)
    return USAGE
