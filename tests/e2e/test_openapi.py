"""An app's description of itself, from the running instance to the gate on its way to the live domains."""

from __future__ import annotations

from tests.kit import App


def test_a_deploy_that_breaks_clients_is_asked_about_or_refused(app: App) -> None:
    """What is described is found and compared; ask holds a version back until a promote, refuse ends its deploy."""
    source = (app.folder / "app.py").read_text()
    toml = (app.folder / "turnout.toml").read_text()
    promised = '        "/stream": operation("Sends a line every 100 ms", "lines"),\n'
    assert promised in source
    run, ok = app.turnout.run, app.turnout.ok

    first = app.deploy("v1")
    step = next(each for each in first["steps"] if each["name"] == "openapi")
    assert step["detail"].startswith("OpenAPI 3.1.0, 4 paths at /openapi.json, JSON, ")
    document = ok("openapi", first["deployment_id"])
    assert set(document["paths"]) == {"/", "/healthz", "/slow", "/stream"}

    gate = '[openapi]\nbreaking = "ask"\n'
    assert "[openapi]\n" in toml
    app.write("v2", app__py=source.replace(promised, ""), turnout__toml=toml.replace("[openapi]\n", gate))
    held = app.deploy("v2")
    assert (held["status"], held["live"]) == ("succeeded", False)
    assert "/stream: the path was removed" in held["reason"]
    assert f"turnout promote {held['deployment_id']}" in held["reason"]
    assert app.serves() == app.serves(app.environment_domain) == "v1"
    assert app.serves(held["domains"][0]["fqdn"]) == "v2"

    pair = (first["deployment_id"], held["deployment_id"])
    found = ok("openapi", "diff", *pair)
    assert (found["breaking"], [each["rule"] for each in found["changes"]]) == (1, ["path-removed"])
    assert run("openapi", "diff", *pair, "--fail-on-breaking").code == 1
    assert run("openapi", "diff", *reversed(pair), "--fail-on-breaking").code == 0

    app.write("v3", turnout__toml=toml.replace("[openapi]\n", gate.replace("ask", "refuse")))
    refused = app.try_deploy()
    assert refused.code == 1
    assert "/stream: the path was removed" in refused.document["reason"]
    assert app.deployment(refused.document["deployment_id"])["status"] == "failed"
    assert app.serves() == "v1"

    app.promote(held["deployment_id"])
    assert app.serves() == "v2"
    assert app.deploy("v3")["live"]
    assert app.serves() == "v3"
