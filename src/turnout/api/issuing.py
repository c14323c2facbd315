"""Certificates by ACME: asked for and looked at. Getting one takes a while, and happens elsewhere."""

from __future__ import annotations

from turnout.api.domains import Fqdn
from turnout.api.parts import Caller
from turnout.domain.custom_domains import check_domain
from turnout.domain.documents import Slug
from turnout.domain.errors import Conflict, Invalid
from turnout.domain.hostnames import is_local, normalise
from turnout.domain.issuing_documents import IssuingDocument, issuing_document


async def ask_certificate(caller: Caller, project: Slug, fqdn: Fqdn) -> IssuingDocument:
    """Have a certificate got now for a name that leads to the project, or that it has proved.

    One that is being got already is waited for; the answer's `turn` grows once it is there, or has failed.
    """
    name = _checked(caller, fqdn)
    if not caller.parts.settings.acme.email:
        raise Conflict(
            f"cannot get a certificate for {name}: ACME is off; set TURNOUT_ACME_EMAIL, which agrees to the ACME "
            "server's terms, and restart, or add a certificate with `turnout certs add`"
        )
    if is_local(name):
        raise Invalid(f"cannot get a certificate for {name}: it is a local name, which has one; see `turnout certs ca`")
    asked = await caller.store.ask_certificate(
        workspace_id=caller.workspace_id, project=project, fqdn=name, actor=caller.signed_in.name
    )
    return issuing_document(asked)


async def show_issuing(caller: Caller, project: Slug, fqdn: Fqdn) -> IssuingDocument:
    """How far the certificate of a domain has got."""
    found = await caller.store.get_issuing(
        workspace_id=caller.workspace_id, project=project, fqdn=_checked(caller, fqdn)
    )
    return issuing_document(found)


def _checked(caller: Caller, fqdn: str) -> str:
    """The name as DNS has it: a generated one, or a custom domain in any script. Raises Invalid."""
    try:
        return normalise(fqdn)
    except Invalid:
        return check_domain(fqdn, apex=caller.parts.settings.gateway.apex)
