"""What an app wants checked, from its admission to the gateways; and the documents it is checked against."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from tests.contract.store_kit import APEX, LIVE, Yard
from turnout.domain import sentinel
from turnout.domain.validation import Validation
from turnout.domain.views import GuardView
from turnout.store.schema import sentinel_configs

ON = Validation(enabled=True, skip=("/docs", "/upload/*"), max_body_kib=64)
DOCUMENT = b'{"openapi": "3.1.0", "paths": {}}'
SPEC = hashlib.sha256(DOCUMENT).hexdigest()


async def ship(yard: Yard, validation: Validation, document: bytes | None = DOCUMENT) -> str:
    """A whole deploy of an app that has a document."""
    deploy = await yard.admit(validation=validation)
    await yard.start(deploy)
    if document is not None:
        await yard.store.save_openapi(
            deployment_id=deploy.deployment_id,
            spec_id=hashlib.sha256(document).hexdigest(),
            format="json",
            document=document,
        )
    await yard.switch(deploy)
    return deploy.deployment_id


async def live_guard(yard: Yard) -> GuardView | None:
    """What the gateways are told of the live domain."""
    feed = await yard.store.gateway_feed(since=0)
    return next(route.guard for view in feed.projects for route in view.routes if route.fqdn == f"{LIVE}.{APEX}")


async def test_a_deployment_comes_back_as_it_was_asked_for(yard: Yard) -> None:
    """Every setting survives the database; one that is off is the default."""
    for wanted in (ON, Validation(enabled=True), Validation()):
        deploy = await yard.admit(validation=wanted)
        plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
        assert plan.deployment.validation == wanted


async def test_policy_and_target_travel_together(yard: Yard) -> None:
    """Forth with a deploy and back with a rollback, in the same read; the JSON in the database says the same."""
    first = await ship(yard, ON)
    assert await live_guard(yard) == GuardView(openapi_spec_id=SPEC, validation=ON)
    second = await ship(yard, Validation(), None)
    assert await live_guard(yard) == GuardView()
    await yard.rollback(first)
    assert await live_guard(yard) == GuardView(openapi_spec_id=SPEC, validation=ON)
    assert second != first
    async with yard.store._db.read() as tx:
        configs = await tx.execute(select(sentinel_configs.c.config).where(sentinel_configs.c.deployment_id == first))
        for row in configs:
            assert sentinel.from_json(row.config).validation == ON


async def test_documents_are_read_by_their_id_and_by_their_deployment(yard: Yard) -> None:
    """None where there is none."""
    deployment_id = await ship(yard, ON)
    assert await yard.store.checkable_document(SPEC) == DOCUMENT
    assert await yard.store.checkable_document_of(deployment_id) == DOCUMENT
    assert await yard.store.checkable_document("0" * 64) is None
    bare = await yard.admit()
    assert await yard.store.checkable_document_of(bare.deployment_id) is None
