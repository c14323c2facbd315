"""What the ACME server of the tests knows: accounts, orders, proofs by real requests, and certificates."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from tests.acme_authority import Authority, renewal_id
from tests.acme_jws import Jws, decoded, public_key, spki, thumbprint

_PREFIX: Final = "urn:ietf:params:acme:error:"


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, kind: str, detail: str, status: int = 400, retry_after: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.retry_after = status, retry_after
        self.document = {"type": _PREFIX + kind, "detail": detail, "status": status}


@dataclass
class Account:
    """Somebody who may order."""

    url: str
    jwk: dict[str, str]
    contact: list[str]


@dataclass
class Order:
    """One order with its one name, its authorisation and its challenge."""

    number: int
    account: Account
    name: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    status: str = "pending"
    proof: str = "pending"
    """The status of the authorisation and of its challenge."""
    error: dict[str, Any] | None = None
    chain: str | None = None
    looks: int = 0
    """How often it was looked at since its certificate was asked for."""


@dataclass
class Answer:
    """What one request is answered with."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Issuer:
    """The rules of the protocol, apart from HTTP and signatures. Attributes may be changed at any time."""

    base: str
    """The address that all others begin with."""

    def __init__(self, *, challenge_port: int = 0) -> None:
        self.challenge_port = challenge_port
        """Where every name is asked for its proof, as if it led to port 80 of this machine."""
        self.lifetime = timedelta(days=90)
        self.window: tuple[datetime, datetime] | None = None
        """The suggested renewal window; None has the server not offer any."""
        self.bindings: dict[str, bytes] = {}
        """Secrets of external accounts by their kid; with any, an account needs one."""
        self.unknown_names: set[str] = set()
        self.reuse_proofs = False
        """Whether a name that an account has proved need not be proved again."""
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        """What certificates are dated by."""
        self.slow_looks = 1
        """How often an order is still being worked on when it is looked at."""
        self.accounts: dict[str, Account] = {}
        self.orders: list[Order] = []
        self.issued: list[x509.Certificate] = []
        self.authority = Authority()
        self._proving: list[threading.Thread] = []
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------------ what is asked

    def renewal(self, identifier: str) -> Answer:
        """The suggested window of a certificate."""
        if self.window is None or identifier not in map(renewal_id, self.issued):
            raise Problem("malformed", "there is no such certificate", 404)
        begins, ends = map(_said, self.window)
        return Answer({"suggestedWindow": {"start": begins, "end": ends}}, headers={"Retry-After": "21600"})

    def account(self, jws: Jws, asked: dict[str, Any]) -> Answer:
        """The account of a key, made when there is none."""
        jwk = jws.header["jwk"]
        for known in self.accounts.values():
            if known.jwk == jwk:
                return Answer({"status": "valid"}, 200, {"Location": known.url})
        if not asked.get("termsOfServiceAgreed"):
            raise Problem("userActionRequired", "the terms have to be agreed to", 403)
        if self.bindings:
            self._check_binding(jws, asked.get("externalAccountBinding"))
        account = Account(f"{self.base}/account/{len(self.accounts) + 1}", jwk, asked.get("contact", []))
        self.accounts[account.url] = account
        return Answer({"status": "valid", "contact": account.contact}, 201, {"Location": account.url})

    def new_order(self, account: Account, asked: dict[str, Any]) -> Answer:
        """An order for one name."""
        (identifier,) = asked["identifiers"]
        name = identifier["value"]
        if name.endswith(".forbidden.example"):
            raise Problem("rejectedIdentifier", "policy forbids issuing for that name")
        order = Order(len(self.orders) + 1, account, name)
        proved = any(each.account is account and each.name == name and each.proof == "valid" for each in self.orders)
        if self.reuse_proofs and proved:
            order.status, order.proof = "ready", "valid"
        self.orders.append(order)
        return Answer(self._described(order), 201, {"Location": f"{self.base}/order/{order.number}"})

    def look(self, order: Order) -> Answer:
        """The order as it is. Being looked at moves it on."""
        if order.status == "processing":
            order.looks += 1
            order.status = "valid" if order.looks > self.slow_looks else "processing"
        return Answer(self._described(order), headers={"Retry-After": "0"})

    def proof(self, order: Order) -> Answer:
        """The authorisation; its first challenge is one that is of no use here."""
        other = {"type": "dns-01", "url": f"{self.base}/x/{order.number}", "status": "pending", "token": order.token}
        document = {"identifier": {"type": "dns", "value": order.name}, "status": order.proof}
        return Answer(document | {"challenges": [other, self._described_challenge(order)]})

    def challenge(self, order: Order) -> Answer:
        """Begin to ask the name for its proof."""
        if order.proof == "pending":
            order.proof = "processing"
            thread = threading.Thread(target=self._prove, args=(order,))
            self._proving.append(thread)
            thread.start()
        link = {"Link": f'<{self.base}/proof/{order.number}>;rel="up"'}
        return Answer(self._described_challenge(order), headers=link)

    def finalize(self, order: Order, asked: dict[str, str]) -> Answer:
        """Sign what is proved."""
        if order.status != "ready":
            raise Problem("orderNotReady", f"the order is {order.status}", 403)
        request = x509.load_der_x509_csr(decoded(asked["csr"]))
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if not request.is_signature_valid or names.get_values_for_type(x509.DNSName) != [order.name]:
            raise Problem("badCSR", "the request is not signed, or it is for other names")
        key: Any = request.public_key()
        if spki(key) == spki(public_key(order.account.jwk)):
            raise Problem("badCSR", "the key of a certificate must not be the account's")
        now = self.clock()
        begins = now - min(timedelta(hours=1), self.lifetime / 100)
        certificate = self.authority.sign([order.name], key, begins=begins, ends=now + self.lifetime)
        self.issued.append(certificate)
        order.chain, order.status, order.looks = self.authority.chain(certificate), "processing", 0
        return Answer(self._described(order), headers={"Retry-After": "0"})

    def certificate(self, order: Order) -> Answer:
        """The chain."""
        return Answer(order.chain, headers={"Content-Type": "application/pem-certificate-chain"})

    def order_of(self, account: Account, number: str) -> Order:
        """An order of that account and no other."""
        for order in self.orders:
            if str(order.number) == number and order.account is account:
                return order
        raise Problem("malformed", "there is no such order", 404)

    # ------------------------------------------------------------------------------------ parts

    def _check_binding(self, outer: Jws, document: dict[str, str] | None) -> None:
        if document is None:
            raise Problem("externalAccountRequired", "an external account has to be bound", 403)
        inner = Jws.parse(document)
        secret = self.bindings.get(inner.header.get("kid", ""))
        if secret is None or inner.header.get("url") != outer.header["url"]:
            raise Problem("unauthorized", "nobody knows that external account", 403)
        inner.check_mac(secret)
        if json.loads(inner.payload) != outer.header["jwk"]:
            raise Problem("unauthorized", "the binding is of another key", 403)

    def _prove(self, order: Order) -> None:
        error = self._disproof(order)
        with self._lock:
            order.proof = "valid" if error is None else "invalid"
            order.status = "ready" if error is None else "invalid"
            order.error = error

    def _disproof(self, order: Order) -> dict[str, Any] | None:
        """Ask the name itself, as anybody could."""
        if order.name in self.unknown_names:
            return Problem("dns", f"DNS problem: NXDOMAIN looking up A for {order.name}").document
        path = f"/.well-known/acme-challenge/{order.token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.challenge_port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": order.name})
            response = connection.getresponse()
            found = response.read(4096).decode("ascii", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return Problem("connection", f"Fetching http://{order.name}{path}: {error}").document
        finally:
            connection.close()
        if response.status == 200 and found == f"{order.token}.{thumbprint(order.account.jwk)}":
            return None
        detail = f"Invalid response from http://{order.name}{path}: {response.status}"
        return Problem("unauthorized", detail, 403).document

    def _described(self, order: Order) -> dict[str, Any]:
        document: dict[str, Any] = {
            "status": order.status,
            "expires": _said(datetime.now(UTC) + timedelta(days=7)),
            "identifiers": [{"type": "dns", "value": order.name}],
            "authorizations": [f"{self.base}/proof/{order.number}"],
            "finalize": f"{self.base}/finalize/{order.number}",
        }
        if order.status == "valid":
            document["certificate"] = f"{self.base}/certificate/{order.number}"
        return document | ({"error": order.error} if order.error else {})

    def _described_challenge(self, order: Order) -> dict[str, Any]:
        document = {"type": "http-01", "url": f"{self.base}/challenge/{order.number}", "token": order.token}
        return document | {"status": order.proof} | ({"error": order.error} if order.error else {})


def _said(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
