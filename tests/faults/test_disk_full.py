"""The disk of Turnout's home is full: a plain reason, traffic as before, and all is well again when there is room."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.asked import answers, replaced
from tests.faults.checker import check
from tests.faults.disks import MIB, disk, full, resize
from tests.faults.rows import Row
from tests.kit import App, Ran, Traffic, Turnout, until
from tests.support import require

pytestmark = [pytest.mark.full, pytest.mark.root, pytest.mark.fault(Row.DISK_FULL)]

HOME_MIB = 400


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """Its home is a disk of its own, and the releases in it are another one, a tiny one."""
    require("root")
    home = tmp_path_factory.mktemp("full") / "home"
    with disk(home, mib=HOME_MIB), disk(home / "releases", mib=2):
        turnout = Turnout(home, TURNOUT_DEPLOY_OBSERVE_SECONDS="1")
        turnout.up("--backend", "process")
        yield turnout
        turnout.down()


@pytest.fixture(scope="module")
def app(turnout: Turnout, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app of which v1 and v2 are there, v2 live."""
    app = App(turnout, tmp_path_factory.mktemp("app"), "full")
    app.deploy("v1")
    app.deploy("v2")
    return app


def test_no_room_for_a_release(turnout: Turnout, app: App) -> None:
    """The build fails and says why, nothing of it is left, and the same deploy works when there is room."""
    (app.folder / "large").write_bytes(os.urandom(4 * MIB))
    app.write("v3")
    with Traffic(turnout, app.live_domain) as traffic:
        failed = app.try_deploy()
        assert_says_full(failed)
        check(turnout)
        resize(turnout.home / "releases", mib=64)
        assert app.deploy("v3")["live"] is True
    (app.folder / "large").unlink()
    check(turnout, traffic=[traffic])


def test_no_room_for_anything(turnout: Turnout, app: App) -> None:
    """What is asked for is refused or fails with the reason; what runs runs on, and is served, until there is room."""
    live = app.ls()["live_deployment_id"]
    with Traffic(turnout, app.live_domain) as traffic:
        with full(turnout.home, afterwards=HOME_MIB):
            app.write("v4")
            for refused in (app.try_deploy(), turnout.run("rollback", "--project", app.name)):
                assert_says_full(refused)
            assert answers(app)
            assert app.serves() == "v3"
        replaced(turnout, "restate", 0)
        until(lambda: app.ls()["live_deployment_id"], what="the API answers as before")
        assert app.ls()["live_deployment_id"] == live
        assert app.deploy("v4")["live"] is True
    check(turnout, traffic=[traffic])


def test_full_in_the_middle_of_operations(turnout: Turnout, app: App) -> None:
    """Each ends, well or with the reason, after there is room again, and what it began is finished or undone."""
    app.write("v5", app__py="import time\ntime.sleep(3)\n" + (app.folder / "app.py").read_text())
    with Traffic(turnout, app.live_domain) as traffic:
        accepted = turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")
        operation = f"/v1/operations/{accepted['operation_id']}"
        until(lambda: "readiness" in [step["name"] for step in turnout.api.get(operation).json()["steps"]])
        with full(turnout.home, afterwards=HOME_MIB):
            until(lambda: turnout.run("rollback", "--project", app.name).code != 0, what="it is noticed")
            assert answers(app)
        ended = until(lambda: ended_document(turnout, operation), within=60, what="the deploy ends")
    assert ended["status"] in ("succeeded", "failed"), ended
    assert ended["status"] == "succeeded" or ended["reason"]
    check(turnout, traffic=[traffic], within=60)


def assert_says_full(ran: Ran) -> None:
    """It did not work, and the reason is what the person can mend."""
    assert ran.code != 0
    document = ran.document
    said = document.get("reason") or document.get("error", {}).get("detail", "")
    assert "full" in said or "No space left" in said, document


def ended_document(turnout: Turnout, operation: str) -> dict[str, object] | None:
    """How it ended, once it has and the API can say so."""
    answer = turnout.api.get(operation)
    if answer.status_code != 200:
        return None
    document: dict[str, object] = answer.json()
    return document if document["ended_at"] is not None else None
