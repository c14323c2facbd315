"""A program of its own: set this process's limits, then become the app.

Called as `python -I -S launch.py <open files> <nice> <word>…` with the app's environment. It imports nothing
of Turnout, so that it starts in a few milliseconds and cannot fail for our reasons. Between fork and exec of
krane itself no Python code may run safely; here it may.
"""

import contextlib
import os
import resource
import signal
import sys


def main(files: int, nice: int, words: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump holds secrets and fills disks
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower bound of its own, and does not tell it
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    os.nice(nice)
    os.umask(0o022)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec hands that on
    try:
        os.execvp(words[0], words)  # noqa: S606  # becoming the program is the point; no shell takes part
    except OSError as error:
        place = "" if os.sep in words[0] else f", looked for in PATH={os.environ.get('PATH', '')}"
        sys.stderr.write(f"turnout: cannot run {words[0]!r}: {error.strerror}{place}\n")
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
