"""DNS: the TXT records of a name, and its addresses. Only names from the root down; no search lists, no hosts file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from turnout.domain.proofs import NotSeenError

_MOST: Final = 16
"""Records of one answer that are looked at: what proves a name does not hide behind more."""


class Lookups:
    """Asks resolvers. Implements `TxtRecords` and `Addresses` of `domain.proofs`."""

    def __init__(self, *, resolvers: Sequence[tuple[str, int]] = (), timeout: float = 5.0) -> None:
        """`resolvers` are addresses and ports; none takes the machine's. `timeout` is for one question, in seconds."""
        self._resolvers = tuple(resolvers)
        self._timeout = timeout

    async def txt(self, name: str) -> tuple[str, ...]:
        """See `TxtRecords`. The strings of a record are one text."""
        answer = await self._ask(name, dns.rdatatype.TXT, f"there is no TXT record {name}")
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer[:_MOST])

    async def addresses(self, host: str) -> tuple[str, ...]:
        """See `Addresses`: the IPv4 addresses first."""
        nowhere = f"{host} leads nowhere: it has no address"
        try:
            found = await self._ask(host, dns.rdatatype.A, nowhere)
        except NotSeenError:
            found = await self._ask(host, dns.rdatatype.AAAA, nowhere)
        return tuple(record.address for record in found[:_MOST])

    async def _ask(self, name: str, kind: Any, nothing: str) -> list[Any]:
        """The records, or `nothing`; trouble on the way is told as such, since it may pass."""
        try:
            resolver = self._resolver()
            answer = await resolver.resolve(
                dns.name.from_text(name), kind, search=False, lifetime=self._timeout, raise_on_no_answer=True
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            raise NotSeenError(nothing) from None
        except dns.exception.Timeout:
            raise NotSeenError(f"no resolver answered for {name} within {self._timeout:g} s") from None
        except (dns.exception.DNSException, OSError, UnicodeError):
            raise NotSeenError(f"the resolvers have no answer for {name}: its name servers fail") from None
        return list(answer)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self._resolvers)
        if self._resolvers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in self._resolvers]
        return resolver
