"""What is said to one Envoy about the certificates that its clients ask for. Pure but for the dice of a fresh key.

Envoy asks for a secret when the first client names a host, and keeps the client waiting until it is answered: with
the secret, or with its removal, which ends that connection at once and makes Envoy forget the name. So every question
is answered, and a name that nobody may have costs nothing afterwards.

Nothing here takes part in the verdicts on generations: a certificate that Envoy refuses holds up no deploy, and a
deploy waits for no certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from turnout.gateway.messages import Push
from turnout.gateway.resources import Kind, Resource
from turnout.gateway.secrets import Secrets

log = logging.getLogger(__name__)

MISSPELT_MAX: Final = 100
"""Names that are not in lower case which an Envoy may hold. There are 2^n spellings of each, and few clients that
do not send the usual one: the oldest makes room."""


@dataclass(slots=True)
class _Name:
    """One name that this Envoy asks for."""

    sent: str | None = None
    """The version that is under way."""
    held: str | None = None
    """The version that Envoy has acknowledged."""


class Handshakes:
    """The secrets of one stream of one Envoy."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._names: dict[str, _Name] = {}
        self._misspelt: dict[str, None] = {}
        self._refused: dict[str, str] = {}
        self._unanswered: dict[str, tuple[str, str]] = {}
        self._nonces = (f"s{number}" for number in count(1))

    def subscribe(self, _kind: Kind, names: Iterable[str], held: Mapping[str, str]) -> list[Push]:
        """Envoy asks for these, and tells which versions it already has."""
        for name, version in held.items():
            self._name(name).held = version
        asked = list(names)
        pushes, removed = [], []
        for name in asked:
            self._name(name)
            if name in held and self._secrets.is_good(name.lower(), held[name]):
                continue
            secret = self._servable(name)
            if secret is None:
                removed.append(name)
            else:
                pushes.append(self._push(secret))
        return [*pushes, *self._removal([*removed, *self._too_many()])]

    def unsubscribe(self, _kind: Kind, names: Iterable[str]) -> list[Push]:
        """Envoy no longer wants these, and has forgotten them."""
        for name in names:
            self._names.pop(name, None)
            self._misspelt.pop(name, None)
        return []

    def look_again(self, concerned: Callable[[str], bool] = lambda _: True) -> list[Push]:
        """Something changed for the hosts that are concerned, or time has passed for all: send what is new."""
        pushes, removed = [], []
        for name, state in self._names.items():
            has, host = state.sent or state.held, name.lower()
            if has is None or not concerned(host) or self._secrets.is_good(host, has):
                continue
            secret = self._secrets.secret(name)
            if secret is None:
                removed.append(name)
            elif secret.version != self._refused.get(name):
                pushes.append(self._push(secret))
        return [*pushes, *self._removal(removed)]

    def ack(self, nonce: str) -> list[Push]:
        """Envoy applied that message. A nonce that nobody knows, or that removed something, is ignored."""
        name, version = self._unanswered.pop(nonce, (None, ""))
        state = self._names.get(name) if name is not None else None
        if state is not None:
            state.held = version
            if state.sent == version:
                state.sent = None
        return []

    def nack(self, nonce: str, error: str) -> list[Push]:
        """Envoy refused that secret: it keeps the one that it had, or is told that there is none, and lets go."""
        name, version = self._unanswered.pop(nonce, (None, ""))
        state = self._names.get(name) if name is not None else None
        if name is None or state is None:
            return []
        log.error("envoy refused the certificate of %s: %s", name, error)
        self._refused[name], state.sent = version, None
        return [] if state.held is not None else self._removal([name])

    def _name(self, name: str) -> _Name:
        if name != name.lower():
            self._misspelt.setdefault(name)
        return self._names.setdefault(name, _Name())

    def _servable(self, name: str) -> Resource | None:
        secret = self._secrets.secret(name)
        return None if secret is None or secret.version == self._refused.get(name) else secret

    def _too_many(self) -> list[str]:
        oldest = list(self._misspelt)[: max(0, len(self._misspelt) - MISSPELT_MAX)]
        for name in oldest:
            del self._misspelt[name]
        return oldest

    def _push(self, secret: Resource) -> Push:
        """One secret a message, so that a refusal says whose it is."""
        self._names[secret.name].sent = secret.version
        push = Push(kind=Kind.SECRET, nonce=next(self._nonces), resources=(secret,))
        self._unanswered[push.nonce] = (secret.name, secret.version)
        return push

    def _removal(self, names: list[str]) -> list[Push]:
        if not names:
            return []
        for name in names:
            state = self._names[name]
            state.sent = state.held = None
        return [Push(kind=Kind.SECRET, nonce=next(self._nonces), removed=tuple(names))]
