"""The switch: who leads where afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert

from tests.contract.store_kit import APEX, BRANCH, ENVIRONMENT, LIVE, Yard
from tests.faults.rows import Row
from turnout.domain.errors import Invalid
from turnout.domain.records import GitData, OperationKind
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, StepStatus
from turnout.domain.waits import WaitKind
from turnout.store.schema import routes


async def test_the_first_deploy_takes_every_domain(yard: Yard) -> None:
    """Own address, branch, environment, live; the project points to it, and nothing was live before."""
    v1 = await yard.ship(git=GitData(branch="main", commit_sha="abcdef1234"))
    assert await yard.serves() == {
        "shop-git-abcdef1-acme": v1.id,
        BRANCH: v1.id,
        ENVIRONMENT: v1.id,
        LIVE: v1.id,
    }
    assert v1.result.took_live
    assert v1.result.generation == 1
    assert v1.result.previous_deployment_id is None
    assert v1.result.live_deployment_id == v1.id
    assert v1.result.released == ()
    project = await yard.project()
    assert (project.live_deployment_id, project.rolled_back, project.generation) == (v1.id, False, 1)
    assert await yard.status(v1.id) is DeploymentStatus.READY


async def test_the_second_deploy_takes_over_and_the_first_keeps_its_own_address(yard: Yard) -> None:
    """Everything sticky moves in one generation; the first one is released."""
    v1, v2 = await yard.ship(), await yard.ship()
    serves = await yard.serves()
    assert {serves[name] for name in (BRANCH, ENVIRONMENT, LIVE)} == {v2.id}
    assert sorted(serves.values()) == sorted([v1.id] + [v2.id] * 4)
    assert v2.result.previous_deployment_id == v1.id
    assert v2.result.released == (v1.id,)
    assert v2.result.generation == 2


async def test_another_branch_leaves_the_first_branch_domain(yard: Yard) -> None:
    """A branch domain follows its own branch only."""
    v1 = await yard.ship()
    v2 = await yard.ship(git=GitData(branch="next", commit_sha=yard.sha()))
    serves = await yard.serves()
    assert serves[BRANCH] == v1.id
    assert serves["shop-git-next-acme"] == v2.id == serves[LIVE]


async def test_a_preview_is_never_live(yard: Yard) -> None:
    """It takes its own environment's domain; production, the pointer and the flag stay."""
    v1 = await yard.ship()
    preview = await yard.ship(environment="preview", git=GitData(branch="idea", commit_sha=yard.sha()))
    serves = await yard.serves()
    assert serves["shop-preview-acme"] == preview.id
    assert serves[LIVE] == serves[ENVIRONMENT] == v1.id
    assert not preview.result.took_live
    assert preview.result.live_deployment_id == v1.id
    live = next(s for s in await yard.store.steps_of(operation_id=preview.operation_id) if s.name == "live")
    assert (live.status, live.detail) == (StepStatus.SKIPPED, "only production is live")


async def test_one_branch_in_two_environments_has_two_domains(yard: Yard) -> None:
    """The second environment does not take the first one's branch domain."""
    v1 = await yard.ship()
    preview = await yard.ship(environment="preview")
    serves = await yard.serves()
    assert serves[BRANCH] == v1.id
    (second,) = (name for name in serves if name.startswith("shop-git-main-preview-"))
    assert serves[second] == preview.id


async def test_the_same_commit_again_gets_a_suffix(yard: Yard) -> None:
    """The commit's domain never moves; the second deployment has one of its own."""
    git = GitData(branch="main", commit_sha="abcdef1234")
    v1, v2 = await yard.ship(git=git), await yard.ship(git=git)
    serves = await yard.serves()
    assert serves["shop-git-abcdef1-acme"] == v1.id
    assert serves[f"shop-git-abcdef1-{v2.id[-10:]}-acme"] == v2.id


