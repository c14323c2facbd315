"""`[openapi] validate = true`, as a person meets it: from turnout.toml to the answer of the gateway."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.kit import App, Turnout, until

MANIFEST = """
[run]
command = "python app.py"
[health]
path = "/healthz"
[openapi]
validate = true
skip = ["/openapi.json"]
[resources]
replicas = 1
"""


def sentinels(turnout: Turnout) -> list[psutil.Process]:
    """The processes that check requests."""
    return [each for each in turnout.processes() if "turnout.gateway.sentinel" in each.cmdline()]


def test_requests_are_checked_from_the_first_one_on(own_turnout: Turnout, tmp_path: Path) -> None:
    """And through the death of what checks them, of the gateway's process, and of the version that asked for it."""
    app = App(own_turnout, tmp_path, "checked")
    plain = app.deploy("v1")
    assert own_turnout.get(app.live_domain, "/nowhere").status_code == 404, "the app's own answer"
    assert sentinels(own_turnout) == []

    app.write("v2", turnout__toml=MANIFEST)
    deployed = app.deploy("v2")
    assert "validation" in [step["name"] for step in deployed["steps"]]
    assert app.serves() == "v2"
    refused = own_turnout.get(app.live_domain, "/nowhere")
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    assert refused.json()["violations"] == [{"in": "path", "name": "/nowhere", "detail": "is not documented"}]
    assert own_turnout.get(app.live_domain, "/openapi.json").status_code == 200, "skipped"

    (sentinel,) = sentinels(own_turnout)
    assert not [name for name in sentinel.environ() if name.startswith("TURNOUT_")], "it needs to know nothing"
    sentinel.kill()
    until(lambda: own_turnout.get(app.live_domain, "/nowhere").status_code == 400, what="checked again")

    (before,) = sentinels(own_turnout)
    own_turnout.kill("gateway")
    assert own_turnout.get(app.live_domain, "/nowhere").status_code == 400, "Envoy and sentinel go on"
    until(lambda: own_turnout.part("gateway").is_running(), what="the gateway's process is back")
    assert sentinels(own_turnout) == [before]

    app.rollback("--to", plain["deployment_id"])
    assert own_turnout.get(app.live_domain, "/nowhere").status_code == 404
    own_turnout.down()
    assert sentinels(own_turnout) == []


def test_an_app_without_a_document_is_told_so(app: App) -> None:
    """The promise cannot be kept, so the deploy fails; nothing is ever open by mistake."""
    silent = 'import http.server, os\nhttp.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), '
    silent += "http.server.BaseHTTPRequestHandler).serve_forever()\n"
    app.write("v1", turnout__toml='[run]\ncommand = "python app.py"\n[openapi]\nvalidate = true\n', app__py=silent)
    failed = app.try_deploy()
    assert failed.code == 1
    assert "validate = true, but the app has no OpenAPI document" in failed.document["reason"]
