"""PostgreSQL vanishes, hangs, and loses its connections under a running Turnout; then everything else dies, too."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy.engine import make_url

from tests.e2e.test_postgres import _execute
from tests.faults.asked import answers, ask, ask_deploy, envoy, kill, replaced
from tests.faults.checker import check
from tests.faults.proxy import Proxy
from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout, until
from tests.support import require

pytestmark = [pytest.mark.full, pytest.mark.postgres]

SLOW = "import time\ntime.sleep(2)\n"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Proxy]:
    """What Turnout takes for its PostgreSQL."""
    require("postgres")
    url = make_url(os.environ["TURNOUT_TEST_POSTGRES_URL"])
    with Proxy.to_port(url.host or "127.0.0.1", url.port or 5432) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def turnout(postgres: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """Its store is a database of its own behind the proxy."""
    server, name = os.environ["TURNOUT_TEST_POSTGRES_URL"], f"turnout_faults_{secrets.token_hex(4)}"
    asyncio.run(_execute(server, f'CREATE DATABASE "{name}"'))
    url = make_url(server).set(database=name, host="127.0.0.1", port=postgres.port)
    turnout = Turnout(
        tmp_path_factory.mktemp("away") / "home",
        TURNOUT_DATABASE_URL=url.render_as_string(hide_password=False),
        TURNOUT_DEPLOY_OBSERVE_SECONDS="1",
    )
    turnout.up("--backend", "process")
    yield turnout
    postgres.recover()
    turnout.down()
    asyncio.run(_execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="module")
def app(turnout: Turnout, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app of which v1 and v2 are there, v2 live."""
    app = App(turnout, tmp_path_factory.mktemp("app"), "away")
    app.deploy("v1")
    app.deploy("v2")
    return app


@pytest.mark.fault(Row.STORE_AWAY)
@pytest.mark.parametrize("how", ["vanishes", "hangs"])
def test_postgresql_in_the_middle_of_a_deploy(turnout: Turnout, postgres: Proxy, app: App, how: str) -> None:
    """Who asks is told in a sentence; what was under way goes on when it is back; no request fails."""
    app.write(f"v-{how}", app__py=SLOW + (app.folder / "app.py").read_text().removeprefix(SLOW))
    with Traffic(turnout, app.live_domain) as traffic:
        asked = ask_deploy(app)
        asked.reached("readiness")
        postgres.vanish() if how == "vanishes" else postgres.hang()
        try:
            until(lambda: is_told(app), what="the API says that the store is away")
            assert answers(app)
        finally:
            postgres.recover()
        asked.succeeded()
    assert app.serves() == f"v-{how}"
    check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.STORE_AWAY)
def test_connections_that_break_again_and_again(turnout: Turnout, postgres: Proxy, app: App) -> None:
    """In the middle of rollbacks and promotes, wherever they are: each is done once, and no request fails."""
    ready = {each["id"] for each in app.ls()["deployments"] if each["status"] == "ready"}
    live = app.ls()["live_deployment_id"]
    with Traffic(turnout, app.live_domain) as traffic:
        for number in range(8):
            target = min(ready - {live})
            asked = ask(app, "promote" if number % 2 else "rollback", target_deployment_id=target)
            time.sleep(0.02 * number)  # somewhere else each time
            postgres.cut()
            asked.succeeded()
            live = target
    assert app.ls()["live_deployment_id"] == live
    check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
def test_gateway_and_envoy_start_again_while_the_store_is_away(turnout: Turnout, postgres: Proxy, app: App) -> None:
    """No store, no server, no gateway, no Envoy: what comes back first serves the last snapshot."""
    version = app.serves()
    postgres.vanish()
    try:
        until(lambda: is_told(app), what="the API says that the store is away")
        kill(turnout, "server")
        old = envoy(turnout)
        kill(turnout, "gateway")
        old.kill()
        until(lambda: envoy(turnout).pid != old.pid, within=30, what="another Envoy runs")
        until(lambda: answers(app), within=30, what="it serves")
        assert app.serves() == version
        first = [turnout.get(app.live_domain).status_code for _ in range(20)]
        assert set(first) == {200}
    finally:
        postgres.recover()
    replaced(turnout, "server", 0)
    check(turnout)
    ask(app, "rollback").succeeded()
    check(turnout)


def is_told(app: App) -> bool:
    """Whether the API answers that it cannot read its store, as a problem and in a sentence."""
    try:
        answer = app.turnout.api.get(f"/v1/projects/{app.name}")
    except httpx.ReadTimeout:
        return False
    if answer.status_code == 200:
        return False
    problem = answer.json()
    assert answer.status_code == 503, problem
    assert "the store cannot be used" in problem["detail"], problem
    return True
