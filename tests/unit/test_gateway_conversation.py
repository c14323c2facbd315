"""The order of what Envoy is told, with an Envoy that is simulated and a scheduler that is hostile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.domain.views import GatewayFeed, ProjectView
from turnout.gateway import protos
from turnout.gateway.conversation import Conversation, Effect
from turnout.gateway.messages import Push
from turnout.gateway.resources import Key, Kind, Resource
from turnout.gateway.state import Changes, State
from turnout.gateway.testing import project
from turnout.gateway.verdicts import Acknowledged, Rejected


class Store:
    """Feeds a state and numbers the generations."""

    def __init__(self) -> None:
        self.state = State()
        self.generation = 0
        self.put()

    def put(self, *views: ProjectView, routing: bool = True) -> Changes:
        self.generation += routing
        return self.state.apply(GatewayFeed(change=self.state.change + 1, generation=self.generation, projects=views))


class SimulatedEnvoy:
    """Behaves as Envoy 1.40 was seen to: takes messages one by one, asks for endpoints and routes when it
    learns of a cluster or scope, and answers for a cluster only when its endpoints have come."""

    def __init__(self, store: Store, bad: frozenset[str] = frozenset()) -> None:
        self.store = store
        self.bad = bad
        """Names of resources that are refused in every version but the first."""
        self.has: dict[Kind, dict[str, Resource]] = {kind: {} for kind in Kind}
        self.warm: set[str] = set()
        self.answered: set[str] = set()
        """Clusters that wait for endpoints no longer: they have some, or were told that there are none."""
        self.first: dict[Key, str] = {}
        self.verdicts: list[Effect] = []
        self.connect()

    # The stream

    def connect(self) -> None:
        self.conversation = Conversation(self.store.state)
        self.inbox: deque[Push] = deque()
        self.outbox: deque[Callable[[], list[Effect]]] = deque()
        self.late_acks: list[Push] = []
        self.asked: dict[Kind, set[str]] = {
            Kind.ENDPOINTS: set(self.has[Kind.CLUSTER]),
            Kind.ROUTES: self._routes_named(),
        }
        for kind in Kind:
            names = self.asked.get(kind, set())
            if kind in (Kind.CLUSTER, Kind.SCOPE) or names:
                held = {n: r.version for n, r in self.has[kind].items() if not names or n in names}
                self.outbox.append(partial(self.conversation.subscribe, kind, sorted(names), held))

    def hear(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Push):
                self.inbox.append(effect)
            else:
                self.verdicts.append(effect)

    def say_one(self) -> None:
        """One of Envoy's messages reaches the server."""
        if self.outbox:
            self.hear(self.outbox.popleft()())

    def take_one(self) -> None:  # noqa: C901, PLR0912  # one case per kind, and Envoy has many
        """One of the server's messages reaches Envoy."""
        if not self.inbox:
            return
        push = self.inbox.popleft()
        good = [resource for resource in push.resources if not self._is_bad(resource)]
        match push.kind:
            case Kind.CLUSTER:
                self._take_clusters(good, push.removed)
            case Kind.ENDPOINTS:
                for resource in good:
                    if resource.name in self.asked[Kind.ENDPOINTS]:
                        self.has[Kind.ENDPOINTS][resource.name] = resource
                        self.warm.add(resource.name)
                        self.answered.add(resource.name)
                self.answered.update(push.removed)
            case Kind.ROUTES:
                for resource in good:
                    if resource.name in self.asked[Kind.ROUTES]:
                        self.has[Kind.ROUTES][resource.name] = resource
            case Kind.SCOPE:
                self._take_scopes(good, push.removed)
        if len(good) < len(push.resources):
            self.outbox.append(partial(self.conversation.nack, push.nonce, "no good"))
        elif push.kind is Kind.CLUSTER:
            self.late_acks.append(push)
        else:
            self.outbox.append(partial(self.conversation.ack, push.nonce))
        for late in list(self.late_acks):
            if all(r.name in self.answered or r.name not in self.has[Kind.CLUSTER] for r in late.resources):
                self.late_acks.remove(late)
                self.outbox.append(partial(self.conversation.ack, late.nonce))
        self.check()

    def _is_bad(self, resource: Resource) -> bool:
        return resource.name in self.bad and self.first.setdefault(resource.key, resource.version) != resource.version

    def _take_clusters(self, resources: list[Resource], removed: tuple[str, ...]) -> None:
        for resource in resources:
            self.has[Kind.CLUSTER][resource.name] = resource
            if resource.name not in self.asked[Kind.ENDPOINTS]:
                self.asked[Kind.ENDPOINTS].add(resource.name)
                self.outbox.append(partial(self.conversation.subscribe, Kind.ENDPOINTS, [resource.name], {}))
        for name in removed:
            self.has[Kind.CLUSTER].pop(name, None)
            self.has[Kind.ENDPOINTS].pop(name, None)
            self.warm.discard(name)
            self.answered.discard(name)
            if name in self.asked[Kind.ENDPOINTS]:
                self.asked[Kind.ENDPOINTS].discard(name)
                self.outbox.append(partial(self.conversation.unsubscribe, Kind.ENDPOINTS, [name]))

    def _take_scopes(self, resources: list[Resource], removed: tuple[str, ...]) -> None:
        for resource in resources:
            self.has[Kind.SCOPE][resource.name] = resource
        for name in removed:
            self.has[Kind.SCOPE].pop(name, None)
        named = self._routes_named()
        for name in sorted(named - self.asked[Kind.ROUTES]):
            self.outbox.append(partial(self.conversation.subscribe, Kind.ROUTES, [name], {}))
        for name in sorted(self.asked[Kind.ROUTES] - named):
            self.has[Kind.ROUTES].pop(name, None)
            self.outbox.append(partial(self.conversation.unsubscribe, Kind.ROUTES, [name]))
        self.asked[Kind.ROUTES] = named

    # What a client would see

    def _routes_named(self) -> set[str]:
        scopes = self.has[Kind.SCOPE].values()
        return {protos.ScopedRouteConfiguration.FromString(r.body).route_configuration_name for r in scopes}

    def check(self) -> None:
        """Whatever is routed to is there, and knows its endpoints."""
        for routes in self.has[Kind.ROUTES].values():
            for cluster in clusters_of(routes):
                assert cluster in self.has[Kind.CLUSTER], f"a route names {cluster}, which is not there"
                assert cluster in self.warm, f"a route names {cluster}, which has no endpoints yet"

    def settle(self) -> None:
        """Deliver everything, in both directions, until nobody has anything left to say."""
        for _ in range(10_000):
            if not self.inbox and not self.outbox:
                return
            self.take_one()
            self.say_one()
        raise AssertionError("they never stop talking")

    def expect_all_of(self, projects: Mapping[str, ProjectView], *, but: frozenset[str] = frozenset()) -> None:
        wanted = {r.key: r.version for p in projects for r in self.store.state.plan(p).resources() if p not in but}
        has = {r.key: r.version for kind in Kind for r in self.has[kind].values()}
        if but:
            has = {key: version for key, version in has.items() if key in wanted}
        assert has == wanted


