"""A build server's own token, from its making to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit import App, Turnout


@contextmanager
def bearing(turnout: Turnout, token: str) -> Iterator[None]:
    """What is asked for here is asked for with this token, as on another machine."""
    usual = turnout.environment
    turnout.environment = usual | {"TURNOUT_API_URL": turnout.urls["api_url"], "TURNOUT_TOKEN": token}
    try:
        yield
    finally:
        turnout.environment = usual


def test_a_build_server_deploys_with_a_token_of_its_own(app: App) -> None:
    """It deploys and looks, and changes no variables, projects or tokens; revoked, it is let in no more."""
    made = app.turnout.ok("tokens", "create", f"ci-{app.name}", "--expires", "1d")
    with bearing(app.turnout, made["secret"]):
        assert app.deploy("v1")["live"] is True
        of_it = ("--project", app.name)
        for verb in (("tokens", "ls"), ("env", "set", "A=1", *of_it), ("projects", "rm", app.name, "--yes")):
            refused = app.turnout.run(*verb)
            assert (refused.code, refused.problem["status"]) == (1, 403), verb
    assert app.serves() == "v1"
    app.turnout.ok("tokens", "revoke", made["token"]["id"])
    with bearing(app.turnout, made["secret"]):
        refused = app.turnout.run("ls", "--project", app.name)
    assert (refused.code, refused.problem["status"]) == (1, 401)
    assert "was revoked" in refused.problem["detail"]
    assert made["secret"] not in str(app.turnout.ok("tokens", "ls"))
