"""What apps say of their own APIs, and how that changes."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Final, Literal

from fastapi import Query, Response

from turnout.api.parts import Caller, DeploymentId
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.openapi_answers import ApiChangeDocument, ApiDiffDocument
from turnout.domain.openapi_diff import compare_descriptions
from turnout.domain.openapi_document import ApiDescription, SpecDocument, read_stored
from turnout.domain.openapi_rules import ApiChange
from turnout.domain.openapi_yaml import UnreadableError, to_yaml

Form = Annotated[Literal["json", "yaml"], Query(description="How the document is to be written.")]

_MEDIA: Final = {"json": "application/json", "yaml": "application/yaml"}


async def show_openapi(caller: Caller, deployment_id: DeploymentId, form: Form = "json") -> Response:
    """The OpenAPI document of a deployment, as JSON or as YAML. 404 when the app has none, with what was seen."""
    document = await _document_of(caller, deployment_id)
    content = document.json if form == "json" else await asyncio.to_thread(_yaml_of, document)
    # It is an app's word: nobody shall take it for anything but data.
    headers = {"etag": f'"{document.id}-{form}"', "x-content-type-options": "nosniff"}
    return Response(content, media_type=_MEDIA[form], headers=headers)


async def diff_openapi(caller: Caller, before: DeploymentId, after: DeploymentId) -> ApiDiffDocument:
    """What changed from one deployment's API to another's; changes that break clients are marked."""
    one, other = await _document_of(caller, before), await _document_of(caller, after)
    changes = () if one.id == other.id else await asyncio.to_thread(_changes, one, other)
    return ApiDiffDocument(
        before=before,
        after=after,
        before_spec_id=one.id,
        after_spec_id=other.id,
        same=not changes,
        breaking=sum(change.breaking for change in changes),
        changes=tuple(ApiChangeDocument(**asdict(change)) for change in changes),
    )


async def _document_of(caller: Caller, deployment_id: str) -> SpecDocument:
    deployment = await caller.store.get_deployment(deployment_id=deployment_id, workspace_id=caller.workspace_id)
    if deployment.openapi_spec_id is None:
        raise NotFound(f"{deployment_id} has no OpenAPI document{await _why_none(caller, deployment_id)}")
    return await caller.store.openapi_document(deployment.openapi_spec_id)


async def _why_none(caller: Caller, deployment_id: str) -> str:
    """What the step of its deploy saw."""
    operation = await caller.store.deploy_operation_of(deployment_id=deployment_id)
    steps = () if operation is None else await caller.store.steps_of(operation_id=operation.id)
    told = next((step.detail for step in steps if step.name == "openapi" and step.detail), None)
    return ": its deploy has not come to look for one" if told is None else f"; its deploy saw {told}"


def _yaml_of(document: SpecDocument) -> bytes:
    if document.format == "yaml":
        return document.served
    return to_yaml(_read(document).content).encode()


def _changes(before: SpecDocument, after: SpecDocument) -> tuple[ApiChange, ...]:
    return compare_descriptions(_read(before), _read(after))


def _read(document: SpecDocument) -> ApiDescription:
    try:
        return read_stored(document)
    except UnreadableError as error:
        raise Conflict(f"cannot use the OpenAPI document {document.id[:12]}…: it {error}; deploy again") from None