def clusters_of(routes: Resource) -> set[str]:
    message = protos.RouteConfiguration.FromString(routes.body)
    return {route.route.cluster for host in message.virtual_hosts for route in host.routes}


PROJECTS = ("p0", "p1", "p2")


@st.composite
def views(draw: st.DrawFn) -> list[ProjectView]:
    """Any number of projects in any shape; one domain, `shared`, is with one of them at most."""
    shared = draw(st.sampled_from([*PROJECTS, None]))
    result = []
    for name in PROJECTS:
        deployments = st.sampled_from([f"{name}-d{n}" for n in range(3)])
        fqdns = [f"{name}-a.example", f"{name}-b.example", *(["shared.example"] if shared == name else [])]
        routes = draw(st.dictionaries(st.sampled_from(fqdns), deployments, max_size=3))
        ports = {d: draw(st.sampled_from([[], ["127.0.0.1:1"], ["127.0.0.1:2"]])) for d in sorted(set(routes.values()))}
        result.append(project(name, routes, ports))
    return result


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["take", "say", "take", "say", "take", "say", "reconnect"]),
        views(),
    ),
    max_size=60,
)


def play(steps: list[str | list[ProjectView]], bad: frozenset[str]) -> SimulatedEnvoy:
    store = Store()
    envoy = SimulatedEnvoy(store, bad)
    for step in steps:
        if step == "take":
            envoy.take_one()
        elif step == "say":
            envoy.say_one()
        elif step == "reconnect":
            envoy.connect()
        else:
            assert isinstance(step, list)
            envoy.hear(envoy.conversation.changed(store.put(*step)))
    envoy.settle()
    return envoy


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_no_route_ever_leads_nowhere_and_everything_arrives(steps: list[str | list[ProjectView]]) -> None:
    """Whatever the order of changes, answers and lost connections; and nothing stays behind."""
    envoy = play(steps, frozenset())
    envoy.expect_all_of(envoy.store.state.views)
    assert envoy.verdicts[-1] == Acknowledged(generation=envoy.store.generation)
    assert not any(isinstance(verdict, Rejected) for verdict in envoy.verdicts)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.frozensets(st.sampled_from(["p0", "p0-d0", "p0-d1", "p0-a.example"]), min_size=1))
