"""The workers as Restate knows them: a deployment of Restate's for each revision of the workflows.

Restate sends what is new to the revision that was registered last, and goes on with everything else where it began.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

from turnout.domain.errors import Unavailable
from turnout.local.loopback import call

_PATH: Final = re.compile(r"/v/([0-9a-f]{1,64})/?")
_OURS: Final = frozenset({"Deployments", "Routing"})
"""Services by which a worker is known that was registered before revisions were."""


async def register_worker(admin_url: str, worker_url: str, *, draining: Collection[str] = ()) -> str:
    """Make the worker at this address the one that new calls go to; returns its revision. May be repeated.

    A worker of the same revision that was known under another address of this machine has moved: its calls in
    flight are sent to the new one. Those of revisions that are not `draining` are removed: nobody answers there any
    more, and nobody else may go on with what they had begun. Raises Unavailable when Restate or the worker does not
    answer, or the worker is refused.
    """
    revision = await _revision_at(worker_url)
    uri = f"{worker_url}/v/{revision}"
    others = [each for each in await _deployments(admin_url) if _is_ours(each, worker_url)]
    for each in others:
        if _revision(each) == revision and urlsplit(each["uri"]).port != urlsplit(uri).port:
            status, refusal = await call(
                "PATCH", f"{admin_url}/deployments/{each['id']}", body={"uri": uri}, timeout=20
            )
            _check(status, refusal, "cannot tell Restate where the worker moved to")
    status, refusal = await call("POST", f"{admin_url}/deployments", body={"uri": uri, "force": True}, timeout=20)
    _check(status, refusal, "cannot register the worker with Restate")
    for each in others:
        if _revision(each) not in {revision, *draining}:
            await _remove(admin_url, each)
    return revision


async def unfinished(admin_url: str, worker_url: str, revision: str) -> int:
    """How many calls only this revision may go on with. Raises Unavailable."""
    ids = [each["id"] for each in await _of_revision(admin_url, worker_url, revision)]
    if not ids:
        return 0
    names = ", ".join(f"'{each}'" for each in ids if each.isidentifier())
    query = (
        "SELECT count(*) AS number FROM sys_invocation WHERE status <> 'completed' "  # noqa: S608  # Restate's own ids
        f"AND (pinned_deployment_id IN ({names}) OR last_attempt_deployment_id IN ({names}))"
    )
    status, answer = await call(
        "POST", f"{admin_url}/query", body={"query": query}, headers={"accept": "application/json"}, timeout=10
    )
    _check(status, answer, "cannot ask Restate what is in flight")
    return int(answer["rows"][0]["number"])


async def forget_worker(admin_url: str, worker_url: str, revision: str) -> None:
    """Remove a revision; what it has not finished, nobody will. Raises Unavailable."""
    for each in await _of_revision(admin_url, worker_url, revision):
        await _remove(admin_url, each)


async def _of_revision(admin_url: str, worker_url: str, revision: str) -> list[dict[str, Any]]:
    known = await _deployments(admin_url)
    return [each for each in known if _is_ours(each, worker_url) and _revision(each) == revision]


async def _deployments(admin_url: str) -> list[dict[str, Any]]:
    status, answer = await call("GET", f"{admin_url}/deployments", timeout=10)
    _check(status, answer, "cannot read Restate's deployments")
    return [each for each in answer["deployments"] if each.get("uri")]


async def _revision_at(worker_url: str) -> str:
    status, answer = await call("GET", f"{worker_url}/revision")
    _check(status, answer, "cannot ask the worker for its revision")
    return str(answer["revision"])


async def _remove(admin_url: str, deployment: dict[str, Any]) -> None:
    status, refusal = await call("DELETE", f"{admin_url}/deployments/{deployment['id']}?force=true", timeout=20)
    if status != 404:
        _check(status, refusal, "cannot remove an old worker from Restate")


def _is_ours(deployment: dict[str, Any], worker_url: str) -> bool:
    """Whether it is, or was, a worker on the machine of this one."""
    if urlsplit(deployment["uri"]).hostname != urlsplit(worker_url).hostname:
        return False
    services = {each.get("name") for each in deployment.get("services", ())}
    return _revision(deployment) is not None or services >= _OURS


def _revision(deployment: dict[str, Any]) -> str | None:
    named = _PATH.fullmatch(urlsplit(deployment["uri"]).path)
    return named[1] if named else None


def _check(status: int, answer: object, what: str) -> None:
    if status not in (200, 201, 202):
        text = answer.get("message") if isinstance(answer, dict) else None
        raise Unavailable(f"{what}: it answers {status}{f': {text}' if text else ''}")
