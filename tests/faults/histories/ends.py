"""How an operation may end, by what was asked, what was cancelled and what broke."""

from __future__ import annotations

from datetime import timedelta

from tests.faults.histories import choices as c
from tests.faults.histories.answers import Asked, Batch
from tests.faults.histories.choices import App
from tests.faults.histories.picture import Picture, Row
from tests.faults.histories.played import GATEWAY, REASON


def illegal_end(batch: Batch, asked: Asked, row: Row, picture: Picture) -> str | None:
    """Why it may not have ended so; None when it may."""
    if asked.cancelled:
        return None if row.status == "cancelled" else "its cancellation was accepted"
    if row.status == "cancelled":
        return "nobody cancelled it"
    if row.status == "degraded":
        return _why_not_degraded(batch, row, picture)
    if row.status == "superseded":
        return _why_not_superseded(batch, row)
    if isinstance(asked.choice, c.Deploy):
        return _why_not(asked.choice.app, row)
    return None if row.status == "succeeded" else _why_not_refused(batch, asked, row)


def _why_not(app: App, row: Row) -> str | None:
    """A deploy that nobody interfered with ends as its app does: no fault here lasts long enough to end one."""
    if app.starts:
        return None if row.status == "succeeded" else f"the app is {app}"
    sign = REASON if app is App.EXITS else "not ready within"
    return None if row.status == "failed" and sign in row.reason else f"the app is {app}"


def _why_not_superseded(batch: Batch, row: Row) -> str | None:
    if row.kind != "deploy":
        return "only a deploy can be"
    mine = batch.project.versions[row.deployment_id]
    if not any(batch.project.overtaken(mine, each) for each in batch.project.versions.values()):
        return "no newer deploy of its environment and branch was asked for"
    return None if row.reason.startswith("superseded by op_") else "it does not say by whom"


def _why_not_degraded(batch: Batch, row: Row, picture: Picture) -> str | None:
    """Its switch is committed, and a gateway is named that did not follow."""
    if GATEWAY not in row.reason and "no gateway is connected" not in row.reason:
        return "it does not say which part did not follow"
    if batch.record.faults:
        return None
    switch = next(each for each in picture.switches if each.operation_id == row.id)
    at = [at for generation, at in batch.record.confirmed.items() if generation >= switch.generation]
    late = switch.committed_at + timedelta(seconds=batch.record.propagation_seconds)
    return None if not at or min(at) > late else "nothing was broken, and the gateway had confirmed it in time"


def _why_not_refused(batch: Batch, asked: Asked, row: Row) -> str | None:
    """A start, rollback or promote that failed: what it relied on had changed, or its app does not start again."""
    target = batch.project.versions[asked.deployment_id]
    about = batch.about(target.id)
    others = [each for each in about if each in (c.Stop, c.Remove)] or about.count(type(asked.choice)) > 1
    lives = {live for live, _ in batch.moments}
    if target.app is App.ONCE or others or batch.kept or not batch.record.warm:
        return None
    if row.kind == "promote" and target.id in lives:
        return None
    if row.kind == "rollback" and lives - {row.source_deployment_id}:
        return None
    return "its target is able, and what it relied on had not changed"
