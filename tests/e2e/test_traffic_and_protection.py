"""Seen traffic and protection, through the command line: what a person sets stands in front of the app at once."""

from __future__ import annotations

import base64
import subprocess
import sys

import httpx

from tests.kit import App, Traffic, until

PASSWORD = "planted-horse-battery-7Q"


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_what_was_asked_is_listed_and_what_was_set_is_in_effect(app: App) -> None:
    """Deploy, ask, list; close for a password, for maintenance, and open again without a failed request."""
    turnout, domain = app.turnout, app.live_domain
    deployed = app.deploy("v1")["deployment_id"]
    assert turnout.get(domain, "/?token=secret", **{"x-request-id": "mine-1"}).status_code == 200
    assert turnout.get(domain, "/nothing", traceparent="malformed").status_code == 404

    listed = until(
        lambda: requests if len(requests := turnout.ok("requests", "--project", app.name)["requests"]) == 2 else None,
        what="both requests are listed",
    )
    first = listed[0]
    assert (first["domain"], first["path"], first["status"], first["request_id"]) == (domain, "/", 200, "mine-1")
    assert first["deployment_id"] == deployed
    assert first["latency_ms"] > 0
    assert len(listed[1]["trace_id"]) == 32
    assert turnout.ok("requests", "--project", app.name, "--status", "4xx", "--since", "1h")["requests"] == listed[1:]

    metrics = until(lambda: told if f'deployment="{deployed}"' in (told := scrape(app)) else None, what="counted")
    assert (
        f'turnout_requests_total{{deployment="{deployed}",project="{app.name}",region="local",status="2xx"}}' in metrics
    )
    assert "turnout_gateway_lag" in metrics

    # A password for whoever looks at it early: asked of everybody, never printed, never passed on.
    done = subprocess.run(
        [sys.executable, "-m", "turnout", "protect", "--basic-auth", "alice", "--password-from-stdin",
         "--project", app.name],
        env=turnout.environment, input=PASSWORD + "\n", text=True, check=True, capture_output=True,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    assert turnout.get(domain).status_code == 401
    assert turnout.get(domain, **basic("alice", PASSWORD)).status_code == 200
    assert turnout.get(app.environment_domain).status_code == 401, "every domain of the environment"
    shown = turnout.ok("protect", "show", "--project", app.name)
    assert (shown["basic_auth"], shown["maintenance"]) == (["alice"], None)
    turnout.ok("protect", "off", "--project", app.name)

    with Traffic(turnout, domain) as traffic:
        turnout.ok("protect", "--maintenance", "on", "--let-in", "127.0.0.1", "--project", app.name)
        turnout.ok("protect", "--header", "set response X-Robots-Tag: noindex", "--project", app.name)
        app.deploy("v2")
        turnout.ok("protect", "off", "--project", app.name)
    assert not traffic.failures, "who is let in notices nothing of it"
    assert traffic.answers["v2"] > 0

    turnout.ok("protect", "--maintenance", "on", "--project", app.name)
    closed = turnout.get(domain, accept="text/html")
    assert (closed.status_code, closed.headers["retry-after"]) == (503, "300")
    assert "Back soon" in closed.text
    turnout.ok("protect", "off", "maintenance", "--project", app.name)
    assert turnout.get(domain).status_code == 200

    everything = b"".join(file.read_bytes() for file in turnout.home.rglob("*") if file.is_file())
    assert PASSWORD.encode() not in everything
    assert base64.b64encode(f"alice:{PASSWORD}".encode())[:-4] not in everything


def scrape(app: App) -> str:
    """What Prometheus would read."""
    with app.turnout.api as api:
        answer: httpx.Response = api.get("/metrics")
    assert answer.status_code == 200
    return answer.text
