"""A small certificate authority for tests: a root, an intermediate, and the certificates of servers."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acme_jws import PublicKey, encoded

_SHA256: Final = hashes.SHA256()
_DAY: Final = timedelta(days=1)


class Authority:
    """A root, and an intermediate that signs."""

    def __init__(self) -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        self.root = self._authority("Turnout test root", self._root_key, None, now)
        self.intermediate = self._authority("Turnout test authority", self._key, self.root, now)

    @property
    def root_pem(self) -> str:
        """What a client has to trust."""
        return pem(self.root)

    def sign(self, names: list[str], key: PublicKey, *, begins: datetime, ends: datetime) -> x509.Certificate:
        """A certificate of a server, for names and addresses."""
        return (
            self._builder(x509.Name([]), self.intermediate.subject, key, begins, ends)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, _SHA256)
        )

    def chain(self, certificate: x509.Certificate) -> str:
        """The certificate and what leads to the root, as a server sends it."""
        return pem(certificate) + pem(self.intermediate)

    def _authority(self, name: str, key: Any, above: x509.Certificate | None, now: datetime) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = subject if above is None else above.subject
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        root = self._root_key.public_key()
        return (
            self._builder(subject, issuer, key.public_key(), now - 365 * _DAY, now + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root), critical=False)
            .sign(self._root_key, _SHA256)
        )

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: PublicKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begins, ends)


def pem(certificate: x509.Certificate) -> str:
    """As text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as text; these live in tests alone."""
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def renewal_id(certificate: x509.Certificate) -> str:
    """What the certificate is called in a question for its renewal window (RFC 9773)."""
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number
    assert authority is not None
    return f"{encoded(authority)}.{encoded(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