def test_refusals_of_one_project_never_reach_another(steps: list[str | list[ProjectView]], bad: frozenset[str]) -> None:
    """Its routes never lead nowhere either, and the others get all their changes."""
    envoy = play(steps, bad)
    envoy.expect_all_of(envoy.store.state.views, but=frozenset({"p0"}))


def connected(store: Store) -> SimulatedEnvoy:
    envoy = SimulatedEnvoy(store)
    envoy.settle()
    envoy.verdicts.clear()
    return envoy


ONE = project("p1", {"one.example": "d1"}, {"d1": ["127.0.0.1:1"]})
ONE_SWITCHED = project("p1", {"one.example": "d2"}, {"d2": ["127.0.0.1:2"]})
TWO = project("p2", {"two.example": "d3"}, {"d3": []})


def test_a_new_gateway_acknowledges_the_newest_generation() -> None:
    """Once, when everything is in effect."""
    store = Store()
    store.put(ONE, TWO)
    envoy = SimulatedEnvoy(store)
    envoy.settle()
    assert envoy.verdicts == [Acknowledged(generation=2)]


def test_a_reconnecting_envoy_is_sent_nothing_it_has() -> None:
    """It says which versions it holds, and is taken at its word."""
    store = Store()
    store.put(ONE, TWO)
    envoy = connected(store)
    envoy.connect()
    sent: list[Push] = []
    while envoy.outbox:
        envoy.say_one()
        sent += envoy.inbox
    assert [push for push in sent if push.resources or push.removed] == []
    assert envoy.verdicts == [Acknowledged(generation=2)]


def test_a_generation_that_changes_nothing_is_acknowledged() -> None:
    """An operation waits for it all the same."""
    store = Store()
    envoy = connected(store)
    envoy.hear(envoy.conversation.changed(store.put()))
    assert envoy.verdicts == [Acknowledged(generation=2)]


def test_a_change_of_instances_alone_is_no_second_acknowledgement() -> None:
    """Generations only grow."""
    store = Store()
    store.put(ONE)
    envoy = connected(store)
    moved = project("p1", {"one.example": "d1"}, {"d1": ["127.0.0.1:9"]})
    envoy.hear(envoy.conversation.changed(store.put(moved, routing=False)))
    envoy.settle()
    assert envoy.verdicts == []
    envoy.expect_all_of(store.state.views)


