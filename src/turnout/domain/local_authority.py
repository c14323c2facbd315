"""The local authority: a root that can only ever speak for this machine, and the certificates it issues.

The root is constrained to names that never leave a machine or a network (`localhost`, `local`, `test`). Whoever
trusts it takes no risk for any other site, also when its key is stolen. Pure but for the dice.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from turnout.domain.certificate_pairs import CertificatePair, fingerprint_of
from turnout.domain.errors import Invalid
from turnout.domain.hostnames import LOCAL_SUFFIXES, is_local

ROOT_LIFETIME: Final = timedelta(days=3650)
ROOT_RENEWED_BEFORE: Final = timedelta(days=90)
"""A root that ends within that time is replaced by a new one, which people have to trust anew."""
LEAF_LIFETIME: Final = timedelta(days=30)
LEAF_RENEWED_BEFORE: Final = timedelta(days=10)

_BACKDATED: Final = timedelta(hours=1)
"""Clocks of clients are not always right."""


def make_root(now: datetime) -> CertificatePair:
    """A new root and its key. It is good for no name itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Turnout"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Turnout local authority {now:%Y-%m-%d %H:%M:%S}"),
        ]
    )
    public = key.public_key()
    local = [x509.DNSName(suffix) for suffix in LOCAL_SUFFIXES]
    loopback = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("127.0.0.0/8", "::1/128")]
    builder = (
        _begun(now, ROOT_LIFETIME)
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        # Addresses are named because a constraint on names alone leaves them free.
        .add_extension(x509.NameConstraints(permitted_subtrees=[*local, *loopback], excluded_subtrees=None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return _pair([builder.sign(key, hashes.SHA256())], key, names=())


def issue(host: str, *, root_pem: str, root_key_pem: str, now: datetime) -> CertificatePair:
    """A certificate for one local host name and a key of its own. Raises Invalid for any other name."""
    if not is_local(host):
        raise Invalid(f"cannot issue a certificate for {host}: the local authority speaks for local names only")
    root = x509.load_pem_x509_certificate(root_pem.encode())
    signer = load_pem_private_key(root_key_pem.encode(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise Invalid("cannot issue a certificate: the key of the local authority is not one that was made for it")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _begun(now, LEAF_LIFETIME)
        # Names can be longer than a common name may be; clients look at the alternative names alone.
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Turnout")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    # The root is not part of what is served: who trusts it has it.
    return _pair([builder.sign(signer, hashes.SHA256())], key, names=(host,))


def _begun(now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _BACKDATED).not_valid_after(now + lifetime)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey, *, names: tuple[str, ...]) -> CertificatePair:
    return CertificatePair(
        names=names,
        fingerprint=fingerprint_of(chain),
        chain_pem="".join(each.public_bytes(Encoding.PEM).decode() for each in chain),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        not_before=chain[0].not_valid_before_utc,
        not_after=chain[0].not_valid_after_utc,
    )
