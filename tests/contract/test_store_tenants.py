"""Workspaces, sources and tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.contract.store_kit import Yard


async def test_a_workspace_is_made_once(yard: Yard) -> None:
    """The same name is the same workspace."""
    assert await yard.store.ensure_workspace(slug="acme") == yard.workspace


async def test_projects_belong_to_their_workspace(yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]) -> None:
    """Two tenants may use one name."""
    stranger = await another_yard("strangers")
    await yard.admit(project="web")
    await yard.admit(project="api")
    theirs = await stranger.admit(project="web")
    mine = await yard.store.list_projects(workspace_id=yard.workspace.id)
    assert [project.slug for project in mine] == ["api", "web"]
    assert theirs.project_id not in {project.id for project in mine}
    assert await yard.store.active_operations(workspace_id=stranger.workspace.id) != ()
    assert len(await yard.store.active_operations(workspace_id=None)) == 3


async def test_a_source_is_recorded_once(yard: Yard) -> None:
    """Uploading the same folder again is nothing new."""
    for _ in range(2):
        await yard.store.record_source(workspace_id=yard.workspace.id, source_id="a" * 64, size=10)
    assert await yard.store.has_source(workspace_id=yard.workspace.id, source_id="a" * 64)
