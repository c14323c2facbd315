"""What a build prints: kept up to a limit, cleaned of everything that could deceive a terminal or leak."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from turnout.builds.times import TimeIndex

MAX_LOG_BYTES: Final = 10 * 1024 * 1024
MAX_REASON: Final = 4000
"""Characters."""
_KEPT_LINES: Final = 20
_MAX_LINE: Final = 2000
"""Characters; a longer line is broken."""
_MAX_QUOTED_LINE: Final = 300
_MIN_MASKED: Final = 4
"""Characters; what is shorter would make a log unreadable, and is no secret."""
_MASKED: Final = "****"
_LINE_END: Final = re.compile(r"[\r\n]+")
_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")


class BuildLog:
    """Appends lines to a file, and remembers the last ones. Used by one process at a time.

    Of more than `limit_bytes` the beginning is kept, and at the end the last lines.
    """

    def __init__(self, path: Path, *, limit_bytes: int = MAX_LOG_BYTES, secrets: Iterable[str] = ()) -> None:
        self._file = path.open("ab", buffering=0)
        self._mask = Mask(secrets)
        self._left = limit_bytes - self._file.tell()
        self._times = TimeIndex(path.with_name(f"{path.name}.times"))
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._open_line = ""
        self._cut = False
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_line()
        self._keep_the_end()
        self._file.close()

    def say(self, text: str) -> None:
        """A line of Turnout's own; it is not part of what is quoted in a reason."""
        self.end_line()
        self._write(self.masked(clean(f"==> {text}")))

    def masked(self, text: str) -> str:
        """`text` without the secrets of the build."""
        return self._mask(text)

    def feed(self, output: bytes) -> None:
        """Some output of a program, cut anywhere."""
        text = self._open_line + self._decoder.decode(output)
        *lines, self._open_line = text.split("\n")
        for line in lines:
            self._add(line)
        while len(self._open_line) > _MAX_LINE + self._mask.longest:
            # First the secrets: none may be cut in two. One that is not whole yet begins behind the cut.
            self._open_line = self._mask(self._open_line)
            self._add(self._open_line[:_MAX_LINE])
            self._open_line = self._open_line[_MAX_LINE:]

    def end_line(self) -> None:
        """The program has ended; what it left without a line's end is a line too."""
        if self._open_line:
            self._add(self._open_line)
        self._open_line = ""

    def last_lines(self) -> tuple[str, ...]:
        """The last lines that programs printed, oldest first."""
        return tuple(self._last)

    def _add(self, line: str) -> None:
        # A progress bar writes over itself: what a person would see in the end is behind the last return.
        line = self._mask(clean(self._mask(line.rstrip("\r").rpartition("\r")[2])))
        if line.strip():
            self._last.append(line)
        self._write(line)

    def _keep_the_end(self) -> None:
        """What was printed last matters most: a log that was cut has its beginning and its end."""
        if self._cut:
            lines = ["==> …", *self._last]
            with suppress(OSError):
                self._file.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode(errors="replace")
        if self._left < len(data):
            if not self._cut:
                self._file.write(
                    b"==> the log is cut here: it has reached its limit; its last lines follow at the end\n"
                )
            self._left, self._cut = 0, True
            return
        self._left -= len(data)
        self._times.note(datetime.now(UTC), self._file.tell())
        try:
            self._file.write(data)
        except OSError:  # a full disk ends the log, and a program that prints must not wait for us for ever
            self._left = 0


class Mask:
    """Replaces secrets by asterisks: each line of a value that has enough characters not to be found by chance."""

    def __init__(self, values: Iterable[str]) -> None:
        lines = {line.strip() for value in values for line in _LINE_END.split(value)}
        lines |= {clean(line) for line in lines}
        found = sorted((line for line in lines if len(line) >= _MIN_MASKED), key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(line) for line in found)) if found else None
        self.longest = len(found[0]) if found else 0

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(_MASKED, text)


def clean(text: str) -> str:
    """`text` without escape sequences, control and invisible characters, and passwords inside of URLs."""
    text = _ESCAPES.sub("", text)
    text = "".join(c for c in text if c == "\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return _CREDENTIALS.sub("****@", text)


def failure(sentence: str, last_lines: Iterable[str]) -> str:
    """A sentence, and under it the last lines; the oldest are dropped first when there is too much."""
    lines = [line[:_MAX_QUOTED_LINE] for line in last_lines]
    sentence = sentence[:MAX_REASON]
    while lines and len(sentence) + sum(len(line) + 1 for line in lines) + 30 > MAX_REASON:
        lines.pop(0)
    return "\n".join([f"{sentence}; its last lines:", *lines]) if lines else sentence


def lines_at_end(path: Path) -> tuple[str, ...]:
    """The last lines of a log whose writer is gone."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(clean(line) for line in text.splitlines()[-_KEPT_LINES:])
