"""The JSON of certificates that come by ACME: how far each has got."""

from __future__ import annotations

from datetime import datetime

from turnout.domain.document import Answer
from turnout.domain.issuing import Issuing, IssuingStatus, ProblemKind


class IssuingDocument(Answer):
    """How far the certificate of a domain has got."""

    fqdn: str
    project: str
    status: IssuingStatus
    problem: str | None
    """What the last visit met, as a sentence; null when all went well."""
    problem_kind: ProblemKind | None
    failures: int
    """Visits in a row that met a problem."""
    due_at: datetime | None
    """When it is renewed or tried again; null when it is not, before somebody asks."""
    turn: int
    """Grows with the end of each visit."""


def issuing_document(issuing: Issuing) -> IssuingDocument:
    """An issuing without what only the workflows need."""
    problem = issuing.problem
    return IssuingDocument(
        fqdn=issuing.fqdn,
        project=issuing.project,
        status=issuing.status,
        problem=None if problem is None else problem.detail,
        problem_kind=None if problem is None else problem.kind,
        failures=issuing.failures,
        due_at=issuing.due_at,
        turn=issuing.turn,
    )
