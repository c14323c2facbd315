"""The calls about certificates."""

from __future__ import annotations

from urllib.parse import quote

from turnout.client.wire import Wire
from turnout.domain.certificate_documents import (
    AuthorityDocument,
    CertificateBody,
    CertificateDocument,
    CertificatesDocument,
)

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
        return await self.ask(CertificateDocument, "DELETE", f"{_PATH}/{quote(certificate_id, safe='')}")

    async def authority(self) -> AuthorityDocument:
        """The root of the local authority. Raises NotFound when there is none."""
        return await self.ask(AuthorityDocument, "GET", f"{_PATH}/authority")
