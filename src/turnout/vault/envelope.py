"""The cryptography, and nothing else: AES-256-GCM, HMAC-SHA-256, and what is bound to what. Pure but for the dice.

A sealed message is one byte that names this format, a 96-bit nonce, the ciphertext, and a 128-bit tag. Nonces are
drawn at random for each message. NIST SP 800-38D allows 2^32 random nonces for one key; `MESSAGES_PER_KEY` stays
far below, so that the odds of a repeated one stay under 2^-56 for each key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from turnout.domain.certificates import KeyPlace
from turnout.domain.secrets import DataKey, Keyring, Place

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORMAT: Final = b"\x01"
OVERHEAD: Final = len(FORMAT) + NONCE_BYTES + 16
"""Bytes that a sealed message is longer than its plaintext."""


class Unopened(Exception):
    """The message does not open with this key and these associated data. It says nothing more: GCM does not know."""


def new_key() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Encrypt and authenticate `plaintext`; authenticate `associated`, which is not part of the result."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, plaintext, FORMAT + associated)


def unseal(key: bytes, message: bytes, associated: bytes) -> bytes:
    """The plaintext. Raises Unopened when a bit of anything is not what it was."""
    if len(message) < OVERHEAD or message[:1] != FORMAT:
        raise Unopened
    nonce, rest = message[1 : 1 + NONCE_BYTES], message[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, rest, FORMAT + associated)
    except InvalidTag:
        raise Unopened from None


def fingerprint(key: bytes, *, name: str, value: bytes) -> bytes:
    """The same for the same name and value, and without the key as good as random."""
    return hmac.new(key, _framed("turnout fingerprint", name) + value, hashlib.sha256).digest()


def bound_to_place(place: Place, data_key_id: str) -> bytes:
    """What a value is bound to: its place, and the key that it says it was sealed with."""
    return _framed(
        "turnout value", place.workspace_id, place.environment_id, place.name, str(place.version), data_key_id
    )


def bound_to_keyring(keyring: Keyring, data_key: DataKey) -> bytes:
    """What a wrapped data key is bound to: its keyring, whose it is, and what it is for."""
    return _framed(
        "turnout data key",
        keyring.workspace_id,
        keyring.environment_id,
        keyring.id,
        data_key.id,
        data_key.purpose.value,
        data_key.master_key_id,
    )


def bound_to_certificate(place: KeyPlace) -> bytes:
    """What the private key of a certificate is bound to: whose it is, and the certificate itself."""
    return _framed("turnout certificate", place.workspace_id or "", place.certificate_id, place.fingerprint)


def bound_to_box(place: KeyPlace, master_key_id: str) -> bytes:
    """What the data key of such a box is bound to: its certificate, and the key that wraps it."""
    return _framed("turnout box", place.workspace_id or "", place.certificate_id, place.fingerprint, master_key_id)


def _framed(*fields: str) -> bytes:
    """Each field behind its length: no two lists of fields give the same bytes."""
    encoded = [field.encode() for field in fields]
    return b"".join(len(field).to_bytes(4, "big") + field for field in encoded)
