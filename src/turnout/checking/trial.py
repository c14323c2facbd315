"""A document on trial, in a process of its own: `python -m turnout.checking.trial`, the document on standard input.

Whoever writes a document chooses how much work it makes. Here it may take ten seconds and a gigabyte, and when it
takes more, nothing but this process ends. The verdict is one JSON object on standard output.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Final

from turnout.checking.spec import Spec
from turnout.domain.errors import Invalid

_CPU_SECONDS: Final = 10
_MEMORY: Final = 1024**3


def main() -> None:
    """Compile all of it; say how many operations it has, or why requests cannot be checked against it."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    verdict: dict[str, int | str]
    try:
        verdict = {"operations": Spec(sys.stdin.buffer.read()).compile_all()}
    except Invalid as error:
        verdict = {"reason": error.detail}
    sys.stdout.write(json.dumps(verdict))


if __name__ == "__main__":
    main()
