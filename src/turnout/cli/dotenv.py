"""Reading `.env` files: `NAME=value` lines, as most tools write them. Pure; no message ever quotes a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from turnout.domain.errors import Invalid, TurnoutError
from turnout.domain.variables import check_name

_LINE: Final = re.compile(r"\s*(?:export\s+)?([^=\s]+)\s*=[ \t]*(.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a file; the last one of a name counts.

    Comments and `export` are understood. Single quotes keep everything as it is; double quotes know `\\n`, `\\"` and
    so on; both may go over several lines. Nothing is replaced inside a value: `$OTHER` stays. Raises Invalid naming
    the line.
    """
    found: dict[str, str] = {}
    lines = iter(enumerate(text.removeprefix("\ufeff").splitlines(), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Invalid(f"cannot read line {number}: it is not of the form NAME=value")
        try:
            name = check_name(match[1])
        except TurnoutError as error:
            raise Invalid(f"cannot read line {number}: {error.detail}") from None
        found[name] = _value(match[2], lines, number)
    return found


def _value(rest: str, lines: Iterator[tuple[int, str]], number: int) -> str:
    quote = rest[:1]
    if quote not in ("'", '"'):
        return re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip()
    body = rest[1:]
    while (end := _end(body, quote)) is None:
        following = next(lines, None)
        if following is None:
            raise Invalid(f"cannot read line {number}: its quotation mark is never closed")
        body += "\n" + following[1]
    after = body[end + 1 :].strip()
    if after and not after.startswith("#"):
        raise Invalid(f"cannot read line {number}: something follows after the closing quotation mark")
    inside = body[:end]
    return inside if quote == "'" else _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), inside)


def _end(body: str, quote: str) -> int | None:
    """Where the closing mark is."""
    pattern = r"[^']*" if quote == "'" else r'(?:[^"\\]|\\.)*'
    match = re.match(pattern, body, re.DOTALL)
    end = match.end() if match else 0
    return end if body[end : end + 1] == quote else None
