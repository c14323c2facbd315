"""Host names of deployments."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import Invalid
from turnout.domain.hostnames import (
    APEX_MAX,
    FQDN_MAX,
    LABEL_MAX,
    Candidate,
    Naming,
    candidates,
    check_apex,
    check_environment,
    is_under,
    normalise,
)
from turnout.domain.ids import new_id, short
from turnout.domain.limits import SLUG_MAX, check_slug
from turnout.domain.records import GitData, Sticky

DEPLOYMENT = "dep_01jd0000000000000123456789"
SHA = "abc1234def5678900000000000000000000000ff"
HELLO = Naming(
    project="hello",
    environment="production",
    workspace="default",
    apex="localhost",
    deployment_id=DEPLOYMENT,
    git=GitData(branch="main", commit_sha=SHA),
)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

slugs = st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,39}", fullmatch=True).filter(
    lambda slug: len(slug) <= SLUG_MAX and not slug.endswith("-")
)
branches = st.text(min_size=1, max_size=255) | st.sampled_from(
    ["main", "feature/x", "feature-x", "Feature-X", "日本語", "abc1234", "deadbeefcafe", "-", "x" * 255, "🚂/🚂"]
)
shas = st.from_regex(r"[0-9a-f]{7,64}", fullmatch=True)
apexes = st.sampled_from(["localhost", "example.app", "Example.App.", ".".join(["a" * 63] * 2 + ["b" * 61])])
namings = st.builds(
    Naming,
    project=slugs,
    environment=slugs,
    workspace=slugs,
    apex=apexes,
    deployment_id=st.builds(new_id, st.just("dep"), at_ms=st.integers(0, 2**48 - 1), entropy=st.integers(0, 2**80 - 1)),
    git=st.builds(GitData, branch=st.none() | branches, commit_sha=st.none() | shas, dirty=st.booleans()),
)


def names(naming: Naming, sticky: Sticky, *, live: bool = True) -> tuple[str, ...]:
    return next(each.names for each in candidates(naming, live=live) if each.sticky is sticky)


def branch_name(branch: str, **changed: str) -> str:
    return names(replace(HELLO, git=GitData(branch=branch), **changed), Sticky.BRANCH)[0]  # type: ignore[arg-type]


@given(namings, st.booleans())
def test_every_name_is_legal_dns(naming: Naming, live: bool) -> None:
    """Lower case, labels of 63 octets of letters, digits and inner dashes, 253 in all, one label under the apex."""
    for candidate in candidates(naming, live=live):
        for name in candidate.names:
            assert name == name.lower() == normalise(name)
            assert len(name) <= FQDN_MAX
            assert all(len(label.encode()) <= LABEL_MAX and LABEL.fullmatch(label) for label in name.split("."))
            assert is_under(name, naming.apex)
            assert name.count(".") == check_apex(naming.apex).count(".") + 1


@given(namings, st.booleans())
def test_deterministic(naming: Naming, live: bool) -> None:
    """The same deployment always wants the same names; a replay depends on it."""
    assert candidates(naming, live=live) == candidates(replace(naming), live=live)


@given(namings, st.booleans())
def test_no_name_is_wanted_twice(naming: Naming, live: bool) -> None:
    """One deployment never competes with itself, but for slugs that read like a pattern's own words."""
    wanted = [name for candidate in candidates(naming, live=live) for name in candidate.names]
    try:
        check_environment(naming.environment)
    except Invalid:
        return
    assert len(wanted) == len(set(wanted))


def test_the_patterns() -> None:
    """The four patterns, for a production deployment from a commit on a branch."""
    assert candidates(HELLO, live=True) == (
        Candidate(
            sticky=Sticky.NONE,
            names=("hello-git-abc1234-default.localhost", "hello-git-abc1234-0123456789-default.localhost"),
        ),
        Candidate(
            sticky=Sticky.BRANCH,
            names=("hello-git-main-default.localhost", names(HELLO, Sticky.BRANCH)[1]),
        ),
        Candidate(sticky=Sticky.ENVIRONMENT, names=("hello-production-default.localhost",)),
        Candidate(sticky=Sticky.LIVE, names=("hello-default.localhost",)),
    )


def test_not_live_means_own_and_branch_only() -> None:
    """A deployment into a rolled-back production takes neither the environment's nor the live domains."""
    assert [each.sticky for each in candidates(HELLO, live=False)] == [Sticky.NONE, Sticky.BRANCH]


def test_only_production_has_live_domains() -> None:
    """Another environment has its own domain and no live one."""
    preview = replace(HELLO, environment="preview")
    assert [each.sticky for each in candidates(preview, live=True)] == [
        Sticky.NONE,
        Sticky.BRANCH,
        Sticky.ENVIRONMENT,
    ]


@pytest.mark.parametrize("git", [GitData(), GitData(commit_sha=SHA, dirty=True)])
def test_no_commit_no_commit_domain(git: GitData) -> None:
    """Without a commit, or with changes that the commit does not hold, the address is made of the id."""
    assert names(replace(HELLO, git=git), Sticky.NONE) == (f"hello-dep-{short(DEPLOYMENT)}-default.localhost",)


def test_the_same_commit_twice() -> None:
    """Both want the commit's name first; the second choices differ, so each has an address that never moves."""
    other = replace(HELLO, deployment_id=new_id("dep"))
    assert names(HELLO, Sticky.NONE)[0] == names(other, Sticky.NONE)[0]
    assert names(HELLO, Sticky.NONE)[1] != names(other, Sticky.NONE)[1]


