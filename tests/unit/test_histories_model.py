"""The small model of a project: what a switch makes of what leads where."""

from __future__ import annotations

import pytest

from tests.faults.histories.choices import App
from tests.faults.histories.model import Project, Refused, Version


@pytest.fixture
def project() -> Project:
    return Project(slug="p")


def ready(project: Project, name: str, environment: str = "production", branch: str | None = None) -> str:
    """A version that was deployed."""
    made = Version(
        id=name, environment=environment, branch=branch, app=App.GOOD, order=len(project.versions), variables={}
    )
    project.versions[name] = made
    project.deploy(made)
    return name


def test_a_deploy_takes_its_own_name_and_what_follows_it(project: Project) -> None:
    """Its own stays; the branch's, the environment's and the live one move."""
    ready(project, "v1", branch="main")
    ready(project, "v2", branch="main")
    assert project.routes == {
        ("none", "v1"): "v1",
        ("none", "v2"): "v2",
        ("branch", "production/main"): "v2",
        ("environment", "production"): "v2",
        ("live", ""): "v2",
    }
    assert (project.live, project.rolled_back) == ("v2", False)


def test_a_preview_is_never_live(project: Project) -> None:
    """It takes its environment's name alone."""
    ready(project, "v1", "preview", branch="main")
    assert project.live is None
    assert set(project.routes) == {("none", "v1"), ("branch", "preview/main"), ("environment", "preview")}
    with pytest.raises(Refused, match="another environment"):
        project.promote("v1")


def test_a_rolled_back_project_keeps_what_is_live(project: Project) -> None:
    """A new version gets its own and its branch's name; a promote ends that."""
    ready(project, "v1"), ready(project, "v2")
    moved = project.rollback("v2", "v1")
    assert (moved.live_before, moved.live_after, moved.rolled_back) == ("v2", "v1", True)
    assert moved.names == {("environment", "production"): "v2", ("live", ""): "v2"}
    ready(project, "v3", branch="main")
    assert (project.live, project.routes["live", ""], project.routes["environment", "production"]) == ("v1",) * 3
    assert project.routes["branch", "production/main"] == "v3"
    project.promote("v3")
    assert (project.live, project.rolled_back) == ("v3", False)


def test_who_has_to_be_refused(project: Project) -> None:
    """By what is live, and by what the target is."""
    assert project.why_no_rollback(None, None) == "nothing is live"
    ready(project, "v1"), ready(project, "v2"), ready(project, "pre", "preview")
    for source, target in (("v1", "v2"), ("v2", "v2"), ("v2", "pre"), ("v2", "nobody")):
        with pytest.raises(Refused):
            project.rollback(source, target)
    for target in ("v2", "pre", "nobody"):
        with pytest.raises(Refused):
            project.promote(target)
    project.versions["v1"].status = "failed"
    assert project.why_no_promote("v1") == "it is failed"
    project.versions["v1"].status = "stopped"
    assert project.why_no_promote("v1") is None
    project.remove("v1")
    assert project.why_no_rollback("v2", "v1") is not None


def test_back_and_back_again(project: Project) -> None:
    """After v1, v2, v3 a rollback leads to v2, the next one to v1, and a deploy after that makes v2 no goal again."""
    for name in ("v1", "v2", "v3"):
        ready(project, name)
    assert project.before_live() == ["v2", "v1"]
    project.rollback("v3", "v2")
    assert project.before_live() == ["v1"]
    ready(project, "v4")
    assert project.before_live() == ["v1"]
    project.promote("v4")
    assert project.before_live() == ["v2", "v1"]


def test_names_of_its_own_follow_the_live_version(project: Project) -> None:
    """From the proof on; before anything is live, from the first version that is."""
    project.prove("www.example.com")
    assert project.routes == {}
    ready(project, "v1")
    project.prove("shop.example.com")
    ready(project, "v2")
    assert project.routes["live", "www.example.com"] == project.routes["live", "shop.example.com"] == "v2"
    project.asked_domains = {"www.example.com"}
    project.give_up("www.example.com")
    assert ("live", "www.example.com") not in project.routes
    assert project.asked_domains == {"www.example.com"}, "it was asked for again meanwhile"


def test_versions_of_variables_go_on_after_a_removal(project: Project) -> None:
    """A name never has the same version twice."""
    project.set_variables("production", ("A", "B"))
    project.variables["production"].pop("A")
    project.set_variables("production", ("A",))
    assert project.variables["production"] == {"A": 2, "B": 1}
    assert project.variables["preview"] == {}


def test_only_a_newer_deploy_of_the_same_branch_overtakes(project: Project) -> None:
    """And only one of the same environment."""
    ready(project, "v1", branch="main"), ready(project, "v2", branch="main"), ready(project, "v3")
    one, two, three = project.versions.values()
    assert project.overtaken(one, two)
    assert not project.overtaken(two, one)
    assert not project.overtaken(one, three)
