"""JSON web signatures as the ACME server of the tests checks them: with `cryptography` alone, so that the client's
library is checked by another hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_SHA256: Final = hashes.SHA256()


class BadSignature(Exception):
    """The JWS is not what it says."""


def decoded(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    """The reverse."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Jws:
    """A flattened JWS, not yet believed."""

    header: dict[str, Any]
    payload: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def parse(cls, document: dict[str, str]) -> Jws:
        """Raises BadSignature when it has not the form."""
        try:
            return cls(
                header=json.loads(decoded(document["protected"])),
                payload=decoded(document["payload"]),
                signature=decoded(document["signature"]),
                signed=f"{document['protected']}.{document['payload']}".encode(),
            )
        except (KeyError, ValueError) as error:
            raise BadSignature(f"not a flattened JWS: {error}") from None

    def check(self, jwk: dict[str, str]) -> None:
        """Raises BadSignature unless the key has signed it, by the algorithm that belongs to the key."""
        key, algorithm = public_key(jwk), self.header.get("alg")
        try:
            if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ES256" and len(self.signature) == 64:
                r, s = (int.from_bytes(half, "big") for half in (self.signature[:32], self.signature[32:]))
                key.verify(encode_dss_signature(r, s), self.signed, ec.ECDSA(_SHA256))
            elif isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
                key.verify(self.signature, self.signed, padding.PKCS1v15(), _SHA256)
            else:
                raise BadSignature(f"{algorithm} does not belong to a key of kind {jwk.get('kty')}")
        except InvalidSignature:
            raise BadSignature("the signature does not verify") from None

    def check_mac(self, secret: bytes) -> None:
        """Raises BadSignature unless the secret has made its HS256 mark: external account binding."""
        mark = hmac.new(secret, self.signed, hashlib.sha256).digest()
        if self.header.get("alg") != "HS256" or not hmac.compare_digest(mark, self.signature):
            raise BadSignature("the binding does not verify")


def public_key(jwk: dict[str, str]) -> PublicKey:
    """The key that a JWK describes. Raises BadSignature for one of another kind."""

    def number(name: str) -> int:
        return int.from_bytes(decoded(jwk[name]), "big")

    if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
        return ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
    if jwk.get("kty") == "RSA":
        return rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
    raise BadSignature(f"keys of kind {jwk.get('kty')} are not accepted")


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638."""
    members = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("e", "kty", "n")
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return encoded(hashlib.sha256(canonical.encode()).digest())


def spki(key: Any) -> bytes:
    """A public key as bytes that can be compared."""
    document: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return document