@given(branches, branches)
def test_two_branches_never_share_a_name(one: str, other: str) -> None:
    """Neither their own names nor those of a second environment ever coincide."""
    if one != other:
        first = names(replace(HELLO, git=GitData(branch=one)), Sticky.BRANCH)
        second = names(replace(HELLO, git=GitData(branch=other)), Sticky.BRANCH)
        assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("feature/x", "feature-x"),
        ("feature-x", "Feature-X"),
        ("feature/x", "Feature-X"),
        ("a.b", "a_b"),
        ("x-", "x"),
        ("a--b", "a-b"),
        ("日本", "中国"),
        ("K", "\N{KELVIN SIGN}"),
        ("x" * 254, "x" * 255),
        ("x" * 200 + "/a", "x" * 200 + "-a"),
    ],
)
def test_branches_that_look_alike(one: str, other: str) -> None:
    """Names that the legal form would make equal carry a hash of the real one."""
    assert branch_name(one) != branch_name(other)


@pytest.mark.parametrize("branch", ["feature/x", "Main", "日本語", "x" * 255])
def test_a_branch_cannot_be_named_after_another_ones_domain(branch: str) -> None:
    """A branch that is called what another branch's hashed name reads gets a hash of its own."""
    part = branch_name(branch).removeprefix("hello-git-").partition("-default.")[0]
    assert branch_name(part) != branch_name(branch)


def test_a_branch_that_looks_like_a_commit() -> None:
    """It carries a hash, so that it can be taken neither for a commit's name nor for that of its second deployment."""
    own = names(HELLO, Sticky.NONE)
    for branch in ("abc1234", f"abc1234-{short(DEPLOYMENT)}", SHA):
        assert branch_name(branch) not in own
        assert re.search(r"-[0-9a-f]{10}(-default)?\.localhost$", branch_name(branch))


def test_the_second_environment_of_a_branch_is_no_other_branch() -> None:
    """Branch `x` in `preview` is not branch `x-preview`, and not branch `x-a` in environment `b` either."""
    second = names(replace(HELLO, environment="preview", git=GitData(branch="x")), Sticky.BRANCH)[1]
    assert second != branch_name("x-preview")
    one = names(replace(HELLO, environment="a-b", git=GitData(branch="x")), Sticky.BRANCH)[1]
    other = names(replace(HELLO, environment="b", git=GitData(branch="x-a")), Sticky.BRANCH)[1]
    assert one != other


def test_plain_branches_stay_readable() -> None:
    """A branch that is a legal name already is used as it is."""
    assert branch_name("fix-login-2") == "hello-git-fix-login-2-default.localhost"


def test_long_names_are_cut_and_still_differ() -> None:
    """The longest of everything fits into one label, and a last letter makes all the difference."""
    longest = replace(HELLO, project="p" * 40, environment="e" * 40, workspace="w" * 40, git=GitData(branch="ü" * 255))
    other = replace(longest, workspace="w" * 39 + "x")
    every = [name for naming in (longest, other) for each in candidates(naming, live=True) for name in each.names]
    assert len(set(every)) == len(every)
    assert all(len(name.partition(".")[0]) <= LABEL_MAX for name in every)


@pytest.mark.parametrize("slug", ["git", "dep", "git-x", "dep-x", "git-abc1234"])
def test_reserved_environment_names(slug: str) -> None:
    """Names that would read like a branch's or a deployment's domain are refused."""
    with pytest.raises(Invalid, match="reserved"):
        check_environment(slug)


@pytest.mark.parametrize("slug", ["production", "preview", "gitlab", "depot", "my-git"])
def test_other_environment_names(slug: str) -> None:
    """A name that only begins with the same letters is fine."""
    check_environment(slug)


@pytest.mark.parametrize(
    ("host", "stored"),
    [("Example.COM", "example.com"), ("a.b.", "a.b"), (" a ", "a"), ("1.2.3.4", "1.2.3.4"), ("x" * 63, "x" * 63)],
)
def test_hosts_are_normalised(host: str, stored: str) -> None:
    """Case, surrounding space and one trailing dot make no difference."""
    assert normalise(host) == stored


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "a b",
        "ü.de",
        "x" * 64,
        ".".join(["a" * 63] * 4),
        "a.b:80",
        "a/b",
        "a..",
        "*.a",
    ],
)
def test_illegal_hosts(host: str) -> None:
    """What is not legal DNS is refused, and the message quotes it."""
    with pytest.raises(Invalid, match=re.escape(repr(host))):
        normalise(host)


@given(st.text(max_size=300))
def test_normalise_is_settled_or_refuses(host: str) -> None:
    """What comes out goes in again unchanged; nothing but Invalid is raised."""
    with suppress(Invalid):
        assert normalise(normalise(host)) == normalise(host)


def test_an_apex_leaves_room() -> None:
    """An apex so long that a generated name could not lie under it is refused when it is set, not at a deploy."""
    longest = ".".join(["a" * 63, "b" * 63, "c" * 61])
    assert len(check_apex(longest)) == APEX_MAX
    with pytest.raises(Invalid, match="longer than 189"):
        check_apex(longest + "c")


@given(slugs)
def test_slugs_are_labels(slug: str) -> None:
    """Whatever may name a project may stand in a host name."""
    assert normalise(check_slug(slug)) == slug


@pytest.mark.parametrize("name", ["", "-", "a-", "-a", "a--b", "xn--p1ai", "A", "ä", "a_b", "a.b", "a\n", "a" * 41])
def test_what_is_no_slug(name: str) -> None:
    """Two dashes in a row are refused as well: `xn--…` means something else in a host name."""
    with pytest.raises(ValueError, match="lower-case letters, digits and single dashes"):
        check_slug(name)
