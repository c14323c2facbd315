"""Certificates: added, listed, removed; and the root that local names are served with."""

from __future__ import annotations

from datetime import UTC, datetime

from turnout.api.parts import Caller, OperationId
from turnout.domain.certificate_documents import (
    AuthorityDocument,
    CertificateBody,
    CertificateDocument,
    CertificatesDocument,
)
from turnout.domain.certificate_pairs import check_pair
from turnout.domain.certificates import Certificate, CertificateSource
from turnout.domain.errors import NotFound
from turnout.domain.issuing_documents import issuing_document

CertificateId = OperationId
"""An id in a path; looked at as loosely as the others."""


async def list_certificates(caller: Caller) -> CertificatesDocument:
    """The certificates of the workspace, newest first, and what is being got. Private keys are never shown."""
    found = await caller.store.list_certificates(workspace_id=caller.workspace_id)
    issuings = await caller.store.list_issuings(workspace_id=caller.workspace_id)
    return CertificatesDocument(
        certificates=tuple(_document(each) for each in found),
        issuings=tuple(issuing_document(each) for each in issuings),
    )


async def add_certificate(caller: Caller, body: CertificateBody) -> CertificateDocument:
    """Serve the domains of the workspace that it names with this certificate, from now on.

    It takes the place of an uploaded one for the same names. The same one again changes nothing.
    """
    pair = check_pair(body.chain, body.key, now=datetime.now(UTC))
    fresh = caller.parts.boxes.certificate(pair, workspace_id=caller.workspace_id, source=CertificateSource.UPLOADED)
    return _document(await caller.store.save_certificate(certificate=fresh, actor=caller.signed_in.name))


async def remove_certificate(caller: Caller, certificate_id: CertificateId) -> CertificateDocument:
    """Serve no domain with it any more, and forget its private key."""
    removed = await caller.store.remove_certificate(
        workspace_id=caller.workspace_id, certificate_id=certificate_id, actor=caller.signed_in.name
    )
    return _document(removed)


async def show_authority(caller: Caller) -> AuthorityDocument:
    """The root certificate of the local authority: a client that trusts it accepts every local name."""
    root = await caller.store.find_authority()
    if root is None:
        raise NotFound("there is no local authority: the server found no master keys when it started; see its log")
    return AuthorityDocument(certificate=root.chain_pem, fingerprint=root.fingerprint, not_after=root.not_after)


def _document(certificate: Certificate) -> CertificateDocument:
    return CertificateDocument(
        id=certificate.id,
        source=certificate.source,
        names=certificate.names,
        fingerprint=certificate.fingerprint,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=certificate.created_at,
        expired=certificate.not_after <= datetime.now(UTC),
    )
