"""Calls to the worker that Restate has not signed like this, now and for this."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEME: Final = "x-restate-signature-scheme"
TOKEN: Final = "x-restate-jwt-v1"
INVOKE: Final = "/invoke/Routing/rollback"
DISCOVER: Final = "/discover"


@dataclass(frozen=True)
class Signer:
    """Signs as Restate does: a JSON web token for the path of a call, and nothing of its body."""

    key: Ed25519PrivateKey
    public: str

    def sign(self, path: str, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token for now and the next minute; a claim of None is left out."""
        now = int(time.time())
        said = {"aud": path, "iat": now, "exp": now + 60, "nbf": now - 60} | {
            name: now + value if name in ("iat", "exp", "nbf") and isinstance(value, int) else value
            for name, value in claims.items()
        }
        parts = ({"typ": "JWT", "alg": "EdDSA", "kid": self.public} | dict(header or {}),
                 {name: value for name, value in said.items() if value is not None})  # fmt: skip
        signed = ".".join(_part(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_part(self.key.sign(signed.encode()))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


Headers = Mapping[str, str]
Forge = Callable[[Signer, Signer, str], Headers]
"""From the real signer, another one, and the path of the call, to the headers that are sent."""


def _token(make: Callable[[Signer, Signer, str], str]) -> Forge:
    return lambda real, other, path: {SCHEME: "v1", TOKEN: make(real, other, path)}


FORGERIES: Final[Mapping[str, Forge]] = MappingProxyType(
    {
        "nothing": lambda _r, _o, _p: {},
        "said to be unsigned": lambda _r, _o, _p: {SCHEME: "unsigned"},
        "a scheme without a token": lambda _r, _o, _p: {SCHEME: "v1"},
        "a token without a scheme": lambda real, _o, path: {TOKEN: real.sign(path)},
        "another scheme": lambda real, _o, path: {SCHEME: "v2", TOKEN: real.sign(path)},
        "a bearer token": lambda real, _o, path: {"authorization": f"Bearer {real.sign(path)}"},
        "a key of one's own": _token(lambda _r, other, path: other.sign(path)),
        "a key of one's own under the real name": _token(lambda real, other, path: other.sign(path, header={"kid": real.public})),
        "no algorithm": _token(lambda real, _o, path: real.sign(path, header={"alg": "none"}).rpartition(".")[0] + "."),
        "another algorithm": _token(lambda real, _o, path: real.sign(path, header={"alg": "HS256"})),
        "for another path": _token(lambda real, _o, _p: real.sign("/invoke/Builds/build")),
        "for discovery, used to invoke, and the other way": _token(
            lambda real, _o, path: real.sign(DISCOVER if path == INVOKE else INVOKE)
        ),
        "for the same path in capitals": _token(lambda real, _o, path: real.sign(path.upper())),
        "for the beginning of the path": _token(lambda real, _o, path: real.sign(path[:-1])),
        "for any path": _token(lambda real, _o, _p: real.sign("*")),
        "for nothing": _token(lambda real, _o, path: real.sign(path, aud=None)),
        "over": _token(lambda real, _o, path: real.sign(path, iat=-200, nbf=-200, exp=-61)),
        "just over": _token(lambda real, _o, path: real.sign(path, iat=-120, nbf=-180, exp=-5)),
        "not yet": _token(lambda real, _o, path: real.sign(path, iat=60, nbf=60, exp=120)),
        "without an end": _token(lambda real, _o, path: real.sign(path, exp=None)),
        "with an end that is none": _token(lambda real, _o, path: real.sign(path, exp="never")),
        "changed afterwards": _token(lambda real, _o, path: _changed(real.sign(path))),
        "without its signature": _token(lambda real, _o, path: real.sign(path).rpartition(".")[0] + "."),
        "with half of its signature": _token(lambda real, _o, path: real.sign(path)[:-40]),
        "with another one's signature": _token(
            lambda real, other, path: real.sign(path).rpartition(".")[0] + "." + other.sign(path).rpartition(".")[2]
        ),
        "no token": _token(lambda _r, _o, _p: "a.b.c"),
        "empty": _token(lambda _r, _o, _p: ""),
        "overlong": _token(lambda _r, _o, _p: "a" * 10_000),
    }
)  # fmt: skip


def _changed(token: str) -> str:
    head, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return ".".join((head, _part(json.dumps(said | {"exp": said["exp"] + 10**6}).encode()), signature))
