"""What is said to one Envoy, and in which order. Pure: events go in, messages and verdicts come out.

Every project moves on its own, so a project that Envoy refuses holds up nobody else. The order within one
project, make before break:

    clusters and endpoints -> routes -> scopes -> scopes that went away -> clusters that went away

and each arrow waits for Envoy's acknowledgement. Endpoints do not wait for that of their cluster: Envoy holds
it back until the endpoints have come, and asks for them as soon as it has taken the cluster.

Nothing remembers a phase: what to send next is worked out from what Envoy is known to hold (`_held`), what is
under way (`_in_flight`) and what the state wants. So a change in the middle of a move, a lost stream or a
refusal needs no case of its own.

Endpoints and routes are never removed by a message: Envoy drops them, and says so, when the cluster or scope
that names them goes. A project's very first scope goes out before its routes, because only the scope makes
Envoy ask for them; the domain answers 404 for those milliseconds, as it did before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from turnout.gateway.messages import Outbox, Push
from turnout.gateway.resources import Key, Kind, ProjectPlan, Resource
from turnout.gateway.state import Changes, State
from turnout.gateway.verdicts import Generations, Verdict

_ORPHANS: Final = ""
"""Stands for the project of everything that Envoy brought along and nobody owns any more."""


Effect = Push | Verdict


@dataclass(kw_only=True, slots=True)
class _Move:
    """A project on its way from what Envoy holds to what the state wants."""

    generation: int | None
    """The oldest generation whose change is not in effect yet; None when only tidying up is left."""
    doomed: set[Key] = field(default_factory=set)
    """Clusters and scopes that Envoy may still hold and nobody wants."""


class Conversation:
    """One stream of one Envoy, from its first request to its end."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._held: dict[Key, str] = {}
        self._in_flight: dict[Key, str | None] = {}
        self._refused: dict[Key, tuple[str, str]] = {}
        self._behind: set[str] = set()
        """Projects that go on with an older configuration, because Envoy refused a newer one."""
        self._unplannable: set[str] = set()
        """Those that do because there is none that it could be told."""
        self._asked: dict[Kind, set[str]] = {Kind.ENDPOINTS: set(), Kind.ROUTES: set()}
        self._open: set[Kind] = set()
        self._greeted: set[Kind] = set()
        self._outbox = Outbox()
        self._effects: list[Effect] = []

        self._moves = {name: _Move(generation=state.generation) for name in state.projects()}
        self._movers: dict[Key, str] = {}
        self._generations = Generations(state.generation, projects=len(self._moves))
        # A gateway that starts must not answer 404 for a domain whose cluster is merely still on its way:
        # the first scopes are kept back until no project waits for clusters or endpoints any more.
        self._unready = set(self._moves)

    # Events -------------------------------------------------------------------------------------------

    def subscribe(self, kind: Kind, names: Iterable[str], held: Mapping[str, str]) -> list[Effect]:
        """Envoy asks for a kind or for names of it, and tells which versions it already has.

        Clusters and scopes are asked for as a whole, endpoints and routes by name.
        """
        names = list(names)
        touched: set[str] = set()
        if kind in self._asked:
            for name in names:
                self._asked[kind].add(name)
                self._held.pop((kind, name), None)
                touched.add(self._mover((kind, name)))
                if self._state.owner((kind, name)) is None and name not in held:
                    self._outbox.remove(kind, name)
        elif kind not in self._open:
            self._open.add(kind)
            touched.update(self._moves)
        for name, version in held.items():
            key = (kind, name)
            if kind is Kind.ENDPOINTS and (Kind.CLUSTER, name) in self._in_flight:
                continue  # its cluster changes just now, and will wait for them
            self._held[key] = version
            if kind in (Kind.CLUSTER, Kind.SCOPE) and self._mover(key) == _ORPHANS:
                self._doom(_ORPHANS, {key}, self._generations.newest)
        return self._work(touched)

    def unsubscribe(self, kind: Kind, names: Iterable[str]) -> list[Effect]:
        """Envoy no longer wants these, and has forgotten them."""
        for name in names:
            if kind in self._asked:
                self._asked[kind].discard(name)
                self._held.pop((kind, name), None)
        return self._work(())

    def ack(self, nonce: str) -> list[Effect]:
        """Envoy applied that message. A nonce that nobody knows is ignored."""
        push = self._outbox.answered(nonce)
        if push is None:
            return []
        for key, version in push.items():
            self._landed(key, version)
            if version is None:
                self._held.pop(key, None)
            elif key[0] not in self._asked or key[1] in self._asked[key[0]]:
                self._held[key] = version
        return self._work({self._mover(key) for key, _ in push.items()})

    def nack(self, nonce: str, error: str) -> list[Effect]:
        """Envoy refused that message: find out which resource it is by halves, and set that one aside."""
        push = self._outbox.answered(nonce)
        if push is None:
            return []
        if len(push.items()) > 1:
            self._effects += self._outbox.halves(push)
            return self._work(())
        for key, version in push.items():
            self._landed(key, version)
            if version is None:
                self._held.pop(key, None)
            else:
                self._refused[key] = (version, error)
        return self._work({self._mover(key) for key, _ in push.items()})

    def changed(self, changes: Changes) -> list[Effect]:
        """The state is a newer one; called once for every feed that was applied to it."""
        generation = changes.generation
        self._unplannable -= changes.dropped.keys()
        self._unplannable |= changes.unplannable.keys()
        for project_id, dropped in changes.dropped.items():
            self._doom(project_id, set(dropped), generation)
            if not self._state.plan(project_id).routes:
                self._unready.discard(project_id)
        for project_id, error in changes.unplannable.items():
            self._generations.spoil(generation, f"{project_id}: {error}")
        self._generations.announce(generation)
        return self._work(changes.dropped)

    # What follows from them ---------------------------------------------------------------------------

    def _work(self, projects: Iterable[str]) -> list[Effect]:
        self._advance_all(projects)
        if Kind.SCOPE in self._open and Kind.SCOPE not in self._greeted and not self._unready:
            self._greeted.add(Kind.SCOPE)
            self._advance_all(self._moves)
            self._effects += self._outbox.flush(greet=Kind.SCOPE)
        if Kind.CLUSTER in self._open and Kind.CLUSTER not in self._greeted:
            self._greeted.add(Kind.CLUSTER)
            self._effects += self._outbox.flush(greet=Kind.CLUSTER)
        if _ORPHANS in self._moves:
            self._advance_orphans(self._moves[_ORPHANS])
        self._effects += self._outbox.flush()
        if self._greeted >= {Kind.CLUSTER, Kind.SCOPE}:
            self._effects += self._generations.verdicts(whole=not (self._behind or self._unplannable))
        effects, self._effects = self._effects, []
        return effects

    def _advance_all(self, projects: Iterable[str]) -> None:
        for project_id in sorted(projects):
            if project_id != _ORPHANS:
                self._advance(project_id)

    def _advance(self, project_id: str) -> None:
        """Send whatever this project can be sent next, and see whether it has arrived."""
        move = self._moves.get(project_id)
        if move is None:
            return
        plan = self._state.plan(project_id)
        if self._refused and (error := self._refusal(plan)):
            self._unready.discard(project_id)
            self._behind.add(project_id)
            self._spoil(move, error)
        clusters_held = self._settle(plan.clusters)
        # Endpoints do not wait for the other clusters: when one deployment's cluster is refused, the one that
        # serves must still learn where its restarted instances are.
        endpoints_held = self._settle(plan.endpoints)
        if not (clusters_held and endpoints_held):
            return
        self._unready.discard(project_id)
        routes_held = self._settle(plan.routes)
        if not routes_held and any(route.name in self._asked[Kind.ROUTES] for route in plan.routes):
            return
        if not (self._settle(plan.scopes) and routes_held):
            return
        if self._remove(move, Kind.SCOPE):
            return
        self._behind.discard(project_id)
        self._in_effect(move)
        if not self._remove(move, Kind.CLUSTER):
            del self._moves[project_id]

    def _advance_orphans(self, move: _Move) -> None:
        """Leftovers of an earlier stream: nothing may be routed to their clusters when they go."""
        if self._remove(move, Kind.SCOPE):
            return
        self._in_effect(move)
        if len(self._moves) > 1:
            return
        if not self._remove(move, Kind.CLUSTER):
            del self._moves[_ORPHANS]

    def _settle(self, resources: tuple[Resource, ...]) -> bool:
        """Send those that Envoy lacks and may be told now; return whether it holds them all."""
        settled = True
        for resource in resources:
            key = resource.key
            if self._held.get(key) == resource.version and key not in self._in_flight:
                continue
            settled = False
            if key in self._in_flight or self._refused.get(key, ("",))[0] == resource.version:
                continue
            if self._may_be_told(key):
                self._outbox.add(resource)
                self._in_flight[key] = resource.version
                if key[0] is Kind.CLUSTER:
                    # A changed cluster waits for endpoints once more, even for ones that did not change.
                    self._held.pop((Kind.ENDPOINTS, key[1]), None)
        return settled

    def _may_be_told(self, key: Key) -> bool:
        kind, name = key
        if kind is Kind.CLUSTER:
            return kind in self._open and (Kind.ENDPOINTS, name) not in self._in_flight
        if kind is Kind.SCOPE:
            return kind in self._greeted
        return name in self._asked[kind]

    def _remove(self, move: _Move, kind: Kind) -> bool:
        """Remove the doomed ones of this kind; return whether any is still there."""
        for key in sorted(key for key in move.doomed if key[0] is kind):
            if key in self._in_flight:
                continue
            if key not in self._held or self._state.owner(key) is not None:
                move.doomed.discard(key)
                self._movers.pop(key, None)
            elif Kind.SCOPE in self._greeted:
                self._outbox.remove(kind, key[1])
                self._in_flight[key] = None
        return any(key[0] is kind for key in move.doomed)

    def _refusal(self, plan: ProjectPlan) -> str | None:
        for resource in plan.resources():
            version, error = self._refused.get(resource.key, ("", ""))
            if version == resource.version:
                return f"{resource.name}: {error}"
        return None

    # Bookkeeping --------------------------------------------------------------------------------------

    def _mover(self, key: Key) -> str:
        """The project that has to move on when something happens to this resource."""
        return self._state.owner(key) or self._movers.get(key, _ORPHANS)

    def _landed(self, key: Key, version: str | None) -> None:
        """Envoy answered for it. (A reply that there is no such thing was never under way.)"""
        if key in self._in_flight and self._in_flight[key] == version:
            del self._in_flight[key]

    def _doom(self, project_id: str, keys: set[Key], generation: int) -> None:
        """Start the project's move, or let the one under way lead to the newer state."""
        move = self._moves.setdefault(project_id, _Move(generation=None))
        move.doomed |= keys
        self._movers.update(dict.fromkeys(keys, project_id))
        if move.generation is None:
            move.generation = generation
            self._generations.begin(generation)

    def _in_effect(self, move: _Move) -> None:
        if move.generation is not None:
            self._generations.end(move.generation)
            move.generation = None

    def _spoil(self, move: _Move, error: str) -> None:
        if move.generation is not None:
            self._generations.spoil(move.generation, error)
            self._in_effect(move)