async def test_rollback_takes_the_live_domains_back_and_marks_the_project(yard: Yard) -> None:
    """Environment and live domains move; branch and commit domains stay."""
    v1, v2 = await yard.ship(), await yard.ship()
    result = await yard.rollback()
    serves = await yard.serves()
    assert serves[LIVE] == serves[ENVIRONMENT] == v1.id
    assert serves[BRANCH] == v2.id
    assert (result.previous_deployment_id, result.live_deployment_id) == (v2.id, v1.id)
    assert result.released == (v2.id,)
    project = await yard.project()
    assert (project.live_deployment_id, project.rolled_back) == (v1.id, True)
    assert [step.name for step in await yard.store.steps_of(operation_id=result.operation_id)] == ["domains", "live"]


async def test_a_deploy_while_rolled_back_takes_no_live_domain(yard: Yard) -> None:
    """It becomes ready, with its commit and branch domains only, and the timeline says why."""
    v1, _ = await yard.ship(), await yard.ship()
    await yard.rollback(to=v1.id)
    v3 = await yard.ship()
    serves = await yard.serves()
    assert serves[LIVE] == serves[ENVIRONMENT] == v1.id
    assert serves[BRANCH] == v3.id
    assert await yard.status(v3.id) is DeploymentStatus.READY
    assert not v3.result.took_live
    steps = {step.name: step for step in await yard.store.steps_of(operation_id=v3.operation_id)}
    assert steps["live"].status is StepStatus.SKIPPED
    assert (steps["live"].detail or "").startswith("the project is rolled back; ")
    assert (await yard.project()).rolled_back


async def test_promote_takes_the_live_domains_and_clears_the_mark(yard: Yard) -> None:
    """Afterwards deploys go live again."""
    v1, _ = await yard.ship(), await yard.ship()
    await yard.rollback(to=v1.id)
    v3 = await yard.ship()
    result = await yard.promote(v3.id)
    assert (await yard.serves())[LIVE] == v3.id == result.live_deployment_id
    assert not (await yard.project()).rolled_back
    v4 = await yard.ship()
    assert (await yard.serves())[LIVE] == v4.id


async def test_rollback_without_a_name_goes_back_along_the_history(yard: Yard) -> None:
    """Each one a step further back, not to and fro; what does not run is passed over."""
    v1, v2, v3 = await yard.ship(), await yard.ship(), await yard.ship()
    assert (await yard.rollback()).live_deployment_id == v2.id
    assert (await yard.rollback()).live_deployment_id == v1.id
    await yard.promote(v3.id)
    await yard.report(v1.id, InstanceStatus.FAILED)
    with pytest.raises(Invalid, match="no deployment that was live before is left"):
        await yard.rollback()
    await yard.report(v1.id, InstanceStatus.RUNNING)
    assert (await yard.rollback()).live_deployment_id == v1.id
    v4, v5 = await yard.ship(), await yard.ship()
    await yard.promote(v4.id)
    await yard.promote(v5.id)
    await yard.report(v4.id, InstanceStatus.FAILED)
    assert (await yard.rollback()).live_deployment_id == v1.id
    assert await yard.status(v2.id) is DeploymentStatus.READY


async def test_custom_and_earlier_domains_move_with_the_live_ones(yard: Yard) -> None:
    """Whatever is marked live follows, also names that no pattern makes."""
    v1 = await yard.ship()
    plan = await yard.store.load_deploy_plan(deployment_id=v1.id)
    async with yard.store._db.write() as tx:
        await tx.execute(
            insert(routes).values(
                id="rte_custom",
                fqdn="www.shop.example",
                project_id=plan.project.id,
                environment_id=plan.environment.id,
                deployment_id=v1.id,
                sticky="live",
            )
        )
    v2 = await yard.ship()
    assert (await yard.serves())["www.shop.example"] == v2.id
    await yard.rollback()
    assert (await yard.serves())["www.shop.example"] == v1.id


