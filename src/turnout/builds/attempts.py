"""How often a build was started, and how long ago the first time: by a clock that nobody can set."""

from __future__ import annotations

import time

from turnout.builds.disk import read_json, write_json
from turnout.builds.layout import BuildFolder
from turnout.builds.processes import boot_id


def attempts(folder: BuildFolder) -> int:
    """How often a builder was started."""
    return int((read_json(folder.attempt) or {}).get("attempts", 0))


def count_attempt(folder: BuildFolder) -> None:
    """Write down that a builder is about to be started; the first time starts the deadline."""
    document = read_json(folder.attempt)
    if document is None or document["boot_id"] != boot_id():
        # The monotonic clock starts anew with the machine, and so does the time that a build has.
        before = 0 if document is None else document["attempts"]
        document = {"attempts": before, "boot_id": boot_id(), "first_started": time.monotonic()}
    write_json(folder.attempt, {**document, "attempts": document["attempts"] + 1})


def seconds_left(folder: BuildFolder, deadline_seconds: float) -> float:
    """What is left of the deadline; below zero when it has passed."""
    document = read_json(folder.attempt)
    if document is None or document["boot_id"] != boot_id():
        return deadline_seconds
    return deadline_seconds - (time.monotonic() - float(document["first_started"]))
