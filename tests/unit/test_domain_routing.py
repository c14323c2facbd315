"""What a switch writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.domain.errors import Conflict
from turnout.domain.hostnames import Candidate, Naming, candidates
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, Deployment, GitData, HealthCheck, Resources, Route, Sticky
from turnout.domain.routing import Assignment, assign_for_deploy, assign_for_live, live_before
from turnout.domain.statuses import DeploymentStatus

OWN = "hello-dep-1-default.localhost"
NO_GIT = GitData()
LIVE = "hello-default.localhost"


def deployment(
    deployment_id: str, *, project: str = "prj_1", environment: str = "env_1", git: GitData = NO_GIT
) -> Deployment:
    return Deployment(
        id=deployment_id,
        project_id=project,
        environment_id=environment,
        status=DeploymentStatus.NETWORK,
        reason=None,
        image="release:1",
        source_id=None,
        backend=Backend.PROCESS,
        git=git,
        command=(),
        build_command=(),
        resources=Resources(),
        health=HealthCheck(),
        openapi_path=None,
        key_auth_id=None,
        regions=("local",),
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def route(fqdn: str, sticky: Sticky, *, to: str = "dep_1", project: str = "prj_1", environment: str = "env_1") -> Route:
    return Route(
        id=f"rte_{fqdn}",
        fqdn=fqdn,
        project_id=project,
        environment_id=environment,
        deployment_id=to,
        sticky=sticky,
    )


def wants(sticky: Sticky, *names: str) -> Candidate:
    return Candidate(sticky=sticky, names=names)


def test_free_names_are_taken() -> None:
    """Where nobody is, the first choice of each candidate is taken, in their order."""
    wanted = (wants(Sticky.NONE, OWN, "second"), wants(Sticky.LIVE, LIVE))
    assert assign_for_deploy(wanted, {}, deployment("dep_1")) == (
        Assignment(fqdn=OWN, sticky=Sticky.NONE),
        Assignment(fqdn=LIVE, sticky=Sticky.LIVE),
    )


@pytest.mark.parametrize("sticky", [Sticky.BRANCH, Sticky.ENVIRONMENT, Sticky.LIVE])
def test_sticky_names_follow_the_newer_deployment(sticky: Sticky) -> None:
    """A route of the same project, environment and kind moves on."""
    owned = {LIVE: route(LIVE, sticky, to="dep_0")}
    assert assign_for_deploy([wants(sticky, LIVE)], owned, deployment("dep_1")) == (
        Assignment(fqdn=LIVE, sticky=sticky),
    )


def test_none_routes_belong_to_their_deployment() -> None:
    """Another deployment of the same project takes its second choice; the same one finds its own again."""
    owned = {OWN: route(OWN, Sticky.NONE, to="dep_1")}
    wanted = [wants(Sticky.NONE, OWN, "second")]
    assert assign_for_deploy(wanted, owned, deployment("dep_1"))[0].fqdn == OWN
    assert assign_for_deploy(wanted, owned, deployment("dep_2"))[0].fqdn == "second"


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        (route(LIVE, Sticky.LIVE, project="prj_2"), Sticky.LIVE),
        (route(LIVE, Sticky.LIVE, environment="env_2"), Sticky.LIVE),
        (route(LIVE, Sticky.LIVE, project="prj_2", to="dep_1"), Sticky.LIVE),
        (route(LIVE, Sticky.ENVIRONMENT), Sticky.LIVE),
        (route(LIVE, Sticky.BRANCH), Sticky.ENVIRONMENT),
        (route(LIVE, Sticky.NONE), Sticky.BRANCH),
        (route(LIVE, Sticky.LIVE), Sticky.NONE),
        (route(LIVE, Sticky.NONE, to="dep_0"), Sticky.NONE),
    ],
)
def test_nothing_is_taken_over(taken: Route, wanted: Sticky) -> None:
    """Another project, environment, kind or, for a name that never moves, deployment owns it: 409."""
    with pytest.raises(Conflict, match=rf"cannot give dep_1 the domain {LIVE}: another project or environment owns it"):
        assign_for_deploy([wants(Sticky.NONE, OWN), wants(wanted, LIVE)], {LIVE: taken}, deployment("dep_1"))


def test_a_switch_moves_environment_and_live_names() -> None:
    """All of them and nothing else, by name."""
    routes = [
        route("c", Sticky.LIVE),
        route("a", Sticky.ENVIRONMENT),
        route("b", Sticky.LIVE, to="dep_9"),
        route("d", Sticky.BRANCH),
        route("e", Sticky.NONE),
    ]
    assert [(each.fqdn, each.sticky) for each in assign_for_live(routes)] == [
        ("a", Sticky.ENVIRONMENT),
        ("b", Sticky.LIVE),
        ("c", Sticky.LIVE),
    ]


@pytest.mark.parametrize(
    ("switches", "before"),
    [
        ([], []),
        (["v1"], []),
        (["v1", "v2"], ["v1"]),
        (["v1", "v2", "v3"], ["v2", "v1"]),
        (["v1", "v2", "v3", "back to v2"], ["v1"]),
        (["v1", "v2", "v3", "back to v2", "back to v1"], []),
        (["v1", "v2", "v3", "back to v1"], []),
        (["v1", "v2", "back to v1", "v2"], ["v1"]),
        (["v1", "v2", "v3", "back to v2", "v4"], ["v2", "v1"]),
        (["v1", "v2", "v1"], ["v2"]),
        (["v1", "v1", "v2"], ["v1"]),
        (["v2", "back to v1"], ["v2"]),
    ],
)
def test_what_was_live_before(switches: list[str], before: list[str]) -> None:
    """Nearest first, by the history of switches: what was gone back from is not gone back to."""
    history = [(each.startswith("back to "), each.removeprefix("back to ")) for each in switches]
    assert list(live_before(history)) == before


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd"))))
def test_one_never_goes_back_to_where_one_is(switches: list[tuple[bool, str]]) -> None:
    """Every answer was live once, none twice, and none is live now."""
    before = live_before(switches)
    assert len(set(before)) == len(before)
    assert set(before) <= {live for _, live in switches} - {live for _, live in switches[-1:]}


# Names chosen so that as many as possible coincide.
WORKSPACES = ("c", "b-c", "git-x-c", "default")
PROJECTS = ("a", "a-b", "a-git-x", "a-production", "a" * 40)
ENVIRONMENTS = ("production", "preview", "b", "x-preview")
BRANCHES = (
    None,
    "main",
    "x",
    "x-preview",
    "feature/x",
    "feature-x",
    "Feature-X",
    "abc1234",
    "production",
    "ü" * 255,
    "ü" * 254,
    "x" * 255,
)
SHAS = (None, "abc1234" + "0" * 33, "abc1234" + "1" * 33, "f" * 40)


@dataclass
class Town:
    """The routes of everybody, kept as the store keeps them."""

    routes: dict[str, Route] = field(default_factory=dict)
    branch_of: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def deploy(self, new: Deployment, naming: Naming, *, live: bool) -> bool:
        wanted = candidates(naming, live=live)
        names = {name for candidate in wanted for name in candidate.names}
        owned = {name: self.routes[name] for name in names if name in self.routes}
        try:
            chosen = assign_for_deploy(wanted, owned, new)
        except Conflict:
            assert any(self._all_belong_to_others(candidate, owned, new) for candidate in wanted)
            return False
        assert assign_for_deploy(wanted, owned, new) == chosen
        assert len({each.fqdn for each in chosen}) == len(chosen) == len(wanted)
        for each in chosen:
            self._check_and_write(each, new)
        self._a_repeat_changes_nothing(wanted, new, chosen)
        return True

    def _check_and_write(self, chosen: Assignment, new: Deployment) -> None:
        before = self.routes.get(chosen.fqdn)
        if before is not None:
            assert (before.project_id, before.environment_id) == (new.project_id, new.environment_id)
            assert before.sticky is chosen.sticky
            assert before.sticky is not Sticky.NONE or before.deployment_id == new.id
        if chosen.sticky is Sticky.BRANCH:
            whose = (new.project_id, new.git.branch)
            assert self.branch_of.setdefault(chosen.fqdn, whose) == whose
        self.routes[chosen.fqdn] = route(
            chosen.fqdn, chosen.sticky, to=new.id, project=new.project_id, environment=new.environment_id
        )

    def _a_repeat_changes_nothing(
        self, wanted: tuple[Candidate, ...], new: Deployment, chosen: tuple[Assignment, ...]
    ) -> None:
        assert assign_for_deploy(wanted, self.routes, new) == chosen

    def _all_belong_to_others(self, candidate: Candidate, owned: Mapping[str, Route], new: Deployment) -> bool:
        return all(
            name in owned
            and (
                (owned[name].project_id, owned[name].environment_id) != (new.project_id, new.environment_id)
                or owned[name].sticky is not candidate.sticky
                or owned[name].sticky is Sticky.NONE
            )
            for name in candidate.names
        )


deploys = st.tuples(
    st.sampled_from(WORKSPACES),
    st.sampled_from(PROJECTS),
    st.sampled_from(ENVIRONMENTS),
    st.sampled_from(BRANCHES),
    st.sampled_from(SHAS),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(deploys, max_size=25))
def test_a_town_of_projects(
    sequence: list[tuple[str, str, str, str | None, str | None, bool, bool]],
) -> None:
    """However many projects with names that run into each other deploy, in whatever order:

    a name that another project or environment owns is never reassigned, a name that never moves never moves,
    two branches never share a name, and a refused deployment changes nothing.
    """
    town = Town()
    for number, (workspace, project, environment, branch, sha, dirty, live) in enumerate(sequence):
        git = GitData(branch=branch, commit_sha=sha, dirty=dirty)
        project_id = f"prj_{workspace}/{project}"
        new = deployment(
            new_id("dep", at_ms=1, entropy=number),
            project=project_id,
            environment=f"env_{project_id}/{environment}",
            git=git,
        )
        naming = Naming(
            project=project,
            environment=environment,
            workspace=workspace,
            apex="localhost",
            deployment_id=new.id,
            git=git,
        )
        before = dict(town.routes)
        if not town.deploy(new, naming, live=live):
            assert town.routes == before
        for fqdn, old in before.items():
            if old.sticky is Sticky.NONE:
                assert town.routes[fqdn] == old


def test_the_same_branch_in_two_environments() -> None:
    """The first environment has the branch's name, the second one of its own, and both keep theirs."""
    town = Town()
    seen: dict[str, set[str]] = {"production": set(), "preview": set()}
    for number, environment in enumerate(["preview", "production", "preview", "production"]):
        git = GitData(branch="x")
        new = deployment(new_id("dep", at_ms=1, entropy=number), environment=f"env_{environment}", git=git)
        naming = Naming(
            project="a", environment=environment, workspace="c", apex="localhost", deployment_id=new.id, git=git
        )
        assert town.deploy(new, naming, live=True)
        seen[environment] |= {
            each.fqdn for each in town.routes.values() if each.sticky is Sticky.BRANCH and each.deployment_id == new.id
        }
    assert seen["preview"] == {"a-git-x-c.localhost"}
    assert len(seen["production"]) == 1
    assert not seen["preview"] & seen["production"]


def test_two_workspaces_whose_names_run_together() -> None:
    """Project `a` of workspace `b-c` and project `a-b` of workspace `c` want one name: the second gets 409."""
    town = Town()
    for number, (workspace, project, accepted) in enumerate([("b-c", "a", True), ("c", "a-b", False)]):
        new = deployment(new_id("dep", at_ms=1, entropy=number), project=f"prj_{number}", environment=f"env_{number}")
        naming = Naming(
            project=project,
            environment="production",
            workspace=workspace,
            apex="localhost",
            deployment_id=new.id,
            git=GitData(),
        )
        assert town.deploy(new, naming, live=True) is accepted
    assert {each.project_id for each in town.routes.values()} == {"prj_0"}
