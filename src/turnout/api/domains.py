"""Custom domains: asked for, proved, listed, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Path

from turnout.api.parts import Caller
from turnout.api.present import url_of
from turnout.domain.confirmations import not_served_by
from turnout.domain.custom_domains import CustomDomain, check_domain, readable
from turnout.domain.documents import Slug
from turnout.domain.domain_documents import (
    CustomDomainDocument,
    CustomDomainList,
    DomainBody,
    HttpProofDocument,
    RemovedDomainDocument,
    TxtProofDocument,
)
from turnout.domain.proofs import Claim
from turnout.domain.waits import generation_acknowledged

Fqdn = Annotated[str, Path(max_length=1024, description="A host name, in any script.")]

_CHECK_SECONDS: Final = 30.0
"""Waited for one look, and for the gateways after it. What takes longer goes on in the background."""


async def list_domains(caller: Caller, project: Slug) -> CustomDomainList:
    """The custom domains of a project, by name, each with what proves it."""
    found = await caller.store.find_project(workspace_id=caller.workspace_id, slug=project)
    listed = await caller.store.domains_of(project_id=found.id)
    return CustomDomainList(project=project, domains=tuple(_document(caller, project, each) for each in listed))


async def add_domain(caller: Caller, project: Slug, body: DomainBody) -> CustomDomainDocument:
    """Ask for a name; the answer says what proves it. It is looked for in the background until the deadline."""
    settings = caller.parts.settings.domains
    added = await caller.store.add_domain(
        workspace_id=caller.workspace_id,
        project=project,
        fqdn=_checked(caller, body.fqdn),
        actor=caller.signed_in.name,
        proof_seconds=settings.proof_seconds,
        limit=settings.per_project,
    )
    return _document(caller, project, added)


async def show_domain(caller: Caller, project: Slug, fqdn: Fqdn) -> CustomDomainDocument:
    """One custom domain of a project."""
    return _document(caller, project, await _find(caller, project, _checked(caller, fqdn)))


async def verify_domain(caller: Caller, project: Slug, fqdn: Fqdn) -> CustomDomainDocument:
    """Look for the proof now, and answer when that is done. One that has failed is looked for again from now on."""
    name = _checked(caller, fqdn)
    asked = await caller.store.ask_check(
        workspace_id=caller.workspace_id,
        project=project,
        fqdn=name,
        actor=caller.signed_in.name,
        proof_seconds=caller.parts.settings.domains.proof_seconds,
    )

    async def is_checked() -> bool:
        return (await _find(caller, project, name)).checked_round >= asked.round

    await _become(caller, is_checked, seconds=_CHECK_SECONDS)
    return _document(caller, project, await _find(caller, project, name))


async def remove_domain(caller: Caller, project: Slug, fqdn: Fqdn) -> RemovedDomainDocument:
    """Give a name up: its route goes at once. The answer says whether every gateway has followed."""
    name = _checked(caller, fqdn)
    generation = await caller.store.remove_domain(
        workspace_id=caller.workspace_id, project=project, fqdn=name, actor=caller.signed_in.name
    )
    committed_at = datetime.now(UTC)

    problem: str | None = "nobody could tell in time whether the gateways have followed"

    async def is_settled() -> bool:
        nonlocal problem
        gateways = await caller.store.gateways()
        outcome = generation_acknowledged(gateways, generation=generation, committed_at=committed_at)
        problem = not_served_by(gateways, generation=generation) if outcome is None else outcome.reason
        return outcome is not None

    await _become(caller, is_settled, seconds=caller.parts.settings.deploy.propagation_seconds)
    return RemovedDomainDocument(fqdn=name, project=project, generation=generation, problem=problem)


async def _find(caller: Caller, project: str, fqdn: str) -> CustomDomain:
    return await caller.store.get_domain(workspace_id=caller.workspace_id, project=project, fqdn=fqdn)


def _checked(caller: Caller, fqdn: str) -> str:
    return check_domain(fqdn, apex=caller.parts.settings.gateway.apex)


async def _become(caller: Caller, true: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Return once it is so, and after that many seconds at the latest."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await true():
                await caller.store.wait_for_change(timeout=1.0)


def _document(caller: Caller, project: str, domain: CustomDomain) -> CustomDomainDocument:
    claim = Claim(fqdn=domain.fqdn, project_id=domain.project_id, token=domain.token)
    return CustomDomainDocument(
        fqdn=domain.fqdn,
        name=readable(domain.fqdn),
        project=project,
        status=domain.status,
        method=domain.method,
        problem=domain.problem,
        url=url_of(domain.fqdn, caller.parts.gateway_url),
        deployment_id=domain.deployment_id,
        txt=TxtProofDocument(name=claim.record_name, value=claim.record_value),
        http=HttpProofDocument(
            url=f"http://{domain.fqdn}{claim.http_path}",
            body=claim.http_answer,
            gateway_answers=domain.gateway_answers,
        ),
        asked_at=domain.asked_at,
        deadline_at=domain.deadline_at,
        checked_at=domain.checked_at,
        verified_at=domain.verified_at,
    )
