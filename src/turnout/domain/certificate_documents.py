"""The JSON of certificates. A private key comes in and is sealed; no answer holds one."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from turnout.domain.certificates import PEM_MAX, CertificateSource
from turnout.domain.document import Answer, Document
from turnout.domain.issuing_documents import IssuingDocument


class CertificateBody(Document):
    """A certificate to serve."""

    chain: str = Field(max_length=PEM_MAX)
    """The certificate in PEM, then each one's issuer."""
    key: str = Field(max_length=PEM_MAX, repr=False)
    """Its private key in PEM, not encrypted."""


class CertificateDocument(Answer):
    """A certificate without its key."""

    id: str
    source: CertificateSource
    names: tuple[str, ...]
    fingerprint: str
    """SHA-256 of the whole chain, in hexadecimal."""
    not_before: datetime
    not_after: datetime
    created_at: datetime
    expired: bool


class CertificatesDocument(Answer):
    """The certificates of a workspace, newest first."""

    certificates: tuple[CertificateDocument, ...]
    issuings: tuple[IssuingDocument, ...] = ()
    """How far those have got that come by ACME, by domain."""


class AuthorityDocument(Answer):
    """The root of the local authority, for those who want to trust it."""

    certificate: str
    """In PEM."""
    fingerprint: str
    """SHA-256, in hexadecimal."""
    not_after: datetime
