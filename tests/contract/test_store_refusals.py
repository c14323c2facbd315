"""Every refusal says why in a sentence, and writes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.contract.store_kit import REGION, Yard
from turnout.domain.errors import Conflict, IllegalTransition, Invalid, NotFound, TurnoutError
from turnout.domain.records import GitData, OperationKind
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus


@asynccontextmanager
async def refused(yard: Yard, error: type[TurnoutError], words: str) -> AsyncIterator[None]:
    """What happens inside is refused like this, and leaves every row as it was."""
    before = await yard.dump()
    with pytest.raises(error, match=words):
        yield
    assert await yard.dump() == before


async def test_rollback_from_what_is_not_live(yard: Yard) -> None:
    """The source has to be the live deployment."""
    v1, v2 = await yard.ship(), await yard.ship()
    async with refused(yard, Invalid, "it is not live"):
        await yard.ask_rollback(to=v2.id, source=v1.id)


async def test_rollback_to_itself(yard: Yard) -> None:
    """The target has to be another one."""
    v1 = await yard.ship()
    async with refused(yard, Invalid, "source and target are both"):
        await yard.ask_rollback(to=v1.id)


async def test_rollback_with_nothing_live(yard: Yard) -> None:
    """There has to be something to roll back from."""
    await yard.admit()
    async with refused(yard, Invalid, "no live deployment"):
        await yard.ask_rollback()


async def test_rollback_with_nothing_before(yard: Yard) -> None:
    """There has to be something to go back to, and it has to run."""
    v1 = await yard.ship()
    async with refused(yard, Invalid, "no deployment that was live before is left"):
        await yard.ask_rollback()
    await yard.ship()
    await yard.report(v1.id, InstanceStatus.GONE)
    async with refused(yard, Invalid, "no deployment that was live before is left"):
        await yard.ask_rollback()
    async with refused(yard, Invalid, "no running instances"):
        await yard.ask_rollback(to=v1.id)


async def test_rollback_across_environments_and_projects(yard: Yard) -> None:
    """Source and target belong to one environment of one project."""
    await yard.ship()
    preview = await yard.ship(environment="preview")
    other = await yard.ship(project="shop-2")
    async with refused(yard, Invalid, "same environment"):
        await yard.ask_rollback(to=preview.id)
    async with refused(yard, Invalid, "same project"):
        await yard.ask_rollback(to=other.id)


async def test_rollback_to_what_is_not_there(yard: Yard) -> None:
    """404 and the id."""
    await yard.ship()
    async with refused(yard, NotFound, "there is no deployment dep_nobody"):
        await yard.ask_rollback(to="dep_nobody")


async def test_promote_what_is_live_already(yard: Yard) -> None:
    """Nothing to do is an error here: the caller meant another one."""
    v1 = await yard.ship()
    async with refused(yard, Invalid, "it is live already"):
        await yard.ask_promote(v1.id)


async def test_promote_what_is_not_ready_or_does_not_run(yard: Yard) -> None:
    """Ready, with running instances."""
    v1, _ = await yard.ship(), await yard.ship()
    pending = await yard.admit()
    async with refused(yard, Invalid, "only a ready deployment"):
        await yard.ask_promote(pending.deployment_id)
    await yard.report(v1.id, InstanceStatus.FAILED)
    async with refused(yard, Invalid, "no running instances"):
        await yard.ask_promote(v1.id)


async def test_promote_a_preview(yard: Yard) -> None:
    """Only production is live."""
    await yard.ship()
    preview = await yard.ship(environment="preview")
    async with refused(yard, Invalid, "only deployments of production"):
        await yard.ask_promote(preview.id)


async def test_deployments_of_another_workspace_are_told_as_missing(
    yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """Whoever asks learns nothing of what others have."""
    stranger = await another_yard("strangers")
    theirs = await stranger.ship(project="secret")
    await yard.ship()
    async with refused(yard, NotFound, "no deployment"):
        await yard.ask_rollback(to=theirs.id)
    async with refused(yard, NotFound, "no deployment"):
        await yard.ask_rollback(source=theirs.id)
    async with refused(yard, NotFound, "no deployment"):
        await yard.ask_promote(theirs.id)
    for read in (
        yard.store.get_deployment(deployment_id=theirs.id, workspace_id=yard.workspace.id),
        yard.store.get_operation(operation_id=theirs.operation_id, workspace_id=yard.workspace.id),
        yard.store.find_project(workspace_id=yard.workspace.id, slug="secret"),
    ):
        with pytest.raises(NotFound, match="there is no"):
            await read


async def test_a_missing_project_names_the_ones_there_are(yard: Yard) -> None:
    """So a typing error is seen at once."""
    await yard.admit(project="hello")
    await yard.admit(project="shop")
    with pytest.raises(NotFound, match='there is no project "helo"; known are: hello, shop'):
        await yard.project("helo")


async def test_the_switch_asks_the_gate_again(yard: Yard) -> None:
    """What was true when it was asked for may be over: the transaction alone decides."""
    v1, _ = await yard.ship(), await yard.ship()
    late = await yard.ask_rollback(to=v1.id)
    await yard.ship()
    async with refused(yard, Invalid, "it is not live"):
        await yard.switch(late)


async def test_a_deploy_that_does_not_run_is_not_switched_to(yard: Yard) -> None:
    """Not without instances, not before its network status, not after its end."""
    deploy = await yard.admit()
    async with refused(yard, IllegalTransition, "from pending to ready"):
        await yard.switch(deploy)
    await yard.start(deploy)
    await yard.report(deploy.deployment_id, InstanceStatus.FAILED)
    async with refused(yard, Conflict, "no running instances"):
        await yard.switch(deploy)
    await yard.store.fail_deploy(
        operation_id=deploy.operation_id, deployment_id=deploy.deployment_id, reason="it fell over"
    )
    async with refused(yard, Conflict, "has ended, it is failed"):
        await yard.switch(deploy)


async def test_a_cancelled_operation_does_not_switch(yard: Yard) -> None:
    """However late the switch comes."""
    v1, v2 = await yard.ship(), await yard.ship()
    back = await yard.ask_rollback(to=v1.id)
    await yard.store.finish_operation(operation_id=back.operation_id, status=OperationStatus.CANCELLED)
    async with refused(yard, Conflict, "has ended, it is cancelled"):
        await yard.switch(back)
    assert (await yard.project()).live_deployment_id == v2.id


async def test_a_switch_does_only_what_its_operation_was_asked_for(yard: Yard) -> None:
    """Kind and target have to be the operation's."""
    v1, _ = await yard.ship(), await yard.ship()
    back = await yard.ask_rollback(to=v1.id)
    async with refused(yard, Invalid, "asked for something else"):
        await yard.store.switch(replace(yard.request(back), kind=OperationKind.PROMOTE))
    async with refused(yard, NotFound, "no operation"):
        await yard.store.switch(replace(yard.request(back), operation_id="op_nobody"))
    async with refused(yard, NotFound, "no deployment"):
        await yard.store.switch(replace(yard.request(back), target_id="dep_nobody"))
    async with refused(yard, NotFound, "no project"):
        await yard.store.switch(replace(yard.request(back), project_id="prj_nobody"))


