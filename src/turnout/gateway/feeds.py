"""A feed as JSON and back: one line per project, and per certificate. What the snapshot on disk is made of."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter

from turnout.domain.views import CertificateView, ProjectView

_PROJECT: Final = TypeAdapter(ProjectView)
_CERTIFICATE: Final = TypeAdapter(CertificateView)


def encode_project(view: ProjectView) -> bytes:
    """One line, without its end. The same view always gives the same bytes."""
    return _PROJECT.dump_json(view, exclude_defaults=True)


def decode_project(line: bytes) -> ProjectView:
    """The view that `encode_project` was given. Raises ValueError when the line is something else."""
    return _PROJECT.validate_json(line)


def encode_certificate(view: CertificateView) -> bytes:
    """One line, without its end. The private key in it is sealed."""
    return _CERTIFICATE.dump_json(view, exclude_defaults=True)


def decode_certificate(line: bytes) -> CertificateView:
    """The view that `encode_certificate` was given. Raises ValueError when the line is something else."""
    return _CERTIFICATE.validate_json(line)
