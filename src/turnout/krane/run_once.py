"""A program of its own: run a command once, and write down how it ended, whoever is there to see it.

Called as `python -I -S run_once.py <exit file> <program> <word>…`. A krane that was killed meanwhile is not the
parent any more and would never learn the exit code; the file tells the next one.
"""

import json
import os
import signal
import sys


def main(exit_file: str, words: list[str]) -> int:
    child = os.fork()
    if child == 0:
        os.execv(words[0], words)  # noqa: S606  # becoming the program is the point; no shell takes part
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # the command gets them too, and how it takes them is to be seen
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    beside = f"{exit_file}.new"
    with open(beside, "w", encoding="ascii") as file:  # noqa: PTH123  # pathlib takes longer than all the rest
        json.dump({"code": code}, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(beside, exit_file)  # noqa: PTH104
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
