"""OpenAPI documents in the store, and the gate inside of the switch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.contract.store_kit import BRANCH, ENVIRONMENT, LIVE, Shipped, Yard
from tests.specs import PETSTORE, api, as_json
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.openapi_document import SpecDocument, read_served, read_stored
from turnout.domain.openapi_gate import Findings, NotCompared
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import OnBreaking
from turnout.domain.statuses import DeploymentStatus, OperationStatus, StepStatus
from turnout.workflows.comparing import switch_compared

OLD = as_json(api({"/": {"get": {}}, "/more": {"get": {}}}))
SAME = as_json(api({"/": {"get": {}}, "/more": {"get": {}}}) | {"info": {"title": "Said otherwise"}})
NEW = as_json(api({"/": {"get": {}}}))
NEWER = as_json(api({"/": {"get": {}}, "/new": {"get": {}}}))


async def describe(yard: Yard, deployment_id: str, served: bytes) -> SpecDocument:
    """Keep what an app served, as the scrape does."""
    document, _ = read_served(served)
    await yard.store.save_openapi(
        deployment_id=deployment_id,
        spec_id=document.id,
        format=document.format,
        document=served,
        as_json=document.json if document.format == "yaml" else None,
    )
    return document


async def begin(yard: Yard, served: bytes | None, gate: OnBreaking | None = None, **wanted: Any) -> UnsentOperation:
    """A deploy, up to its switch."""
    deploy = await yard.admit(openapi_breaking=gate, **wanted)
    await yard.start(deploy)
    if served is not None:
        await describe(yard, deploy.deployment_id, served)
    return deploy


async def ship(yard: Yard, served: bytes | None, gate: OnBreaking | None = None, **wanted: Any) -> Shipped:
    """A whole deploy, whose switch compares what it needs."""
    deploy = await begin(yard, served, gate, **wanted)
    result = await switch_compared(yard.store, yard.request(deploy))
    return Shipped(deploy.operation_id, deploy.deployment_id, result)


async def end(yard: Yard, operation_id: str) -> None:
    """The operation has come to its end."""
    await yard.store.finish_operation(operation_id=operation_id, status=OperationStatus.SUCCEEDED)


async def remove(yard: Yard, deployment_id: str) -> None:
    """Nobody needs it any more."""
    await yard.store.remove_deployment(workspace_id=yard.workspace.id, deployment_id=deployment_id, actor="alice")


async def live(yard: Yard) -> str | None:
    """What is live."""
    return (await yard.project()).live_deployment_id


async def test_a_document_is_found_by_its_content(yard: Yard) -> None:
    """As it was served, and as JSON; the deployment has its id."""
    deploy = await begin(yard, PETSTORE)
    document, described = read_served(PETSTORE)
    kept = await yard.store.openapi_document(document.id)
    assert kept == document
    assert read_stored(kept) == described
    deployment = await yard.store.get_deployment(deployment_id=deploy.deployment_id, workspace_id=yard.workspace.id)
    assert deployment.openapi_spec_id == document.id
    with pytest.raises(NotFound, match="there is no OpenAPI document 0000"):
        await yard.store.openapi_document("0" * 64)


async def test_the_same_document_is_kept_once(yard: Yard) -> None:
    """However many deployments have it."""
    one, two = await begin(yard, OLD), await begin(yard, OLD)
    await describe(yard, one.deployment_id, OLD)
    assert one.deployment_id != two.deployment_id
    assert len((await yard.dump())["openapi_specs"]) == 1


async def test_documents_go_with_the_last_deployment_that_has_them(yard: Yard) -> None:
    """And so do the findings about them; a document that comes back meanwhile is kept."""
    first, second = [await ship(yard, NEW, OnBreaking.ASK) for _ in range(2)]
    third = await ship(yard, OLD, OnBreaking.ASK)
    await ship(yard, NEWER)
    await yard.store.forget_openapi()
    kept = await yard.dump()
    assert (len(kept["openapi_specs"]), len(kept["openapi_comparisons"])) == (3, 1)
    for each, left in ((first, (3, 1)), (second, (2, 0)), (third, (1, 0))):
        await end(yard, each.operation_id)
        await remove(yard, each.id)
        await yard.store.forget_openapi()
        kept = await yard.dump()
        assert (len(kept["openapi_specs"]), len(kept["openapi_comparisons"])) == left
    document, _ = read_served(OLD)
    for _ in range(5):
        deploy = await begin(yard, None)
        await asyncio.gather(yard.store.forget_openapi(), describe(yard, deploy.deployment_id, OLD))
        assert (await yard.store.openapi_document(document.id)).served == OLD
        names = {"operation_id": deploy.operation_id, "deployment_id": deploy.deployment_id}
        await yard.store.fail_deploy(reason="enough", **names)
        await remove(yard, deploy.deployment_id)


async def test_what_was_kept_before_there_was_a_json_form(yard: Yard) -> None:
    """Is JSON itself."""
    deploy = await begin(yard, None)
    await yard.store.save_openapi(deployment_id=deploy.deployment_id, spec_id="1", format="json", document=OLD)
    assert (await yard.store.openapi_document("1")).json == OLD


async def test_what_comes_after_the_switch_changes_nothing(yard: Yard) -> None:
    """The sentinel configs speak of the document that was known when they were written."""
    v1 = await ship(yard, OLD)
    before = await yard.dump()
    await describe(yard, v1.id, NEW)
    assert await yard.dump() == before


async def test_without_a_gate_nothing_is_compared(yard: Yard) -> None:
    """The switch costs what it did."""
    await ship(yard, OLD)
    deploy = await begin(yard, NEW)
    await yard.switch(deploy)
    assert await live(yard) == deploy.deployment_id
    assert (await yard.dump())["openapi_comparisons"] == []


async def test_the_switch_names_the_pair_that_has_to_be_compared(yard: Yard) -> None:
    """And does nothing; once it knows, it decides, and asks nobody again."""
    await ship(yard, OLD)
    deploy = await begin(yard, SAME, OnBreaking.REFUSE)
    before = await yard.dump()
    with pytest.raises(NotCompared) as missing:
        await yard.switch(deploy)
    assert (missing.value.before, missing.value.after) == (read_served(OLD)[0].id, read_served(SAME)[0].id)
    assert missing.value.retryable
    assert await yard.dump() == before
    await switch_compared(yard.store, yard.request(deploy))
    assert await live(yard) == deploy.deployment_id


@pytest.mark.parametrize("gate", list(OnBreaking))
@pytest.mark.parametrize(("old", "new"), [(None, NEW), (None, None), (OLD, OLD), (OLD, SAME), (NEW, OLD)])
async def test_what_breaks_nobody_goes_live(yard: Yard, gate: OnBreaking, old: bytes | None, new: bytes | None) -> None:
    """The first document, the same one, one that says the same, one that says more."""
    await ship(yard, old)
    v2 = await ship(yard, new, gate)
    assert v2.result.took_live
    assert await live(yard) == v2.id


@pytest.mark.parametrize("new", [NEW, None])
async def test_refuse_ends_the_deploy_before_any_domain_moves(yard: Yard, new: bytes | None) -> None:
    """Nothing at all is written but what was found; the deployment can be abandoned like any other."""
    await ship(yard, OLD)
    deploy = await begin(yard, new, OnBreaking.REFUSE)
    before = await yard.dump()
    with pytest.raises(Conflict, match=r"cannot take dep_.* live: .*which is live"):
        await switch_compared(yard.store, yard.request(deploy))
    after = await yard.dump()
    assert len(after.pop("openapi_comparisons")) == (new is not None)
    assert before.pop("openapi_comparisons") == []
    assert after == before
    assert await yard.status(deploy.deployment_id) is DeploymentStatus.NETWORK


@pytest.mark.parametrize("new", [NEW, None])
async def test_ask_holds_the_deployment_back(yard: Yard, new: bytes | None) -> None:
    """It is ready at its own and its branch's domain; the operation says why it is not live, and how it can be."""
    v1 = await ship(yard, OLD)
    v2 = await ship(yard, new, OnBreaking.ASK)
    assert not v2.result.took_live
    assert (await live(yard), await yard.status(v2.id)) == (v1.id, DeploymentStatus.READY)
    serves = await yard.serves()
    assert {serves[name] for name in (ENVIRONMENT, LIVE)} == {v1.id}
    assert serves[BRANCH] == v2.id
    assert sorted(serves.values()).count(v2.id) == 2
    step = next(s for s in await yard.store.steps_of(operation_id=v2.operation_id) if s.name == "live")
    assert step.status is StepStatus.SKIPPED
    assert f"`turnout promote {v2.id}` takes it live" in (step.detail or "")
    if new is not None:
        assert "/more: the path was removed" in (step.detail or "")
    assert not (await yard.project()).rolled_back


