"""The command line: one file per verb.

Law: a verb reads what was typed, asks the client, and prints. What it decides itself is only how things look.
Everything heavy is imported by the verb that needs it, when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from turnout.cli.failures import FAILED, LEFT, report, report_usage


def main() -> None:
    """The `turnout` command. Exit codes: 0 done, 1 the operation failed, 2 wrong usage, 3 not reachable."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Never raises."""
    from turnout.cli.part import is_part, run_part
    from turnout.domain.errors import TurnoutError

    as_json = "--json" in arguments
    try:
        if is_part(arguments):
            return run_part(arguments[0], arguments[1:])
        return _verb(arguments, as_json=as_json)
    except TurnoutError as error:
        return report(error, as_json=as_json)
    except KeyboardInterrupt:
        return LEFT
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be printed, not even at exit.
        sys.stdout = sys.stderr
        return FAILED
    except Exception as error:  # noqa: BLE001  # a fault of ours still ends in one line and an exit code
        return report(error, as_json=as_json)


def _verb(arguments: Sequence[str], *, as_json: bool) -> int:
    from typer.exceptions import Abort, TyperException

    from turnout.cli.app import app

    try:
        code = app(args=list(arguments), prog_name="turnout", standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)  # of the verb that was understood so far
        verb = "turnout" if context is None else str(context.command_path)
        return report_usage(error.format_message(), as_json=as_json, verb=verb)
    except Abort:
        return LEFT
    return code if isinstance(code, int) else 0
