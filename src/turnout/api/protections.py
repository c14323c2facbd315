"""The protection of an environment. Passwords come in and are hashed; no answer holds a password or its hash."""

from __future__ import annotations

import asyncio
import secrets

from turnout.api.parts import Caller
from turnout.domain.documents import Slug
from turnout.domain.passwords import SALT_BYTES, Credential, credential
from turnout.domain.protecting import changed
from turnout.domain.protection_documents import (
    HeaderRuleDocument,
    MaintenanceDocument,
    ProtectionBody,
    ProtectionDocument,
)
from turnout.store.protections import ProtectionRecord


async def show_protection(caller: Caller, project: Slug, environment: Slug) -> ProtectionDocument:
    """What stands in front of an environment. Of basic auth the names only."""
    found = await caller.store.find_environment(
        workspace_id=caller.workspace_id, project=project, environment=environment
    )
    return _document(project, environment, await caller.store.find_protection(environment_id=found.id))


async def change_protection(
    caller: Caller, project: Slug, environment: Slug, body: ProtectionBody
) -> ProtectionDocument:
    """Change parts of it: what is absent stays, null switches a part off.

    It is written at once; the gateways that have acknowledged the generation of the answer apply it.
    """
    passwords = body.basic_auth or {}
    credentials: dict[str, Credential | None] = {
        user: None
        if password is None
        else await asyncio.to_thread(credential, user, password, salt=secrets.token_bytes(SALT_BYTES))
        for user, password in passwords.items()
    }
    record = await caller.store.change_protection(
        workspace_id=caller.workspace_id,
        project=project,
        environment=environment,
        change=lambda before: changed(before, body, credentials),
        actor=caller.signed_in.name,
    )
    return _document(project, environment, record)


def _document(project: str, environment: str, record: ProtectionRecord) -> ProtectionDocument:
    protection = record.protection
    maintenance = protection.maintenance
    return ProtectionDocument(
        project=project,
        environment=environment,
        allow=protection.allow,
        basic_auth=tuple(each.user for each in protection.basic_auth),
        maintenance=None
        if maintenance is None
        else MaintenanceDocument(retry_after=maintenance.retry_after, page=maintenance.page, let_in=maintenance.let_in),
        headers=tuple(
            HeaderRuleDocument(side=rule.side, action=rule.action, name=rule.name, value=rule.value)
            for rule in protection.headers
        ),
        generation=record.generation,
        changed_at=record.changed_at,
        changed_by=record.changed_by,
    )
