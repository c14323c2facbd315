"""Ranges of addresses, as a person writes them and as they are kept. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from turnout.domain.errors import Invalid

RANGES_MAX: Final = 256
"""Ranges in one list."""


def check_ranges(texts: Iterable[str]) -> tuple[str, ...]:
    """Each range in its one spelling, in the order given, without repeats. Raises Invalid naming the first bad one."""
    ranges = tuple(dict.fromkeys(check_range(text) for text in texts))
    if len(ranges) > RANGES_MAX:
        raise Invalid(f"cannot use {len(ranges)} address ranges: a list has {RANGES_MAX} at most; join neighbours")
    return ranges


def check_range(text: str) -> str:
    """`10.0.0.0/8`, `2001:db8::/32`, or one address, which becomes a range of itself. Raises Invalid.

    An address with bits behind the prefix is refused rather than cut: `10.1.2.3/8` is as often a slip for /32.
    """
    written = text.strip()
    try:
        if "%" in written:
            raise ValueError("a zone")
        loose = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise Invalid(
            f"cannot use {text[:60]!r} as an address range: write one such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
        ) from None
    if isinstance(loose, ipaddress.IPv6Network) and loose.network_address.ipv4_mapped is not None:
        raise Invalid(f"cannot use {text[:60]!r} as an address range: write it as an IPv4 range")
    try:
        return str(ipaddress.ip_network(written))
    except ValueError:
        raise Invalid(
            f"cannot use {text[:60]!r} as an address range: it has bits behind its prefix; "
            f"write {loose} for the range, or the address alone"
        ) from None
