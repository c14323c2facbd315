"""A real name server on loopback: it answers over UDP what a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections import defaultdict, deque
from contextlib import suppress
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers from its records, in a thread of its own; `with NameServer() as dns:`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.records: dict[tuple[str, str], list[str]] = {}
        """By name and kind, such as `("app.example.com", "A")`; a list that is empty means no answer of that kind."""
        self.turns: dict[tuple[str, str], deque[list[str]]] = {}
        """What is answered first, one after the other, before `records`: for names that change their minds."""
        self.asked: dict[tuple[str, str], int] = defaultdict(int)
        self.silent = False
        self.broken = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """For TURNOUT_DNS_RESOLVERS."""
        return f"127.0.0.1:{self.port}"

    def say(self, name: str, kind: str, *texts: str) -> None:
        """From now on this is the answer."""
        quoted = [f'"{text}"' if kind == "TXT" else text for text in texts]
        self.records[(name, kind)] = quoted

    def forget(self, name: str) -> None:
        """There is no such name any more."""
        for known in [known for known in self.records if known[0] == name]:
            del self.records[known]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                packet, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if packet and not self.silent:
                self._socket.sendto(self._answer(packet), sender)

    def _answer(self, packet: bytes) -> bytes:
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[(name, kind)] += 1
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif not any(known[0] == name for known in (*self.records, *self.turns)):
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            response.answer += self._sets(name, kind)
        return response.to_wire()

    def _sets(self, name: str, kind: str) -> list[dns.rrset.RRset]:
        """The answer, with every name that leads to it, as a resolver tells it."""
        turns = self.turns.get((name, kind))
        told = turns.popleft() if turns else self.records.get((name, kind), [])
        if told:
            return [dns.rrset.from_text(f"{name}.", 60, "IN", kind, *told)]
        alias = self.records.get((name, "CNAME"))
        if not alias:
            return []
        leads = dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *alias)
        return [leads, *self._sets(alias[0].rstrip("."), kind)]