async def test_a_person_says_yes_by_a_promote(yard: Yard) -> None:
    """It is never asked again, and neither is a rollback; what is deployed after it is compared with it."""
    v1 = await ship(yard, OLD)
    v2 = await ship(yard, NEW, OnBreaking.ASK)
    await yard.promote(v2.id)
    assert await live(yard) == v2.id
    v3 = await ship(yard, NEW, OnBreaking.REFUSE)
    assert await live(yard) == v3.id
    await yard.rollback(v1.id)
    assert await live(yard) == v1.id
    await yard.promote(v3.id)
    assert await live(yard) == v3.id


async def test_what_counts_is_what_is_live_at_the_switch(yard: Yard) -> None:
    """A promote between a comparison and the switch makes it another pair: that one is compared, and decides."""
    v1 = await ship(yard, OLD)
    await ship(yard, NEW)
    deploy = await begin(yard, NEWER, OnBreaking.REFUSE)
    before, after = read_served(NEW)[0].id, read_served(NEWER)[0].id
    await yard.store.save_findings(before=before, after=after, findings=Findings(count=0, sentences=()))
    await yard.promote(v1.id)
    with pytest.raises(Conflict, match="/more: the path was removed"):
        await switch_compared(yard.store, yard.request(deploy))


async def test_in_a_rolled_back_project_there_is_nothing_to_ask(yard: Yard) -> None:
    """The deployment does not go live anyway; who promotes it says yes."""
    v1 = await ship(yard, OLD)
    await ship(yard, OLD)
    await yard.rollback(v1.id)
    v3 = await ship(yard, NEW, OnBreaking.REFUSE)
    assert not v3.result.took_live
    step = next(s for s in await yard.store.steps_of(operation_id=v3.operation_id) if s.name == "live")
    assert "rolled back" in (step.detail or "")


