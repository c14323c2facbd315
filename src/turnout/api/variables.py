"""The variables of an environment. Values come in and are sealed; no answer holds one."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from turnout.api.parts import Caller
from turnout.domain.documents import Slug
from turnout.domain.errors import Conflict
from turnout.domain.hostnames import check_environment
from turnout.domain.records import Environment
from turnout.domain.secret_documents import VariableDocument, VariablesBody, VariablesDocument
from turnout.domain.secrets import Place, SealedVariable
from turnout.domain.variables import check_name, check_values

_TRIES: Final = 5


async def list_variables(caller: Caller, project: Slug, environment: Slug) -> VariablesDocument:
    """The variables of an environment: names, versions and times, never a value."""
    found = await _found(caller, project, environment)
    return await _document(caller, project, found)


async def set_variables(caller: Caller, project: Slug, environment: Slug, body: VariablesBody) -> VariablesDocument:
    """Set variables; the next deployment has them. One whose value is the same already keeps its version."""
    check_environment(environment)
    check_values(body.variables)
    found = await caller.store.open_environment(
        workspace_id=caller.workspace_id, project=project, environment=environment
    )
    for left in reversed(range(_TRIES)):
        try:
            await _set(caller, found, body.variables)
            break
        except Conflict:  # somebody else set one of them between our look and our save
            if not left:
                raise
    return await _document(caller, project, found)


async def remove_variables(
    caller: Caller,
    project: Slug,
    environment: Slug,
    name: Annotated[list[str], Query(min_length=1, description="A variable to remove; may be repeated.")],
) -> VariablesDocument:
    """Remove variables from the next deployment on; those that run keep what they were created with."""
    names = list(dict.fromkeys(check_name(each) for each in name))
    found = await _found(caller, project, environment)
    await caller.store.remove_variables(environment_id=found.id, names=names, actor=caller.signed_in.name)
    return await _document(caller, project, found)


async def _set(caller: Caller, environment: Environment, values: dict[str, str]) -> None:
    versions = await caller.store.last_versions(environment_id=environment.id)
    known = {each.name: each.sealed for each in await caller.store.sealed_variables(environment_id=environment.id)}
    places = [
        Place(
            workspace_id=caller.workspace_id,
            environment_id=environment.id,
            name=name,
            version=versions.get(name, 0) + 1,
        )
        for name in sorted(values)
    ]
    sealed = await caller.parts.vault.encrypt_bulk([(place, values[place.name]) for place in places])
    fresh = [
        SealedVariable(name=place.name, version=place.version, sealed=each)
        for place, each in zip(places, sealed, strict=True)
        if place.name not in known or known[place.name].fingerprint != each.fingerprint
    ]
    if fresh:
        await caller.store.save_variables(environment_id=environment.id, sealed=fresh, actor=caller.signed_in.name)


async def _found(caller: Caller, project: str, environment: str) -> Environment:
    return await caller.store.find_environment(
        workspace_id=caller.workspace_id, project=project, environment=environment
    )


async def _document(caller: Caller, project: str, environment: Environment) -> VariablesDocument:
    return VariablesDocument(
        project=project,
        environment=environment.slug,
        variables=tuple(
            VariableDocument(name=each.name, version=each.version, updated_at=each.updated_at)
            for each in await caller.store.list_variables(environment_id=environment.id)
        ),
    )
