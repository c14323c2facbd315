"""A client for one ACME server: each call is one exchange, in a thread of its own, with a deadline for each request."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final, TypeVar

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.interfaces import JSONDeSerializable
from josepy.json_util import decode_b64jose
from josepy.jwa import ES256, RS256
from josepy.jwk import JWK, JWKEC, JWKRSA

from turnout.acme.external import ExternalAccount
from turnout.acme.faults import Newest, retry_after, told, translated
from turnout.domain.issuing import Problem, ProblemKind, Window
from turnout.domain.issuing_keys import load_key, signing_request
from turnout.domain.issuing_ports import AcmeAccount, AcmeOrder, Challenge, NotIssued, OrderStatus

T = TypeVar("T")

REQUEST_SECONDS: Final = 10
"""How long one request may take; a call makes four at the most."""
_AGENT: Final = "turnout"
_NONCES: Final = 2
"""How often more than the library does a refused nonce is replaced; it does so once."""


@dataclass(frozen=True, slots=True)
class _Session:
    """A connection for one call."""

    net: client.ClientNetwork
    directory: messages.Directory

    def post(self, url: str, body: JSONDeSerializable | None = None) -> requests.Response:
        """Ask, signed; without a body it is a signed reading. A nonce that is refused is replaced, a few times."""
        for _ in range(_NONCES):
            try:
                return self.net.post(url, body, new_nonce_url=self.directory["newNonce"])
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self.net.post(url, body, new_nonce_url=self.directory["newNonce"])


class AcmeClient:
    """See `AcmePort`. Safe to use from many tasks at once: a call shares nothing with another one."""

    def __init__(
        self,
        directory: str,
        *,
        contact: str,
        ca_file: Path | None = None,
        external_account: Callable[[], ExternalAccount | None] = lambda: None,
    ) -> None:
        """`contact` is an e-mail address; having given it agrees to the server's terms. Files are looked at when they
        are needed, so that a missing one is told where certificates are, and stops nothing else."""
        self._url = directory
        self._contact = contact
        self._ca_file = ca_file
        self._external_account = external_account

    @property
    def directory(self) -> str:
        return self._url

    async def register(self, key_pem: str) -> str:
        def register(session: _Session) -> str:
            key = _jwk(key_pem)
            asked = messages.NewRegistration.from_data(
                email=self._contact, terms_of_service_agreed=True, external_account_binding=self._binding(session, key)
            )
            return str(session.post(session.directory["newAccount"], asked).headers["Location"])

        return await self._call(register, key_pem)

    async def order(self, account: AcmeAccount, fqdn: str) -> AcmeOrder:
        def order(session: _Session) -> AcmeOrder:
            name = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=fqdn)
            answer = session.post(session.directory["newOrder"], messages.NewOrder(identifiers=[name]))
            return _order(session, answer.headers["Location"], answer)

        return await self._call(order, account)

    async def look(self, account: AcmeAccount, order_url: str) -> AcmeOrder:
        return await self._call(lambda session: _order(session, order_url, session.post(order_url)), account)

    async def challenge(self, account: AcmeAccount, authorisation_url: str) -> Challenge | None:
        def challenge(session: _Session) -> Challenge | None:
            found = self._http_challenge(session, authorisation_url)
            if found is None:
                return None
            return Challenge(url=found.uri, path=found.chall.path, is_open=found.status == messages.STATUS_PENDING)

        return await self._call(challenge, account)

    def body(self, account: AcmeAccount, challenge: Challenge) -> str:
        token = decode_b64jose(challenge.path.rpartition("/")[2])
        return challenges.HTTP01(token=token).key_authorization(_jwk(account.key_pem))

    async def answer(self, account: AcmeAccount, authorisation_url: str) -> None:
        def answer(session: _Session) -> None:
            found = self._http_challenge(session, authorisation_url)
            if found is not None and found.status == messages.STATUS_PENDING:
                session.post(found.uri, found.chall.response(_jwk(account.key_pem)))

        await self._call(answer, account)

    async def finalize(self, account: AcmeAccount, order: AcmeOrder, *, fqdn: str, key_pem: str) -> None:
        request = messages.CertificateRequest(csr=signing_request(key_pem, fqdn))
        await self._call(lambda session: session.post(order.finalize_url, request), account)

    async def download(self, account: AcmeAccount, certificate_url: str) -> str:
        return await self._call(lambda session: session.post(certificate_url).text, account)

    async def window(self, chain_pem: str) -> Window | None:
        def window(session: _Session) -> Window | None:
            if "renewalInfo" not in session.directory.to_partial_json():
                return None
            name = _renewal_id(x509.load_pem_x509_certificates(chain_pem.encode())[0])
            answer = session.net.get(f"{session.directory['renewalInfo'].rstrip('/')}/{name}")
            said = messages.RenewalInfo.from_json(answer.json()).suggested_window
            return Window(begins=said.start.astimezone(UTC), ends=said.end.astimezone(UTC))

        return await self._call(window, None)

    # ------------------------------------------------------------------------------------------- parts

    async def _call(self, work: Callable[[_Session], T], who: AcmeAccount | str | None) -> T:
        """Do the work in a thread: the library knows no asyncio. `who` is an account, a key without one, or nobody."""

        def call() -> T:
            if self._ca_file is not None and not self._ca_file.is_file():
                why = f"cannot trust {self._ca_file}: there is no such file; name it in TURNOUT_ACME_CA_FILE"
                raise NotIssued(Problem(kind=ProblemKind.TROUBLE, detail=why))
            newest = Newest()
            with translated(self._url, newest), self._session(who, newest) as session:
                return work(session)

        return await asyncio.to_thread(call)

    @contextmanager
    def _session(self, who: AcmeAccount | str | None, newest: Newest) -> Iterator[_Session]:
        key = None if who is None else _jwk(who.key_pem if isinstance(who, AcmeAccount) else who)
        net = client.ClientNetwork(
            key,
            _known(who.url) if isinstance(who, AcmeAccount) else None,
            alg=ES256 if isinstance(key, JWKEC) else RS256,
            verify_ssl=str(self._ca_file) if self._ca_file else True,  # type: ignore[arg-type]  # `requests` takes a file
            user_agent=_AGENT,
            timeout=REQUEST_SECONDS,
        )
        net.session.hooks["response"].append(newest.remember)
        try:
            yield _Session(net, client.ClientV2.get_directory(self._url, net))
        finally:
            net.session.close()

    def _http_challenge(self, session: _Session, authorisation_url: str) -> messages.ChallengeBody | None:
        """None when the name is proved."""
        found = _authorisation(session, authorisation_url)
        if found.status == messages.STATUS_VALID:
            return None
        offered = (each for each in found.challenges if isinstance(each.chall, challenges.HTTP01))
        if (chosen := next(offered, None)) is None:
            raise errors.ClientError(f"{self._url} offers no http-01 challenge")
        return chosen

    def _binding(self, session: _Session, key: JWK) -> dict[str, Any] | None:
        external = self._external_account()
        if external is None:
            return None
        return messages.ExternalAccountBinding.from_data(
            key.public_key(), external.kid, external.hmac_key, session.directory
        )


def _jwk(key_pem: str) -> JWK:
    key = load_key(key_pem)
    return JWKEC(key=key) if isinstance(key, ec.EllipticCurvePrivateKey) else JWKRSA(key=key)


def _known(account_url: str) -> messages.RegistrationResource:
    return messages.RegistrationResource(uri=account_url, body=messages.Registration())


def _order(session: _Session, url: str, answer: requests.Response) -> AcmeOrder:
    order = messages.Order.from_json(answer.json())
    problem = None
    if order.status == messages.STATUS_INVALID:  # what the name answered says more than that it was not enough
        problem = _disproof(session, order) or (told(order.error) if order.error else None)
    return AcmeOrder(
        url=url,
        status=OrderStatus(order.status.name),
        authorisations=tuple(order.authorizations),
        finalize_url=order.finalize,
        certificate_url=order.certificate,
        problem=problem,
        look_again_seconds=retry_after(answer.headers),
    )


def _disproof(session: _Session, order: messages.Order) -> Problem | None:
    for url in order.authorizations:
        said = (each.error for each in _authorisation(session, url).challenges if each.error is not None)
        if (error := next(said, None)) is not None:
            return told(error)
    return None


def _authorisation(session: _Session, url: str) -> messages.Authorization:
    found: messages.Authorization = messages.Authorization.from_json(session.post(url).json())
    return found


def _renewal_id(certificate: x509.Certificate) -> str:
    """What a certificate is called there: RFC 9773, section 4.1."""
    named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    number = certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (named, serial))
