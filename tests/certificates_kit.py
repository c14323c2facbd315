"""An authority for tests: certificates for any names, keys, dates, and mistakes; and clients that trust it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from turnout.domain.certificate_pairs import CertificatePair, check_pair
from turnout.domain.certificates import CertificateSource, KeyPlace, NewCertificate
from turnout.domain.local_authority import make_root
from turnout.domain.views import CertificateView
from turnout.vault import Boxes, MasterKeys

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A chain and its key, as somebody uploads them."""

    chain: str
    key: str


class Authority:
    """A root, and an intermediate that issues."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.root, self._root_key = self._sign("root", None, None, ca=True)
        self.intermediate, self._key = self._sign("intermediate", self.root, self._root_key, ca=True)

    def pair(
        self,
        *names: str,
        key: Any = None,
        begins: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
        extensions: tuple[x509.ExtensionType, ...] = (),
    ) -> Pair:
        """A certificate for these names. By default P-256, valid since yesterday and for a month."""
        leaf, key = self._sign(
            names[0] if names else "nobody",
            self.intermediate,
            self._key,
            key=key,
            begins=begins,
            ends=ends,
            extensions=(*((x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),) if names else ()),
                        *extensions),
        )  # fmt: skip
        return Pair(chain=pem(leaf) + pem(self.intermediate), key=key_pem(key))

    def checked(self, *names: str, **more: Any) -> CertificatePair:
        """The same, after the checks of an upload."""
        pair = self.pair(*names, **more)
        return check_pair(pair.chain, pair.key, now=self.now)

    def client(self, *, trust: str | None = None) -> ssl.SSLContext:
        """What a client that trusts this authority, or a root in PEM, does TLS with."""
        return ssl.create_default_context(cadata=trust or pem(self.root))

    def _sign(
        self,
        name: str,
        issuer: x509.Certificate | None,
        issuer_key: Any,
        *,
        ca: bool = False,
        key: Any = None,
        begins: timedelta = -DAY,
        ends: timedelta = 3650 * DAY,
        extensions: tuple[x509.ExtensionType, ...] = (),
    ) -> tuple[x509.Certificate, Any]:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + begins)
            .not_valid_after(self.now + ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key or key, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    """As text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: Any) -> str:
    """As text, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def boxes(folder: Path) -> Boxes:
    """A vault's boxes with master keys of their own."""
    masters = MasterKeys(folder / "keys.json")
    masters.make_if_missing()
    return Boxes(masters)


def new_certificate(
    boxes: Boxes, pair: CertificatePair, certificate_id: str, *, workspace_id: str | None = "ws_1", **more: Any
) -> NewCertificate:
    """What is given to the store."""
    place = KeyPlace(workspace_id=workspace_id, certificate_id=certificate_id, fingerprint=pair.fingerprint)
    return NewCertificate(
        id=certificate_id,
        workspace_id=workspace_id,
        source=more.pop("source", CertificateSource.UPLOADED),
        names=pair.names,
        fingerprint=pair.fingerprint,
        chain_pem=pair.chain_pem,
        key=boxes.seal(place, pair.key_pem),
        not_before=pair.not_before,
        not_after=pair.not_after,
        **more,
    )


def view(
    boxes: Boxes,
    pair: CertificatePair,
    certificate_id: str,
    *,
    workspace_id: str | None = "ws_1",
    source: CertificateSource = CertificateSource.UPLOADED,
    created_at: datetime | None = None,
) -> CertificateView:
    """What a gateway reads."""
    new = new_certificate(boxes, pair, certificate_id, workspace_id=workspace_id, source=source)
    return CertificateView(
        id=new.id,
        workspace_id=workspace_id,
        source=source,
        names=new.names,
        fingerprint=new.fingerprint,
        chain_pem=new.chain_pem,
        key=new.key,
        not_before=new.not_before,
        not_after=new.not_after,
        created_at=created_at or datetime.now(UTC),
    )


def local_root(boxes: Boxes, now: datetime | None = None, certificate_id: str = "crt_root") -> CertificateView:
    """A local authority as a gateway reads it."""
    root = make_root(now or datetime.now(UTC))
    return view(boxes, root, certificate_id, workspace_id=None, source=CertificateSource.LOCAL)
