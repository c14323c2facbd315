"""Which addresses strangers may send us to: only those that anybody could reach anyway."""

from __future__ import annotations

import ipaddress
from typing import Final

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 write them (RFC 6052)."""

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that was ever handed out; the rest is local, retired or reserved."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, whatever it is dressed up as.

    Loopback, private, link-local (cloud metadata too), shared, multicast and reserved ones are not, nor are IPv6
    addresses that carry such an IPv4 address inside. What is no address is not public either.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        inside = _carried(parsed)
        if inside is not None:
            return is_public(str(inside))
        if parsed not in _GLOBAL_UNICAST:
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translator, tunnel or socket would really talk to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
