"""Sentinel configs as the switch writes them: before which names, and what a person finds in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, Text, insert, select

from tests.contract.store_kit import Shipped, Yard
from turnout.domain.records import Sticky
from turnout.domain.sentinel import SentinelConfig, SentinelInstance, from_json, to_json
from turnout.store.database import connect_engine, parse_url
from turnout.store.schema import routes, sentinel_configs

GOLDEN = Path(__file__).parent / "golden" / "sentinel_config.json"
LOCAL = ("localhost", "shop.localhost", "shop.local", "printer.office.local", "shop.test", "a.b.test", "127.0.0.1")
PUBLIC = (
    "shop.example.com",
    "local.example.com",
    "testing.example",
    "mylocalhost",
    "10.0.0.1",
    "xn--bcher-kva.example",
)


async def give(yard: Yard, shipped: Shipped, *names: str) -> None:
    """Let the live deployment have these domains, as custom ones."""
    project = await yard.project()
    plan = await yard.store.load_deploy_plan(deployment_id=shipped.id)
    async with yard.store._db.write() as tx:
        await tx.execute(
            insert(routes),
            [
                {
                    "id": f"rte_{name}",
                    "fqdn": name,
                    "project_id": project.id,
                    "environment_id": plan.environment.id,
                    "deployment_id": shipped.id,
                    "sticky": Sticky.LIVE,
                    "branch": None,
                }
                for name in names
            ],
        )


async def configs(yard: Yard) -> dict[str, str]:
    """Every config as it stands in the database, by its domain."""
    async with yard.store._db.read() as tx:
        return {row.fqdn: row.config for row in await tx.execute(select(sentinel_configs))}


async def test_local_host_names_get_no_config_and_all_others_do(yard: Yard) -> None:
    """The names under the apex, and custom ones, through a deploy, a rollback and a promote."""
    first = await yard.ship()
    await give(yard, first, *LOCAL, *PUBLIC)
    second = await yard.ship()
    await yard.rollback()
    await yard.promote(second.id)
    serving = await yard.store.routes_of(project_id=(await yard.project()).id)
    assert set(await configs(yard)) == {route.fqdn for route in serving} - set(LOCAL)
    assert {route.fqdn for route in serving} >= {*LOCAL, *PUBLIC}


async def test_local_names_under_a_local_apex_have_one(yard: Yard) -> None:
    """On a laptop the apex is `localhost`: what Turnout makes there is guarded, what somebody else made is not."""
    deploy = await yard.admit()
    await yard.start(deploy)
    await yard.store.switch(yard.request(deploy, apex="localhost"))
    shipped = Shipped(deploy.operation_id, deploy.deployment_id, None)  # type: ignore[arg-type]
    await give(yard, shipped, "localhost", "shop.test", "shop.example.com")
    again = await yard.admit()
    await yard.start(again)
    await yard.store.switch(yard.request(again, apex="localhost"))
    names = set(await configs(yard))
    assert {"shop-acme.localhost", "shop-production-acme.localhost", "shop.example.com"} <= names
    assert not names & {"localhost", "shop.test"}


async def test_the_json_in_the_database_reads_well(yard: Yard) -> None:
    """Compared as text, but for the ids: the names of protojson, one thing a line."""
    keyspace = await yard.store.create_keyspace(
        workspace_id=yard.workspace.id, slug="customers", limit=None, actor="alice"
    )
    shipped = await yard.ship(key_auth_id="customers")
    stored = (await configs(yard))["shop-acme.turn.example"]
    readable = stored.replace(shipped.id, "dep_1").replace(shipped.id[-6:], "abcdef").replace(keyspace.id, "ks_1")
    assert readable + "\n" == GOLDEN.read_text()
    assert to_json(from_json(stored)) == stored
    found = await yard.store.sentinel_config(fqdn="shop-acme.turn.example")
    assert found == from_json(stored)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.builds(
        SentinelConfig,
        deployment_id=texts,
        enabled=st.booleans(),
        instances=st.lists(st.builds(SentinelInstance, id=texts, address=texts, region=texts), max_size=3).map(tuple),
        key_auth_id=st.none() | texts,
        openapi_spec_id=st.none() | texts,
    )
)
def test_every_config_is_what_it_was_when_it_comes_back(database_url: str, config: SentinelConfig) -> None:
    """Through the database itself: no quote, letter or line of any language is lost on the way."""

    async def through() -> str:
        kept = Table("kept", MetaData(), Column("config", Text))
        engine = connect_engine(parse_url(database_url), pooled=False)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(kept.create)
                await connection.execute(insert(kept).values(config=to_json(config)))
                return (await connection.execute(select(kept))).scalar_one()  # rolled back when it closes
        finally:
            await engine.dispose()

    text = asyncio.run(through())
    assert from_json(text) == config
    assert text == to_json(config)
