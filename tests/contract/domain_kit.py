"""Asks for names, plays the checks, and looks where they lead; for the tests of custom domains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import select

from tests.contract.store_kit import APEX, Yard
from turnout.domain.custom_domains import Checked, CustomDomain
from turnout.domain.proofs import Finding, ProofMethod
from turnout.domain.views import ProjectView
from turnout.store.schema import audit_log

FQDN = "app.example.com"
TXT = Finding(method=ProofMethod.TXT, problem=None)
HTTP = Finding(method=ProofMethod.HTTP, problem=None)
NOTHING = Finding(method=None, problem="DNS: there is no TXT record.")
DAY = 86_400.0
Another = Callable[[str], Awaitable[Yard]]


async def add(yard: Yard, fqdn: str = FQDN, *, project: str = "shop", limit: int = 10) -> CustomDomain:
    """Ask for a name."""
    return await yard.store.add_domain(
        workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="alice", proof_seconds=DAY, limit=limit
    )


async def ask(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> CustomDomain:
    """Ask for a check."""
    return await yard.store.ask_check(
        workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="bob", proof_seconds=DAY
    )


async def check(yard: Yard, domain: CustomDomain, finding: Finding = TXT, *, again_in: float = 5.0) -> Checked:
    """What a look showed."""
    return await yard.store.record_check(
        domain_id=domain.id, check_round=domain.round, finding=finding, apex=APEX, again_in=again_in
    )


async def get(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> CustomDomain:
    """As it now is."""
    return await yard.store.get_domain(workspace_id=yard.workspace.id, project=project, fqdn=fqdn)


async def remove(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> int:
    """Give it up."""
    return await yard.store.remove_domain(workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="alice")


async def fed(yard: Yard, project: str = "shop") -> ProjectView:
    """What a gateway that starts now is told of a project."""
    project_id = (await yard.project(project)).id
    views = (await yard.store.gateway_feed(since=0)).projects
    empty = ProjectView(project_id=project_id, routes=(), targets=())
    return next((view for view in views if view.project_id == project_id), empty)


async def leads_to(yard: Yard, fqdn: str = FQDN) -> str | None:
    """The deployment that the gateways send a name's requests to."""
    views = (await yard.store.gateway_feed(since=0)).projects
    return next((route.deployment_id for view in views for route in view.routes if route.fqdn == fqdn), None)


async def audited(yard: Yard) -> list[tuple[str, str]]:
    """Who did what to domains."""
    async with yard.store._db.read() as tx:
        found = await tx.execute(select(audit_log.c.actor, audit_log.c.action).order_by(audit_log.c.id))
        return [(row.actor, row.action) for row in found if row.action.startswith("domain.")]