async def test_sentinel_configs_stand_before_each_domain(yard: Yard) -> None:
    """Deployment, addresses, key space and OpenAPI spec; they move with their domain."""
    keyspace = await yard.store.create_keyspace(
        workspace_id=yard.workspace.id, slug="customers", limit=None, actor="alice"
    )
    v1 = await yard.ship(key_auth_id="customers")
    deploy = await yard.admit()
    await yard.start(deploy)
    await yard.store.save_openapi(deployment_id=deploy.deployment_id, spec_id="spec-1", format="json", document=b"{}")
    await yard.switch(deploy)
    live = await yard.store.sentinel_config(fqdn=f"{LIVE}.{APEX}")
    assert live is not None
    assert live.deployment_id == deploy.deployment_id
    assert live.openapi_spec_id == "spec-1"
    assert live.key_auth_id is None
    assert [instance.region for instance in live.instances] == ["north"]
    own = next(name for name, target in (await yard.serves()).items() if target == v1.id)
    first = await yard.store.sentinel_config(fqdn=f"{own}.{APEX}")
    assert first is not None
    assert first.key_auth_id == keyspace.id


async def test_local_names_outside_the_apex_have_no_sentinel_config(yard: Yard) -> None:
    """Names under the apex always do, also under `localhost`."""
    deploy = await yard.admit()
    await yard.start(deploy)
    await yard.store.switch(replace(yard.request(deploy), apex="localhost"))
    assert await yard.store.sentinel_config(fqdn="shop-acme.localhost") is not None
    await yard.ship()  # under another apex: the names of the first one are no longer under it
    assert await yard.store.sentinel_config(fqdn="shop-acme.localhost") is None
    assert await yard.store.sentinel_config(fqdn=f"{LIVE}.{APEX}") is not None


async def test_history_tells_who_when_from_and_to(yard: Yard) -> None:
    """One row a switch, newest first, with every name that moved."""
    v1, v2 = await yard.ship(), await yard.ship()
    back = await yard.rollback()
    newest, second, first = await yard.store.history(project_id=(await yard.project()).id)
    assert (newest.kind, newest.actor, newest.rolled_back) == (OperationKind.ROLLBACK, "bob", True)
    assert (newest.from_deployment_id, newest.to_deployment_id) == (v2.id, v1.id)
    assert newest.committed_at == back.committed_at
    assert {moved.fqdn for moved in newest.routes} == {f"{LIVE}.{APEX}", f"{ENVIRONMENT}.{APEX}"}
    assert {(moved.from_deployment_id, moved.to_deployment_id) for moved in newest.routes} == {(v2.id, v1.id)}
    assert (second.actor, first.from_deployment_id) == ("alice", None)
    assert [row.generation for row in (newest, second, first)] == [3, 2, 1]


@pytest.mark.fault(Row.DUPLICATES)
async def test_a_replay_finds_its_own_result_and_changes_nothing(yard: Yard) -> None:
    """Whatever has happened since, and also when the operation has ended."""
    deploy = await yard.admit()
    await yard.start(deploy)
    first = await yard.switch(deploy)
    await yard.ship()
    await yard.rollback()
    before = await yard.dump()
    assert await yard.switch(deploy) == first
    assert await yard.store.switch_of(operation_id=deploy.operation_id) == first
    assert await yard.dump() == before


async def test_the_switch_opens_the_wait_for_its_generation(yard: Yard) -> None:
    """The wait is committed with the switch: no acknowledgement can come too early to be seen."""
    v1 = await yard.ship()
    (wait,) = await yard.store.open_waits()
    assert (wait.kind, wait.generation, wait.operation_id) == (WaitKind.GENERATION, 1, v1.operation_id)
    assert (wait.deadline_at - v1.result.committed_at).total_seconds() == 30
    await yard.store.settle_wait(awakeable_id=wait.awakeable_id)
    assert await yard.store.open_waits() == ()


async def test_the_operation_keeps_what_its_switch_did(yard: Yard) -> None:
    """Generation, what was live before, and whether it is live now."""
    v1, v2 = await yard.ship(), await yard.ship()
    operation = await yard.store.get_operation(operation_id=v2.operation_id, workspace_id=yard.workspace.id)
    assert (operation.generation, operation.previous_deployment_id, operation.live) == (2, v1.id, True)


@pytest.mark.parametrize("slug", ["shop", "shop-2"])
async def test_generations_are_global(yard: Yard, slug: str) -> None:
    """One counter for all projects."""
    await yard.ship()
    other = await yard.ship(project=slug)
    assert other.result.generation == 2 == await yard.store.generation()