def test_the_acknowledgement_does_not_wait_for_tidying_up() -> None:
    """Traffic has moved when the routes are acknowledged; the old cluster goes afterwards."""
    store = Store()
    store.put(ONE)
    envoy = connected(store)
    envoy.hear(envoy.conversation.changed(store.put(ONE_SWITCHED)))
    while not envoy.verdicts:
        envoy.take_one()
        envoy.say_one()
    assert "d1" in envoy.has[Kind.CLUSTER]
    envoy.settle()
    assert "d1" not in envoy.has[Kind.CLUSTER]


def test_a_refusal_is_the_verdict_of_its_generation_only() -> None:
    """Among a thousand good resources the bad one is found; the next generation is acknowledged."""
    store = Store()
    many = [project(f"x{n}", {f"x{n}.example": f"xd{n}"}, {f"xd{n}": []}) for n in range(1000)]
    store.put(ONE, *many)
    envoy = connected(store)
    envoy.bad = frozenset({"p1"})
    envoy.first[(Kind.ROUTES, "p1")] = envoy.has[Kind.ROUTES]["p1"].version
    moved = [project(f"x{n}", {f"y{n}.example": f"xd{n}"}, {f"xd{n}": []}) for n in range(1000)]
    envoy.hear(envoy.conversation.changed(store.put(ONE_SWITCHED, *moved)))
    envoy.settle()
    assert envoy.verdicts == [Rejected(generation=3, error="p1: no good")]
    assert clusters_of(envoy.has[Kind.ROUTES]["p1"]) == {"d1"}
    envoy.hear(envoy.conversation.changed(store.put(TWO)))
    envoy.settle()
    assert envoy.verdicts[1:] == [Acknowledged(generation=4, whole=False)]
    envoy.expect_all_of(store.state.views, but=frozenset({"p1"}))


@pytest.mark.parametrize(
    "mended",
    [ONE, project("p1", {"one.example": "d3"}, {"d3": []}), project("p1", {}, {})],
    ids=["back to what it had", "another version", "removed"],
)
def test_a_refusal_is_over_when_its_project_is_right_again(mended: ProjectView) -> None:
    """Not before: what others change meanwhile is acknowledged, and does not hide it."""
    store = Store()
    store.put(ONE, TWO)
    envoy = connected(store)
    envoy.bad = frozenset({"p1"})
    envoy.first[(Kind.ROUTES, "p1")] = envoy.has[Kind.ROUTES]["p1"].version
    envoy.hear(envoy.conversation.changed(store.put(ONE_SWITCHED)))
    envoy.settle()
    envoy.hear(envoy.conversation.changed(store.put(replace(TWO, routes=()))))
    envoy.settle()
    envoy.bad = frozenset()
    envoy.hear(envoy.conversation.changed(store.put(mended)))
    envoy.settle()
    assert envoy.verdicts == [
        Rejected(generation=3, error="p1: no good"),
        Acknowledged(generation=4, whole=False),
        Acknowledged(generation=5, whole=True),
    ]
    envoy.expect_all_of(store.state.views)


def test_a_project_that_cannot_be_planned_is_rejected_and_keeps_its_plan() -> None:
    """The planner refuses before Envoy would."""
    store = Store()
    store.put(ONE)
    envoy = connected(store)
    bad = project("p1", {"one.example": "d2"}, {"d2": ["nowhere"]})
    envoy.hear(envoy.conversation.changed(store.put(bad)))
    envoy.settle()
    (verdict,) = envoy.verdicts
    assert isinstance(verdict, Rejected)
    assert "nowhere" in verdict.error
    assert clusters_of(envoy.has[Kind.ROUTES]["p1"]) == {"d1"}


def test_first_scopes_wait_until_every_project_can_be_served() -> None:
    """A gateway that starts answers for all domains or is not ready; never 404 for some."""
    store = Store()
    store.put(ONE, TWO)
    envoy = SimulatedEnvoy(store)
    pushed: list[Push] = []
    while envoy.outbox or envoy.inbox:
        envoy.say_one()
        pushed += [push for push in envoy.inbox if push not in pushed]
        envoy.take_one()
    (scopes,) = [push for push in pushed if push.kind is Kind.SCOPE]
    assert {resource.name for resource in scopes.resources} == {"one.example", "two.example"}
