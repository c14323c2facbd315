"""The JSON of custom domains; `documents` has the rest of what travels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from turnout.domain.custom_domains import DomainStatus
from turnout.domain.document import Answer, Document
from turnout.domain.proofs import ProofMethod


class DomainBody(Document):
    """A name that a project asks for. Whether it can be one is said in a sentence of its own."""

    fqdn: Annotated[str, StringConstraints(max_length=1024)]


class TxtProofDocument(Answer):
    """The record that proves a name."""

    name: str
    value: str


class HttpProofDocument(Answer):
    """The page that proves a name."""

    url: str
    body: str
    gateway_answers: bool
    """The gateways answer it by themselves, once the name leads to them."""


class CustomDomainDocument(Answer):
    """One custom domain of a project."""

    fqdn: str
    name: str
    """The same as people write it, in their own script."""
    project: str
    status: DomainStatus
    method: ProofMethod | None
    problem: str | None
    url: str
    deployment_id: str | None
    """What it leads to; null while it is not routed."""
    txt: TxtProofDocument
    http: HttpProofDocument
    asked_at: datetime
    deadline_at: datetime
    checked_at: datetime | None
    verified_at: datetime | None


class CustomDomainList(Answer):
    """The custom domains of a project, by name."""

    project: str
    domains: tuple[CustomDomainDocument, ...]


class RemovedDomainDocument(Answer):
    """A custom domain that a project has given up."""

    fqdn: str
    project: str
    generation: int
    problem: str | None
    """Which gateways may still serve it; null when none does."""
