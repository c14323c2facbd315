"""What is sent in the place of a good token. `{good}` is one of an operator, `{krane}` one of a region."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Headers = tuple[tuple[bytes, bytes], ...]


def _one(value: bytes, name: bytes = b"authorization") -> Headers:
    return ((name, value),)


TOKENS: Final[Mapping[str, Headers]] = MappingProxyType(
    {
        "none": (),
        "empty": _one(b""),
        "only the scheme": _one(b"Bearer"),
        "the scheme and a space": _one(b"Bearer "),
        "unknown": _one(b"Bearer tno_0000000000000000000000000000000000000000000"),
        "without a scheme": _one(b"{good}"),
        "basic": _one(b"Basic {good}"),
        "digest": _one(b'Digest username="{good}"'),
        "another scheme": _one(b"Token {good}"),
        "a scheme that ends like ours": _one(b"XBearer {good}"),
        "in quotes": _one(b'Bearer "{good}"'),
        "a part of one": _one(b"Bearer {half}"),
        "one and more": _one(b"Bearer {good}x"),
        "two in one": _one(b"Bearer {good}, Bearer {good}"),
        "two headers": ((b"authorization", b"Bearer {good}"), (b"authorization", b"Bearer wrong")),
        "two headers, the other way": ((b"authorization", b"Bearer wrong"), (b"authorization", b"Bearer {good}")),
        "in capitals": _one(b"Bearer {GOOD}"),
        "its hash": _one(b"Bearer {hash}"),
        "its id": _one(b"Bearer {id}"),
        "its name": _one(b"Bearer ada"),
        "revoked": _one(b"Bearer {revoked}"),
        "overlong": _one(b"Bearer " + b"a" * 100_000),
        "SQL": _one(b"Bearer ' OR '1'='1"),
        "SQL: wildcard": _one(b"Bearer %"),
        "bytes that are no text": _one(b"Bearer \xff\xfe\x80"),
        "control characters": _one(b"Bearer a\x1b[2Jb"),
        "null": _one(b"Bearer null"),
        "undefined": _one(b"Bearer undefined"),
        "an unsigned JSON web token": _one(b"Bearer eyJhbGciOiJub25lIn0.eyJhY2Nlc3MiOiJhZG1pbiJ9."),
        "in a cookie": _one(b"token={good}; authorization=Bearer {good}", b"cookie"),
        "in a header of its own": _one(b"{good}", b"x-api-key"),
        "as a proxy's": _one(b"Bearer {good}", b"proxy-authorization"),
        "as a forwarded one": _one(b"Bearer {good}", b"x-forwarded-authorization"),
        "with an underscore": _one(b"Bearer {good}", b"authorization_"),
        "as a user of a proxy": ((b"x-forwarded-user", b"ada"), (b"x-remote-user", b"ada"), (b"remote-user", b"ada")),
        "as somebody local": ((b"x-forwarded-for", b"127.0.0.1"), (b"x-real-ip", b"127.0.0.1"), (b"host", b"localhost")),
        "for another method": ((b"x-http-method-override", b"GET"), (b"x-original-url", b"/healthz")),
    }
)  # fmt: skip

IN_THE_QUERY: Final = ("token", "access_token", "authorization", "api_key", "key", "bearer")
"""Names under which a token in an address may be tried: addresses end up in logs."""
