"""The calls about certificates."""

from __future__ import annotations

from turnout.client.wire import Wire, segment
from turnout.domain.certificate_documents import (
    AuthorityDocument,
    CertificateBody,
    CertificateDocument,
    CertificatesDocument,
)
from turnout.domain.issuing_documents import IssuingDocument

_PATH = "/v1/certificates"


class CertificateCalls(Wire):
    """Every method raises TurnoutError: the server's refusal, or Unreachable when there is no answer."""

    async def certificates(self) -> CertificatesDocument:
        """The certificates of the workspace, newest first."""
        return await self.ask(CertificatesDocument, "GET", _PATH)

    async def add_certificate(self, chain: str, key: str) -> CertificateDocument:
        """Have domains served with this pair. Raises Invalid or TooLarge; then nothing has changed."""
        body = CertificateBody(chain=chain, key=key).model_dump_json().encode()
        return await self.ask(
            CertificateDocument, "POST", _PATH, content=body, headers={"content-type": "application/json"}
        )

    async def remove_certificate(self, certificate_id: str) -> CertificateDocument:
        """Forget a certificate. Raises NotFound."""
        return await self.ask(CertificateDocument, "DELETE", f"{_PATH}/{segment(certificate_id)}")

    async def ask_certificate(self, project: str, fqdn: str) -> IssuingDocument:
        """Have a certificate got for a domain. Raises Invalid, NotFound or Conflict; then nothing has changed."""
        return await self.ask(IssuingDocument, "POST", _issuing(project, fqdn))

    async def issuing(self, project: str, fqdn: str) -> IssuingDocument:
        """How far it has got. Raises NotFound."""
        return await self.ask(IssuingDocument, "GET", _issuing(project, fqdn))

    async def authority(self) -> AuthorityDocument:
        """The root of the local authority. Raises NotFound when there is none."""
        return await self.ask(AuthorityDocument, "GET", f"{_PATH}/authority")


def _issuing(project: str, fqdn: str) -> str:
    return f"/v1/projects/{segment(project)}/domains/{segment(fqdn)}/certificate"
