"""Places to build: rows that end with their operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.store_kit import Yard
from tests.contract.test_store_vault import production, put, vault_of
from turnout.domain.errors import Invalid
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import BuildOptions
from turnout.domain.secrets import mark_of
from turnout.domain.statuses import OperationStatus
from turnout.domain.waits import Wait, WaitKind
from turnout.store import cancelling
from turnout.store.schema import operations


async def asks(yard: Yard, *, limit: int = 2, **wanted: Any) -> tuple[UnsentOperation, int | None]:
    """A deploy that asks for a place; the place in line it gets, if it has to wait."""
    operation = await yard.admit(**wanted)
    return operation, await ask(yard, operation, limit=limit)


async def ask(yard: Yard, operation: UnsentOperation, *, limit: int = 2) -> int | None:
    await yard.store.begin_operation(operation_id=operation.operation_id)
    now = yard.clock()
    wait = Wait(
        awakeable_id=f"place-{operation.operation_id}",
        operation_id=operation.operation_id,
        kind=WaitKind.BUILD_PLACE,
        deployment_id=operation.deployment_id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=60),
    )
    return await yard.store.ask_build_place(limit=limit, wait=wait)


async def test_the_line(yard: Yard) -> None:
    """Two build, the others wait in order, production first; asking again changes nothing."""
    first, second, third = [(await asks(yard, environment="preview")) for _ in range(3)]
    urgent, place = await asks(yard)
    assert [first[1], second[1], third[1], place] == [None, None, 1, 1]
    assert await ask(yard, third[0]) == 2
    assert await ask(yard, first[0]) is None
    lines = await yard.store.build_lines(workspace_id=yard.workspace.id)
    assert lines == {urgent.operation_id: 1, third[0].operation_id: 2}
    assert {wait.operation_id for wait in await yard.store.open_waits()} == set(lines)

    await yard.store.leave_build_place(operation_id=first[0].operation_id)
    await yard.store.leave_build_place(operation_id=first[0].operation_id)
    building = await yard.store.give_build_places(limit=2)
    assert building == {second[0].operation_id, urgent.operation_id}
    assert await yard.store.build_lines(workspace_id=yard.workspace.id) == {third[0].operation_id: 1}


async def test_a_place_ends_with_its_operation(yard: Yard) -> None:
    """However that ended: nobody has to give the place back."""
    dead, _ = await asks(yard, limit=1)
    waiting, place = await asks(yard, limit=1)
    assert place == 1
    await yard.store.finish_operation(operation_id=dead.operation_id, status=OperationStatus.FAILED, reason="killed")
    assert waiting.operation_id in await yard.store.give_build_places(limit=1)
    _, place = await asks(yard, limit=1)
    assert place == 1


async def test_what_builds_by_now_is_not_superseded(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited when it was looked for, and began before it was ended: only when its turn comes is it asked again."""
    source_id = "5" * 64
    await yard.store.record_source(workspace_id=yard.workspace.id, source_id=source_id, size=1)
    waits, builds, _newest = [await yard.admit(image=None, source_id=source_id) for _ in range(3)]
    found = select(operations.c.id).where(operations.c.id.in_([waits.operation_id, builds.operation_id]))
    monkeypatch.setattr(cancelling, "_OVERTAKEN", found)
    assert await ask(yard, builds) is None
    assert await yard.store.supersede_queued() == (waits.operation_id,)
    assert await yard.store.supersede_if_overtaken(operation_id=builds.operation_id) is not None


async def test_workspaces_have_lines_of_their_own(yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]) -> None:
    """A busy neighbour holds up nobody."""
    other = await another_yard("other")
    await asks(yard, limit=1)
    assert (await asks(yard, limit=1))[1] == 1
    assert (await asks(other, limit=1))[1] is None
    assert await yard.store.build_lines(workspace_id=other.workspace.id) == {}


async def test_asked_at_once(yard: Yard) -> None:
    """Never more than the limit, and nobody is forgotten."""
    operations = [await yard.admit() for _ in range(8)]
    places = await asyncio.gather(*(ask(yard, operation) for operation in operations))
    assert sum(place is None for place in places) == 2
    assert len(await yard.store.build_lines(workspace_id=yard.workspace.id)) == 6
    building = await asyncio.gather(*(yard.store.give_build_places(limit=2) for _ in range(4)))
    assert all(len(each) == 2 for each in building)


async def test_build_options_are_kept(yard: Yard) -> None:
    """A deployment's plan has them; one that asked for none has the defaults."""
    options = BuildOptions(
        dockerfile="web.Dockerfile", target="web", args={"A": "1"}, base="python:3", secrets=("KEY",)
    )
    with_options, without = await yard.admit(build=options), await yard.admit()
    assert (await yard.store.load_deploy_plan(deployment_id=with_options.deployment_id)).build == options
    assert (await yard.store.load_deploy_plan(deployment_id=without.deployment_id)).build == BuildOptions()


async def test_mark_of_secrets(yard: Yard, tmp_path: Path) -> None:
    """It follows the named values of the deployment's own snapshot; what collects garbage knows the same one."""
    vault, environment = vault_of(yard.store, tmp_path), await production(yard)
    marks = []
    for values in ({"KEY": "1"}, {"OTHER": "2"}, {"KEY": "3"}):
        await put(yard, vault, environment, **values)
        asked = await yard.admit(build=BuildOptions(secrets=("KEY",)))
        snapshot = await yard.store.snapshot_of(deployment_id=asked.deployment_id)
        marks.append(mark_of(snapshot.named(("KEY",))))
        with pytest.raises(Invalid, match="MISSING, which this environment does not have"):
            snapshot.named(("KEY", "MISSING"))
    assert marks[0] == marks[1] != marks[2]
    source_id = "5" * 64
    await yard.store.record_source(workspace_id=yard.workspace.id, source_id=source_id, size=1)
    for names in ((), ("KEY",)):
        await yard.admit(image=None, source_id=source_id, build=BuildOptions(secrets=names))
    kept = await yard.store.kept(ended=0)
    assert {build.secrets_mark for build in kept.builds} == {"", marks[2]}
