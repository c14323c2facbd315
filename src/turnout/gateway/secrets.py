"""From certificates to what Envoy is given: a secret for each name that a client asks for, opened only then.

A secret is named by the host. Only hosts with a route have one, so that nobody who tries names can make a gateway
open keys, or an Envoy keep secrets, without end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from turnout.domain.certificates import CertificateSource, KeyPlace, SealedKey
from turnout.domain.errors import TurnoutError, Undecryptable
from turnout.domain.local_authority import LEAF_RENEWED_BEFORE, issue
from turnout.domain.views import CertificateView
from turnout.gateway import protos
from turnout.gateway.resources import Kind, Resource
from turnout.gateway.state import State

log = logging.getLogger(__name__)


class Opener(Protocol):
    """Opens sealed private keys: the vault's boxes."""

    def open(self, place: KeyPlace, sealed: SealedKey) -> str:
        """The private key. Raises Undecryptable."""
        ...


class Secrets:
    """What is served under which name. Keeps no key that is open."""

    def __init__(
        self, state: State, opener: Opener | None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Without an opener no certificate can be served; the log says so when one is asked for."""
        self._state = state
        self._opener = opener
        self._clock = clock
        self._complained: set[str] = set()

    def is_good(self, host: str, version: str) -> bool:
        """Whether a secret of that version is what the host should have now."""
        certificate = self._certificate(host)
        if certificate is None:
            return False
        if certificate.source is not CertificateSource.LOCAL:
            return version == certificate.id
        authority, _, ends = version.partition(".")
        if authority != certificate.id or not ends.isdecimal():
            return False
        return datetime.fromtimestamp(int(ends), UTC) - self._clock() > LEAF_RENEWED_BEFORE

    def secret(self, name: str) -> Resource | None:
        """The secret of a name, as it is spelled there; None when no certificate of ours serves it, or none opens."""
        host = name.lower()
        certificate = self._certificate(host)
        if certificate is None:
            return None
        try:
            key = self._open(certificate)
            if certificate.source is not CertificateSource.LOCAL:
                return _secret(name, certificate.id, certificate.chain_pem, key)
            leaf = issue(host, root_pem=certificate.chain_pem, root_key_pem=key, now=self._clock())
        except TurnoutError as error:
            if certificate.id not in self._complained:
                self._complained.add(certificate.id)
                # Said once for each: a browser asks again and again.
                log.error("cannot serve %s over HTTPS: %s", host, error.detail)  # noqa: TRY400  # the message is enough
            return None
        self._complained.discard(certificate.id)
        # The version says until when it is good, so that a restarted process knows it of secrets that Envoy has.
        return _secret(name, f"{certificate.id}.{int(leaf.not_after.timestamp())}", leaf.chain_pem, leaf.key_pem)

    def _certificate(self, host: str) -> CertificateView | None:
        project_id = self._state.owner((Kind.SCOPE, host))
        view = None if project_id is None else self._state.views.get(project_id)
        if view is None:
            return None
        return self._state.certificates.find(host, workspace_id=view.workspace_id, now=self._clock())

    def _open(self, certificate: CertificateView) -> str:
        if self._opener is None or certificate.key is None:
            raise Undecryptable(
                f"cannot open the private key of {certificate.id}: this gateway has no vault; "
                "give it the file of master keys in TURNOUT_VAULT_KEYS_FILE"
            )
        place = KeyPlace(
            workspace_id=certificate.workspace_id,
            certificate_id=certificate.id,
            fingerprint=certificate.fingerprint,
        )
        return self._opener.open(place, certificate.key)


def _secret(name: str, version: str, chain_pem: str, key_pem: str) -> Resource:
    secret = protos.Secret(name=name)
    secret.tls_certificate.certificate_chain.inline_bytes = chain_pem.encode()
    secret.tls_certificate.private_key.inline_bytes = key_pem.encode()
    return Resource(kind=Kind.SECRET, name=name, version=version, body=secret.SerializeToString())
