"""Addresses of DNS resolvers, as people write them."""

from __future__ import annotations

import ipaddress

from turnout.domain.errors import Invalid


def parse_resolvers(text: str) -> tuple[tuple[str, int], ...]:
    """`1.1.1.1, 127.0.0.1:5353, [::1]:53` as addresses and ports; 53 where none is said. Raises Invalid."""
    try:
        return tuple(_parse(each.strip()) for each in text.split(",") if each.strip())
    except ValueError:
        raise Invalid("it has to be IP addresses, with ports if need be, such as 127.0.0.1:5353, 1.1.1.1") from None


def _parse(text: str) -> tuple[str, int]:
    host, port = text, "53"
    if text.startswith("[") or text.count(":") == 1:
        host, _, port = text.rpartition(":")
    if not 0 < int(port) < 65536:
        raise ValueError(f"there is no port {port}")
    return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))), int(port)
