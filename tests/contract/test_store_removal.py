"""A whole project is removed, in one transaction."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.certificates_kit import Authority, boxes
from tests.contract.domain_kit import FQDN, Another, add, check, leads_to
from tests.contract.store_kit import REGION, Crash, Yard
from tests.contract.test_store_protections import CLOSED, protect
from tests.contract.test_store_vault import production, put, vault_of
from turnout.domain.certificate_pairs import check_pair
from turnout.domain.certificates import CertificateSource
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus
from turnout.store.schema import audit_log, deployments, issuings, projects, protections, routes, sentinel_configs

AUTHORITY = Authority(datetime(2030, 1, 1, tzinfo=UTC))


async def remove(yard: Yard, project: str = "shop") -> str:
    """Remove it."""
    return await yard.store.remove_project(workspace_id=yard.workspace.id, project=project, actor="alice")


async def end(yard: Yard, operation_id: str) -> None:
    """The operation has come to its end."""
    await yard.store.finish_operation(operation_id=operation_id, status=OperationStatus.SUCCEEDED, reason=None)


async def ship(yard: Yard, **wanted: str) -> str:
    """A deploy from its beginning to its end; returns the deployment."""
    shipped = await yard.ship(**wanted)
    await end(yard, shipped.operation_id)
    return shipped.id


async def rest(yard: Yard) -> list[str]:
    """The projects that are left, by name."""
    return [each.slug for each in await yard.store.list_projects(workspace_id=yard.workspace.id)]


async def test_everything_goes_and_the_name_is_free(yard: Yard, tmp_path: Path) -> None:
    """Routes, instances, domains, certificates, protections, variables; another project of that name starts anew."""
    other = await ship(yard, project="other")
    vault, keys = vault_of(yard.store, tmp_path), boxes(tmp_path / "boxes")
    environment = await production(yard)
    await put(yard, vault, environment, TOKEN="secret")
    old, live = await ship(yard), await ship(yard)
    await check(yard, await add(yard))
    await yard.store.want_certificates()
    pair = AUTHORITY.pair(FQDN)
    project_id = (await yard.project()).id
    certificate = keys.certificate(
        check_pair(pair.chain, pair.key, now=AUTHORITY.now),
        workspace_id=yard.workspace.id,
        project_id=project_id,
        source=CertificateSource.ACME,
    )
    await yard.store.save_certificate(certificate=certificate, actor="acme")
    await protect(yard, CLOSED)
    before = await yard.store.gateway_feed(since=0)
    revision = (await yard.store.desired_state(region=REGION, since=None)).revision

    assert await remove(yard) == project_id

    assert await rest(yard) == ["other"]
    with pytest.raises(NotFound, match='no project "shop"; known are: other'):
        await yard.project()
    after = await yard.store.gateway_feed(since=before.change)
    assert [(view.project_id, view.routes) for view in after.projects] == [(project_id, ())]
    assert after.generation > before.generation
    assert await leads_to(yard) is None
    told = await yard.store.desired_state(region=REGION, since=revision)
    assert set(told.removed) == {old, live}
    assert await yard.store.list_certificates(workspace_id=yard.workspace.id) == ()
    assert await yard.store.list_variables(environment_id=environment.id) == ()
    for deployment_id in (old, live):
        assert await yard.status(deployment_id) is DeploymentStatus.STOPPED
        with pytest.raises(NotFound):
            await yard.store.get_deployment(deployment_id=deployment_id, workspace_id=yard.workspace.id)
    async with yard.store._db.read() as tx:
        for table in (protections, issuings):
            assert (await tx.execute(select(table))).all() == [], table.name
        for table in (routes, sentinel_configs):
            assert set((await tx.execute(select(table.c.deployment_id))).scalars()) == {other}
        line = (await tx.execute(select(audit_log).where(audit_log.c.action == "project.removed"))).one()
    assert (line.actor, line.subject, line.detail["live"]) == ("alice", "shop", live)

    again = await ship(yard)
    assert await rest(yard) == ["other", "shop"]
    assert (await yard.project()).live_deployment_id == again
    assert await yard.store.list_variables(environment_id=(await production(yard)).id) == ()
    await check(yard, await add(yard))
    assert await leads_to(yard) == again


async def test_its_files_may_be_collected_once_nothing_runs(yard: Yard) -> None:
    """What still runs keeps its files, and is asked for until krane has reported its end."""
    deployment_id = await ship(yard)
    project_id = await remove(yard)
    assert await yard.store.has_instances(project_id=project_id)
    assert deployment_id in (await yard.store.kept(ended=0)).deployments
    await yard.report(deployment_id, InstanceStatus.GONE)
    assert not await yard.store.has_instances(project_id=project_id)
    assert deployment_id not in (await yard.store.kept(ended=0)).deployments


async def test_not_while_an_operation_is_under_way(yard: Yard, another_yard: Another) -> None:
    """It is named, and nothing changes; a project that is not there, or is another workspace's, is not found."""
    await ship(yard)
    waiting = await yard.admit()
    foreign = await another_yard("foreign")
    before = await yard.dump()
    with pytest.raises(Conflict, match=f"cannot remove shop: {waiting.operation_id} is under way"):
        await remove(yard)
    for whose, name in ((yard, "nobody"), (foreign, "shop"), (yard, (await yard.project()).id)):
        with pytest.raises(NotFound, match="there is no project"):
            await remove(whose, name)
    assert await yard.dump() == before


async def test_a_removed_one_is_not_found_by_the_name_it_has_since(yard: Yard) -> None:
    """Its row keeps its id as its name, which nobody can ask for."""
    await ship(yard)
    project_id = await remove(yard)
    with pytest.raises(NotFound, match="known are: none yet"):
        await yard.project(project_id)
    with pytest.raises(NotFound):
        await remove(yard)


async def test_a_crash_anywhere_in_it_changes_nothing(yard: Yard) -> None:
    """Before every statement, and before the commit."""
    await ship(yard)
    await check(yard, await add(yard))
    before = await yard.dump()
    for number in range(1, 100):
        try:
            async with yard.failing_at(number) as ran:
                await remove(yard)
        except Crash:
            assert await yard.dump() == before, f"after {ran[-1]}"
        else:
            break
    assert number > 10
    assert await rest(yard) == []


async def test_with_deploys_beside_it(yard: Yard) -> None:
    """Who comes first has the project; who comes later makes another one. No deploy is left without its project."""
    for _ in range(5):
        await ship(yard)
        outcomes = await asyncio.gather(remove(yard), *(yard.admit() for _ in range(3)), return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, BaseException)]
        assert all(isinstance(each, Conflict) for each in refused), refused
        async with yard.store._db.read() as tx:
            gone = select(projects.c.id).where(projects.c.removed_at.is_not(None))
            orphans = select(deployments.c.id).where(
                deployments.c.project_id.in_(gone), deployments.c.removed_at.is_(None)
            )
            assert (await tx.execute(orphans)).all() == []
        for each in outcomes:
            if not isinstance(each, BaseException | str):
                await yard.start(each)
                await yard.switch(each)
                await end(yard, each.operation_id)