async def test_a_name_that_another_project_owns_is_never_taken_over(yard: Yard) -> None:
    """Project `shop`, environment `eu-west` and project `shop-eu`, environment `west` make the same name."""
    git = GitData()
    owner = await yard.ship(project="shop", environment="eu-west", git=git)
    second = await yard.admit(project="shop-eu", environment="west", git=git)
    await yard.start(second)
    async with refused(yard, Conflict, "another project or environment owns it"):
        await yard.switch(second)
    assert (await yard.serves())["shop-eu-west-acme"] == owner.id


async def test_reserved_environment_names(yard: Yard) -> None:
    """They would read like a branch's domain."""
    async with refused(yard, Invalid, "reserved"):
        await yard.admit(environment="git-main")


async def test_a_source_that_this_workspace_has_not_uploaded(
    yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """Another tenant's source is as good as none."""
    stranger = await another_yard("strangers")
    await stranger.store.record_source(workspace_id=stranger.workspace.id, source_id="a" * 64, size=3)
    assert not await yard.store.has_source(workspace_id=yard.workspace.id, source_id="a" * 64)
    async with refused(yard, NotFound, "there is no source"):
        await yard.admit(image=None, source_id="a" * 64)
    assert (await stranger.admit(image=None, source_id="a" * 64)).from_source


async def test_a_deploy_in_an_unknown_workspace(yard: Yard) -> None:
    """There is nobody to own it."""
    async with refused(yard, NotFound, "there is no workspace"):
        await yard.admit(workspace_id="ws_nobody")


async def test_what_has_ended_is_not_started_again(yard: Yard) -> None:
    """A late `place` must not leave instances behind."""
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    await yard.store.fail_deploy(
        operation_id=deploy.operation_id,
        deployment_id=deploy.deployment_id,
        reason="cancelled by alice",
        status=DeploymentStatus.CANCELLED,
    )
    async with refused(yard, Conflict, "it is cancelled"):
        await yard.store.place(spec=plan.run_spec(), regions=[REGION])


async def test_an_image_is_final_once_it_runs(yard: Yard) -> None:
    """A version is what it was when it was built."""
    deploy = await yard.admit()
    await yard.store.set_image(deployment_id=deploy.deployment_id, image="shop:v2")
    await yard.start(deploy)
    await yard.store.set_image(deployment_id=deploy.deployment_id, image="shop:v2")
    async with refused(yard, Conflict, "cannot change the image"):
        await yard.store.set_image(deployment_id=deploy.deployment_id, image="shop:v3")
