"""Texts that somebody else wrote, on their way into a sentence for a person. Pure."""

from __future__ import annotations


def plain(text: str, *, limit: int) -> str:
    """The text on one line, printable, and cut to `limit` characters: nothing in it can steer a terminal or a log.

    Control characters, line ends, marks that change the direction of writing and the like are written as escapes.
    """
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "replace").decode("ascii") for each in cut
    )
