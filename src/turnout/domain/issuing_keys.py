"""The keys of accounts and certificates, and what is asked for with them. Pure but for the dice."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from turnout.domain.certificate_pairs import CertificatePair, check_pair
from turnout.domain.errors import Invalid, TooLarge, Undecryptable
from turnout.domain.issuing import Problem, ProblemKind
from turnout.domain.issuing_ports import NotIssued

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_RSA_BITS: Final = 2048
_SKEW: Final = timedelta(minutes=5)


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


def check_issued(chain_pem: str, *, key_pem: str, fqdn: str, now: datetime) -> CertificatePair:
    """What came back, as it is served. Raises NotIssued when it is of another key, for another name, or no good."""
    try:
        pair = check_pair(chain_pem, key_pem, now=now + _ahead(chain_pem, now))
    except (Invalid, TooLarge) as error:
        raise _unusable(error.detail) from None
    if fqdn not in pair.names:
        raise _unusable(f"it is not for {fqdn}")
    return pair


def _ahead(chain_pem: str, now: datetime) -> timedelta:
    """How far the authority's clock is ahead of ours, if not by too much: some certificates begin at once."""
    try:
        begins = x509.load_pem_x509_certificates(chain_pem.encode())[0].not_valid_before_utc
    except (ValueError, IndexError):
        return timedelta(0)
    return begins - now if timedelta(0) < begins - now < _SKEW else timedelta(0)


def _unusable(why: str) -> NotIssued:
    detail = f"the ACME server sent something that cannot be used: {why}"
    return NotIssued(Problem(kind=ProblemKind.LOST, detail=detail))
