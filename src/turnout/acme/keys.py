"""Keys, requests for certificates, and whether what came back is what was asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from turnout.domain.errors import Undecryptable
from turnout.domain.issuing import Lifetime, Problem, ProblemKind
from turnout.domain.issuing_ports import NotIssued

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_RSA_BITS: Final = 2048


class KeyType(StrEnum):
    """What kind of keys are made."""

    ECDSA = "ecdsa"
    """On the curve P-256."""
    RSA = "rsa"
    """Of 2048 bits, for clients from before 2015."""


def new_key(kind: KeyType) -> str:
    """A fresh private key, as PEM."""
    key: PrivateKey
    if kind is KeyType.RSA:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def load_key(key_pem: str) -> PrivateKey:
    """The key of a PEM text. Raises Undecryptable for anything but what `new_key` makes, and does not quote it."""
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Undecryptable("cannot use a private key: it is not one any more; forget it, and order again") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Undecryptable("cannot use a private key: it is of a kind that Turnout does not make")
    return key


def signing_request(key_pem: str, fqdn: str) -> x509.CertificateSigningRequest:
    """A request for a certificate of that key, for one name."""
    name = x509.SubjectAlternativeName([x509.DNSName(fqdn)])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(name, critical=False)
    return builder.sign(load_key(key_pem), hashes.SHA256())


def check_chain(chain_pem: str, *, fqdn: str, key_pem: str) -> Lifetime:
    """How long a certificate is good. Raises NotIssued when it is not of this key, or not for this name."""
    try:
        certificate = x509.load_pem_x509_certificates(chain_pem.encode())[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound):
        raise _unusable("it is not a certificate for a name") from None
    if fqdn not in names.get_values_for_type(x509.DNSName):
        raise _unusable(f"it is not for {fqdn}")
    if certificate.public_key() != load_key(key_pem).public_key():
        raise _unusable("it is of another key")
    return Lifetime(begins=certificate.not_valid_before_utc, ends=certificate.not_valid_after_utc)


def _unusable(why: str) -> NotIssued:
    detail = f"the ACME server sent something that cannot be used: {why}"
    return NotIssued(Problem(kind=ProblemKind.LOST, detail=detail))