async def test_other_environments_have_no_live_domains_to_guard(yard: Yard) -> None:
    """A preview may break whatever it likes."""
    await ship(yard, OLD)
    v2 = await ship(yard, NEW, OnBreaking.REFUSE, environment="preview")
    assert (await yard.serves())["shop-preview-acme"] == v2.id


async def test_findings_of_older_rules_are_not_believed(yard: Yard) -> None:
    """A new version of Turnout compares again."""
    await ship(yard, OLD)
    deploy = await begin(yard, NEW, OnBreaking.REFUSE)
    before, after = read_served(OLD)[0].id, read_served(NEW)[0].id
    await yard.store.save_findings(before=before, after=after, findings=Findings(count=0, sentences=()))
    async with yard.store._db.write() as tx:
        await tx.execute(text("UPDATE openapi_comparisons SET rules = 0"))
    with pytest.raises(NotCompared):
        await yard.switch(deploy)
    with pytest.raises(Conflict):
        await switch_compared(yard.store, yard.request(deploy))


async def test_documents_that_cannot_be_read_any_more_close_the_gate(yard: Yard) -> None:
    """An earlier version may have kept what this one refuses."""
    deploy = await begin(yard, None)
    await yard.store.save_openapi(deployment_id=deploy.deployment_id, spec_id="1", format="json", document=b"{}")
    await yard.switch(deploy)
    with pytest.raises(Conflict, match="cannot be read any more: it is no OpenAPI document"):
        await ship(yard, NEW, OnBreaking.REFUSE)


async def test_a_replay_of_the_switch_changes_nothing(yard: Yard) -> None:
    """Also when the deployment was held back."""
    await ship(yard, OLD)
    deploy = await begin(yard, NEW, OnBreaking.ASK)
    first = await switch_compared(yard.store, yard.request(deploy))
    before = await yard.dump()
    again = replace(yard.request(deploy), awakeable_id="another")
    assert await switch_compared(yard.store, again) == first
    assert await yard.dump() == before
