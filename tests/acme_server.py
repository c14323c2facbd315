"""A small ACME server (RFC 8555, HTTP-01, RFC 9773) for tests: real signatures, real requests, trouble on demand."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec

from tests.acme_authority import private_pem
from tests.acme_jws import BadSignature, Jws
from tests.acme_orders import Account, Answer, Issuer, Problem


class AcmeServer(Issuer):
    """Listens on a free port of this machine, by HTTPS, while the block lasts."""

    def __init__(self, folder: Path, *, challenge_port: int = 0) -> None:
        super().__init__(challenge_port=challenge_port)
        self.asked: Counter[str] = Counter()
        """Requests that were answered well, by resource."""
        self.ca_file = folder / "acme-ca.pem"
        """What a client has to trust: the server's own certificate is of the authority too."""
        self.ca_file.write_text(self.authority.root_pem)
        self._troubles: list[tuple[str, Problem]] = []
        self._nonces: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.socket = self._tls(folder).wrap_socket(self._server.socket, server_side=True)
        self.base = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.directory = f"{self.base}/directory"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for thread in self._proving:
            thread.join()

    @property
    def root_pem(self) -> str:
        """The root of the certificates that it signs."""
        return self.authority.root_pem

    def trouble(self, resource: str, kind: str, *, times: int = 1, **options: Any) -> None:
        """Answer the next requests to a resource with an error of that kind."""
        self._troubles += [(resource, Problem(kind, f"injected {kind}", **options))] * times

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """The answer to one request, with a nonce for the next one."""
        resource, _, identifier = path.strip("/").partition("/")
        with self._lock:
            try:
                self._stumble(resource)
                answer = self._post(path, resource, identifier, body) if body else self._get(resource, identifier)
                self.asked[resource] += 1
            except BadSignature as error:
                answer = _told(Problem("malformed", str(error)))
            except Problem as problem:
                answer = _told(problem)
            nonce = secrets.token_urlsafe(16)
            self._nonces.add(nonce)
        answer.headers |= {"Replay-Nonce": nonce, "Cache-Control": "no-store"}
        return answer

    def _stumble(self, resource: str) -> None:
        for trouble in self._troubles:
            if trouble[0] == resource:
                self._troubles.remove(trouble)
                raise trouble[1]

    def _get(self, resource: str, identifier: str) -> Answer:
        if resource == "nonce":
            return Answer()
        if resource == "renewal":
            return self.renewal(identifier)
        if resource != "directory":
            raise Problem("malformed", "there is no such thing", 404)
        named = {"newNonce": "nonce", "newAccount": "account", "newOrder": "new-order"}
        named |= {"renewalInfo": "renewal"} if self.window else {}
        meta = {"termsOfService": f"{self.base}/terms", "externalAccountRequired": bool(self.bindings)}
        return Answer({name: f"{self.base}/{path}" for name, path in named.items()} | {"meta": meta})

    def _post(self, path: str, resource: str, identifier: str, body: bytes) -> Answer:
        who, payload = self._believed(path, body)
        if isinstance(who, Jws):
            if resource != "account":
                raise Problem("malformed", "only a new account is asked for by its key")
            return self.account(who, payload)
        if resource == "new-order":
            return self.new_order(who, payload)
        order = self.order_of(who, identifier)
        asked = {"order": self.look, "proof": self.proof, "challenge": self.challenge, "certificate": self.certificate}
        if resource == "finalize":
            return self.finalize(order, payload)
        if resource not in asked:
            raise Problem("malformed", "there is no such thing", 404)
        return asked[resource](order)

    def _believed(self, path: str, body: bytes) -> tuple[Account | Jws, Any]:
        """Who asks, and what. Whose key is not known yet is given as the JWS that was signed with it."""
        jws = Jws.parse(json.loads(body))
        if jws.header.get("nonce") not in self._nonces:
            raise Problem("badNonce", "that nonce was not given out, or it was used")
        self._nonces.discard(jws.header["nonce"])
        if jws.header.get("url") != self.base + path:
            raise Problem("unauthorized", "the signature is of another address", 401)
        payload = json.loads(jws.payload or b"null")
        if (jwk := jws.header.get("jwk")) is not None:
            jws.check(jwk)
            return jws, payload
        account = self.accounts.get(jws.header.get("kid", ""))
        if account is None:
            raise Problem("accountDoesNotExist", "there is no such account")
        jws.check(account.jwk)
        return account, payload

    def _tls(self, folder: Path) -> ssl.SSLContext:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        names = ["localhost", "127.0.0.1"]
        certificate = self.authority.sign(names, key.public_key(), begins=now, ends=now + self.lifetime)
        file = folder / "acme-server.pem"
        file.write_text(private_pem(key) + self.authority.chain(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _told(problem: Problem) -> Answer:
    headers = {"Content-Type": "application/problem+json"}
    headers |= {"Retry-After": problem.retry_after} if problem.retry_after else {}
    return Answer(problem.document, problem.status, headers)


def _handler(server: AcmeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = server.answer(self.command, self.path, body)
            is_text = isinstance(answer.body, str)
            text = answer.body if is_text else "" if answer.body is None else json.dumps(answer.body)
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(text.encode()))}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_HEAD = do_POST = _serve  # noqa: N815  # names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            """A test prints nothing."""

    return Handler
