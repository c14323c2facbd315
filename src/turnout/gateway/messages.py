"""What is said to an Envoy: messages of one kind each, with a nonce to answer by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from turnout.gateway.resources import Key, Kind, Resource

MAX_BATCH: Final = 1000
"""Resources in one message: keeps messages around a megabyte, and the search for a bad one short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """Send this to Envoy; it answers by acknowledging or refusing the nonce."""

    kind: Kind
    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()

    def items(self) -> list[tuple[Key, str | None]]:
        """What it is about: each resource with its version, None for a removal."""
        added: list[tuple[Key, str | None]] = [(each.key, each.version) for each in self.resources]
        return added + [((self.kind, name), None) for name in self.removed]


class Outbox:
    """Collects what is to be said, puts it into messages, and remembers those without an answer."""

    def __init__(self) -> None:
        self._waiting: dict[Kind, list[Resource | str]] = {kind: [] for kind in Kind}
        self._unanswered: dict[str, Push] = {}
        self._nonces = 0

    def add(self, resource: Resource) -> None:
        """Tell of this resource, or of its new version."""
        self._waiting[resource.kind].append(resource)

    def remove(self, kind: Kind, name: str) -> None:
        """Tell that there is no such resource."""
        self._waiting[kind].append(name)

    def flush(self, *, greet: Kind | None = None) -> list[Push]:
        """Everything collected, in the order of kinds. An empty message of the kind to greet with, if need be:
        an Envoy that starts waits for a first answer, even if that says that there is nothing."""
        pushes = []
        for kind, items in self._waiting.items():
            if not items and kind is greet:
                pushes.append(self._push(kind, []))
            pushes += [self._push(kind, items[start : start + MAX_BATCH]) for start in range(0, len(items), MAX_BATCH)]
            items.clear()
        return pushes

    def answered(self, nonce: str) -> Push | None:
        """The message that this nonce answers; None when there is none, or it was answered before."""
        return self._unanswered.pop(nonce, None)

    def halves(self, push: Push) -> list[Push]:
        """The same again in two messages, to find out which half was refused."""
        items: list[Resource | str] = [*push.resources, *push.removed]
        middle = len(items) // 2
        return [self._push(push.kind, items[:middle]), self._push(push.kind, items[middle:])]

    def _push(self, kind: Kind, items: list[Resource | str]) -> Push:
        self._nonces += 1
        push = Push(
            kind=kind,
            nonce=str(self._nonces),
            resources=tuple(item for item in items if isinstance(item, Resource)),
            removed=tuple(item for item in items if isinstance(item, str)),
        )
        self._unanswered[push.nonce] = push
        return push
