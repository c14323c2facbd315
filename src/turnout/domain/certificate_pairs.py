"""Checks of a certificate and its private key, before anything keeps them. Pure; no message quotes a key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from turnout.domain.certificates import PEM_MAX, is_name
from turnout.domain.errors import Invalid, TooLarge

CHAIN_MAX: Final = 10
"""Certificates in a chain."""
NAMES_MAX: Final = 1000
"""Names of a certificate."""

_RSA_BITS: Final = (2048, 8192)
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384"}
_BROKEN_HASHES: Final = ("md5", "sha1")


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificatePair:
    """A chain and its key, that can be served as they are."""

    names: tuple[str, ...]
    fingerprint: str
    """SHA-256 of the whole chain, in hexadecimal."""
    chain_pem: str
    """The certificates and nothing else of what was given."""
    key_pem: str = field(repr=False)
    """PKCS #8, not encrypted."""
    not_before: datetime
    not_after: datetime


def check_pair(chain_pem: str, key_pem: str, *, now: datetime) -> CertificatePair:
    """Return the pair as it is served.

    Raises Invalid, or TooLarge, with a sentence for the first thing that is wrong: what is no PEM, a key that is not
    the certificate's, too short or of a kind that browsers or the gateway do not take, a chain out of order, dates
    that are over, no host name to be good for.
    """
    for what, text in (("the certificate", chain_pem), ("the private key", key_pem)):
        if len(text) > PEM_MAX:
            raise TooLarge(f"cannot use {what}: it has more than {PEM_MAX // 1024} KiB")
    chain = _chain(chain_pem)
    key = _key(key_pem)
    _check_key(key, chain)
    _check_order(chain)
    _check_dates(chain, now)
    _check_use(chain[0])
    return CertificatePair(
        names=_names(chain[0]),
        fingerprint=fingerprint_of(chain),
        chain_pem="".join(each.public_bytes(Encoding.PEM).decode() for each in chain),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        not_before=chain[0].not_valid_before_utc,
        not_after=min(each.not_valid_after_utc for each in chain),
    )


def fingerprint_of(chain: list[x509.Certificate]) -> str:
    """SHA-256 over all certificates of a chain, in order, in hexadecimal."""
    digest = hashlib.sha256()
    for each in chain:
        digest.update(each.public_bytes(Encoding.DER))
    return digest.hexdigest()


def _chain(pem: str) -> list[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        for each in chain:
            _ = (each.extensions, each.issuer, each.subject)  # read only when asked for, and may be broken
    except (ValueError, UnicodeEncodeError, x509.DuplicateExtension):
        raise Invalid(
            "cannot read the certificate: it is not PEM, which begins with -----BEGIN CERTIFICATE-----"
        ) from None
    if len(chain) > CHAIN_MAX:
        raise Invalid(f"cannot use the chain: it has {len(chain)} certificates, and {CHAIN_MAX} are the most")
    return chain


def _key(pem: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise Invalid(
            "cannot read the private key: it is encrypted with a passphrase; "
            "decrypt it first, with `openssl pkey -in key.pem -out plain.pem`"
        ) from None
    except Exception:  # noqa: BLE001  # the library has many ways to say no, and none may quote the key
        raise Invalid(
            "cannot read the private key: it is not PEM, which begins with -----BEGIN PRIVATE KEY-----"
        ) from None


def _check_key(key: PrivateKeyTypes, chain: list[x509.Certificate]) -> None:
    mine = _public(key.public_key())
    owners = [number for number, each in enumerate(chain, 1) if _public_of(each) == mine]
    if not owners:
        raise Invalid("cannot use this pair: the private key is not that of the certificate")
    if owners[0] != 1:
        raise Invalid(
            f"cannot use the chain: the private key is that of certificate {owners[0]}; "
            "put the site's own certificate first, then each one's issuer"
        )
    if isinstance(key, RSAPrivateKey):
        if not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
            raise Invalid(
                f"cannot use the key: it is RSA of {key.key_size} bits, and {_RSA_BITS[0]} to {_RSA_BITS[1]} are taken"
            )
    elif isinstance(key, EllipticCurvePrivateKey):
        if key.curve.name not in _CURVES:
            raise Invalid(f"cannot use the key: its curve is {key.curve.name}, and P-256 and P-384 are taken")
    else:
        raise Invalid("cannot use the key: it is neither RSA nor ECDSA, and browsers take no other")


def _check_order(chain: list[x509.Certificate]) -> None:
    for number, (one, issuer) in enumerate(pairwise(chain), 1):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise Invalid(
                f"cannot use the chain: certificate {number + 1} did not issue certificate {number}; "
                "put the site's own certificate first, then each one's issuer"
            ) from None


def _check_dates(chain: list[x509.Certificate], now: datetime) -> None:
    for number, each in enumerate(chain, 1):
        which = "the certificate" if number == 1 else f"certificate {number} of the chain"
        if each.not_valid_after_utc <= now:
            raise Invalid(f"cannot use {which}: it expired on {each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if each.not_valid_before_utc > now:
            raise Invalid(f"cannot use {which}: it is not valid before {each.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _check_use(leaf: x509.Certificate) -> None:
    if leaf.signature_hash_algorithm is not None and leaf.signature_hash_algorithm.name in _BROKEN_HASHES:
        name = leaf.signature_hash_algorithm.name
        raise Invalid(f"cannot use the certificate: it is signed with {name}, which no client trusts")
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        uses = None
    if uses is not None and not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*uses}:
        raise Invalid("cannot use the certificate: it is not for servers (its extended key usage says for what it is)")
    try:
        features = leaf.extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return
    if x509.TLSFeatureType.status_request in features:
        raise Invalid("cannot use the certificate: it must be stapled (OCSP), which the gateway does not do")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """The DNS names that can be host names, once each, sorted. A common name has not counted for years."""
    try:
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        listed: list[str] = []
    else:
        listed = alternative.get_values_for_type(x509.DNSName)
    names = sorted({name.lower() for name in listed if is_name(name.lower())})
    if not names:
        raise Invalid("cannot use the certificate: its subject alternative names hold no host name")
    if len(names) > NAMES_MAX:
        raise Invalid(f"cannot use the certificate: it has {len(names)} names, and {NAMES_MAX} are the most")
    return tuple(names)


def _public_of(certificate: x509.Certificate) -> bytes:
    try:
        return _public(certificate.public_key())
    except Exception:  # noqa: BLE001  # of a kind that the library does not know: then it is not ours
        return b""


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded
