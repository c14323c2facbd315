"""Boxes: private keys of certificates, each sealed with a data key of its own that travels with it.

A variable is opened by the server, which has the store at hand. A certificate is served by gateways, which have to
open its key while the store is away, so its wrapped data key is in the box itself. One data key seals one message,
so there is nothing to count.
"""

from __future__ import annotations

import base64
import binascii

from turnout.domain.certificate_pairs import CertificatePair
from turnout.domain.certificates import CertificateSource, KeyPlace, NewCertificate, SealedKey
from turnout.domain.errors import Undecryptable
from turnout.domain.ids import new_id
from turnout.vault import envelope
from turnout.vault.masters import MasterKey, MasterKeys


class Boxes:
    """Seals and opens with the master keys of a file. Errors name certificates and keys, and hold nothing of either."""

    def __init__(self, masters: MasterKeys) -> None:
        self._masters = masters

    def certificate(
        self,
        pair: CertificatePair,
        *,
        workspace_id: str | None,
        source: CertificateSource,
        project_id: str | None = None,
    ) -> NewCertificate:
        """A pair that was checked, as the store keeps it: with an id, and its key sealed. Raises Undecryptable."""
        certificate_id = new_id("crt")
        place = KeyPlace(workspace_id=workspace_id, certificate_id=certificate_id, fingerprint=pair.fingerprint)
        return NewCertificate(
            id=certificate_id,
            workspace_id=workspace_id,
            project_id=project_id,
            source=source,
            names=pair.names,
            fingerprint=pair.fingerprint,
            chain_pem=pair.chain_pem,
            key=self.seal(place, pair.key_pem),
            not_before=pair.not_before,
            not_after=pair.not_after,
        )

    def seal(self, place: KeyPlace, private_key: str) -> SealedKey:
        """Seal a private key for its certificate. Raises Undecryptable without master keys."""
        key = envelope.new_key()
        ciphertext = envelope.seal(key, private_key.encode(), envelope.bound_to_certificate(place))
        return _packed(self._masters.active(), place, key, ciphertext)

    def open(self, place: KeyPlace, sealed: SealedKey) -> str:
        """The private key. Raises Undecryptable when anything is not as it was when it was sealed."""
        key, ciphertext = self._unwrapped(place, sealed)
        try:
            return envelope.unseal(key, ciphertext, envelope.bound_to_certificate(place)).decode()
        except (envelope.Unopened, UnicodeDecodeError):
            raise _changed(place) from None

    def rewrap(self, place: KeyPlace, sealed: SealedKey) -> SealedKey:
        """The same box with its data key wrapped by the active master key; one that is so already is returned."""
        master = self._masters.active()
        if sealed.master_key_id == master.id:
            return sealed
        return _packed(master, place, *self._unwrapped(place, sealed))

    def active_master(self) -> str:
        """The id of the master key that wraps."""
        return self._masters.active().id

    def _unwrapped(self, place: KeyPlace, sealed: SealedKey) -> tuple[bytes, bytes]:
        wrapped, ciphertext = _unpacked(place, sealed)
        master = self._masters.get(sealed.master_key_id)
        try:
            return envelope.unseal(master.key, wrapped, envelope.bound_to_box(place, master.id)), ciphertext
        except envelope.Unopened:
            raise _changed(place) from None


def _packed(master: MasterKey, place: KeyPlace, key: bytes, ciphertext: bytes) -> SealedKey:
    wrapped = envelope.seal(master.key, key, envelope.bound_to_box(place, master.id))
    halves = (base64.b64encode(half).decode() for half in (wrapped, ciphertext))
    return SealedKey(master_key_id=master.id, box=".".join(halves))


def _unpacked(place: KeyPlace, sealed: SealedKey) -> tuple[bytes, bytes]:
    try:
        wrapped, ciphertext = (base64.b64decode(half, validate=True) for half in sealed.box.split("."))
    except (ValueError, binascii.Error):
        raise _changed(place) from None
    return wrapped, ciphertext


def _changed(place: KeyPlace) -> Undecryptable:
    return Undecryptable(
        f"cannot open {place}: it was changed, or it belongs to another certificate; add the certificate again"
    )
