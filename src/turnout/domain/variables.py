"""Which environment variables there may be. Pure; no message ever quotes a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from turnout.domain.errors import Invalid, TooLarge

NAME_MAX: Final = 128
"""Characters of a name."""
VALUE_MAX: Final = 64 * 1024
"""Bytes of a value, as UTF-8. The kernel takes twice that for one variable of a process."""
COUNT_MAX: Final = 500
"""Variables of one environment."""
TOTAL_MAX: Final = 512 * 1024
"""Bytes of all values of one environment together."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = frozenset({"PORT", "HOME"})


def check_name(name: str) -> str:
    """Return the name. Raises Invalid when no variable can have it, without repeating what is not a name."""
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise Invalid(
            "cannot use this name for a variable: it consists of letters, digits and underscores, "
            f"does not begin with a digit, and has {NAME_MAX} characters at most"
        )
    if name.upper().startswith("TURNOUT_") or name in _OURS:
        raise Invalid(f"cannot set {name}: Turnout sets it for each instance; choose another name")
    return name


def check_values(values: Mapping[str, str]) -> None:
    """Raises Invalid or TooLarge for the first variable that no process can be given; names it."""
    for name, value in values.items():
        check_name(name)
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise Invalid(f"cannot set {name}: its value is not valid text") from None
        if "\0" in value:
            raise Invalid(f"cannot set {name}: its value holds a NUL character, which no environment can hold")
        if size > VALUE_MAX:
            raise TooLarge(f"cannot set {name}: its value is larger than {VALUE_MAX // 1024} KiB; use a file instead")


def check_all(count: int, total_bytes: int) -> None:
    """Raises TooLarge when an environment would hold more than a process should be started with."""
    if count > COUNT_MAX:
        raise TooLarge(f"cannot set more variables: an environment has {COUNT_MAX} at most; remove some")
    if total_bytes > TOTAL_MAX:
        raise TooLarge(f"cannot set these variables: all values of an environment have {TOTAL_MAX // 1024} KiB at most")
