"""The main job, as a person does it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout


def test_deploy_rollback_promote_without_a_lost_request(app: App) -> None:
    """v2 takes over, a rollback brings v1 back, v3 waits while rolled back, a promote makes it live: 0 failures."""
    first = app.deploy("v1")
    assert first["status"] == "succeeded"
    assert first["live"] is True
    assert app.serves() == "v1"

    with Traffic(app.turnout, app.live_domain) as traffic:
        second = app.deploy("v2")
        assert app.serves() == app.serves(app.environment_domain) == "v2"

        back = app.rollback()
        assert back["live_deployment_id"] == first["deployment_id"]
        assert back["previous_deployment_id"] == second["deployment_id"]
        assert app.serves() == app.serves(app.environment_domain) == "v1"

        third = app.deploy("v3")
        assert third["live"] is False
        assert "rolled back" in third["reason"]
        assert app.serves() == "v1"
        own = next(domain for domain in third["domains"] if domain["sticky"] == "none")
        assert app.serves(own["fqdn"]) == "v3"

        promoted = app.promote(third["deployment_id"])
        assert promoted["status"] == "succeeded"
        assert promoted["generation"] > back["generation"]
        assert app.serves() == app.serves(app.environment_domain) == "v3"

    assert traffic.failures == []
    assert {"v1", "v2", "v3"} <= set(traffic.answers)
    listed = app.ls()
    assert listed["live_deployment_id"] == third["deployment_id"]
    assert listed["rolled_back"] is False


def test_every_domain_answers_from_the_deployment_that_ls_says(app: App) -> None:
    """Each deployment's own address stays with it; branch, environment and live domains follow the newest."""
    commits = {"v1": "1" * 40, "v2": "2" * 40}
    versions = {
        app.deploy(version, "--branch", "main", "--commit", commit)["deployment_id"]: version
        for version, commit in commits.items()
    }
    listed = app.ls()
    stickies = set()
    for deployment in listed["deployments"]:
        for domain in deployment["domains"]:
            stickies.add(domain["sticky"])
            assert app.serves(domain["fqdn"]) == versions[deployment["id"]], domain
    assert stickies == {"none", "branch", "environment", "live"}
    assert app.serves(f"{app.name}-git-1111111-default.localhost") == "v1"
    assert app.serves(f"{app.name}-git-main-default.localhost") == "v2"


def test_the_documents_have_the_promised_keys(app: App) -> None:
    """`up`, `deploy`, `rollback`, `promote` and `ls` print the documents of the reference."""
    assert {"api_url", "gateway_url", "dashboard_url", "home"} <= set(app.turnout.urls)
    first = app.deploy("v1")
    assert {
        "operation_id", "deployment_id", "status", "live", "reason", "domains", "steps", "duration_ms",
    } <= set(first)  # fmt: skip
    assert {"fqdn", "url", "sticky"} <= set(first["domains"][0])
    assert {"name", "status", "started_at", "ended_at"} <= set(first["steps"][0])
    app.deploy("v2")
    for result in (app.rollback(), app.promote(app.ls()["deployments"][0]["id"])):
        assert {
            "operation_id", "status", "live_deployment_id", "previous_deployment_id", "generation", "propagation_ms",
        } <= set(result)  # fmt: skip
    listed = app.ls()
    assert {"project", "live_deployment_id", "rolled_back", "deployments"} <= set(listed)
    assert {
        "id", "environment", "status", "live", "image", "git_branch", "git_commit_sha", "created_at",
        "instances_running", "domains",
    } <= set(listed["deployments"][0])  # fmt: skip


def test_the_timeline_has_the_ten_steps_of_the_lifecycle(app: App) -> None:
    """From lookup to live, in that order, each with its times."""
    names = [step["name"] for step in app.deploy("v1")["steps"]]
    lifecycle = [
        "lookup", "context", "building", "containers", "readiness", "registration", "openapi", "domains", "ready",
        "live",
    ]  # fmt: skip
    assert [name for name in names if name in lifecycle] == lifecycle


def test_a_preview_never_takes_the_live_domains(app: App) -> None:
    """Another environment has its own domain, and the same branch there a name of its own."""
    app.deploy("v1", "--branch", "main")
    preview = app.deploy("v2", "--env", "preview", "--branch", "main")
    assert preview["live"] is False
    assert app.serves() == "v1"
    assert app.serves(f"{app.name}-preview-default.localhost") == "v2"
    assert app.serves(f"{app.name}-git-main-default.localhost") == "v1"
    (branch,) = [domain["fqdn"] for domain in preview["domains"] if domain["sticky"] == "branch"]
    assert app.serves(branch) == "v2"


def test_branch_and_commit_are_read_from_the_folder(app: App) -> None:
    """A folder in a git work tree says where it comes from; with changes in it, it is not that commit."""
    git(app.folder, "init", "--quiet", "--initial-branch=trunk")
    git(app.folder, "add", ".")
    git(app.folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "first")
    commit = git(app.folder, "rev-parse", "HEAD")
    clean = app.turnout.ok("deploy", str(app.folder), "--project", app.name)
    assert app.deployment(clean["deployment_id"])["git_branch"] == "trunk"
    assert app.deployment(clean["deployment_id"])["git_commit_sha"] == commit
    fqdns = {domain["fqdn"] for domain in clean["domains"]}
    assert f"{app.name}-git-{commit[:7]}-default.localhost" in fqdns
    dirty = app.deploy("changed")
    assert f"{app.name}-git-{commit[:7]}-default.localhost" not in {each["fqdn"] for each in dirty["domains"]}


@pytest.mark.fault(Row.LONG_REQUESTS)
def test_long_requests_and_streams_go_on_through_a_switch(app: App) -> None:
    """A slow answer and a stream that began before the switch are finished by the version that began them."""
    import concurrent.futures

    app.deploy("v1")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(app.turnout.get, app.live_domain, "/slow?seconds=4")
        stream = pool.submit(app.turnout.get, app.live_domain, "/stream?lines=40")
        app.deploy("v2")
        assert app.serves() == "v2"
        assert "v1" in slow.result().text
        assert stream.result().text.count("from v1") == 40


def test_a_second_up_says_that_it_runs_already(turnout: Turnout) -> None:
    """It starts nothing and prints the same addresses."""
    again = turnout.run("up", "--detach")
    assert again.code == 0
    assert again.document == turnout.urls


def test_logs_show_what_the_app_prints(app: App) -> None:
    """Standard output of the instance, readable after the fact."""
    from tests.kit import until

    deployed = app.deploy("v1")
    app.turnout.get(app.live_domain, "/?marker=seen-in-the-log")
    until(lambda: "seen-in-the-log" in app.turnout.run("logs", deployed["deployment_id"]).out, what="the log line")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
