"""Requests as bytes: ones that two servers could read in two ways, that claim to be somebody else, that never end.

`{mine}` is a host of the attacker's own, `{vip}` one of somebody else's that needs a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SMUGGLED: Final = "GET /smuggled HTTP/1.1\r\nHost: {vip}\r\nX-Turnout-Key-Id: key_1\r\n\r\n"
"""What the attacker wants to be taken for a request that somebody has looked at."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Bytes on a connection of their own."""

    text: str
    statuses: tuple[int, ...] = (400,)
    """What the first answer may be; 0: there is none, the connection is closed."""
    mine: bool = False
    """Whether the attacker's own app may see it."""

    def content(self, **names: str) -> bytes:
        """With these host names."""
        text = self.text
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text.encode("latin-1")


def _post(headers: str, body: str, *statuses: int, mine: bool = False, version: str = "1.1") -> Raw:
    head = f"POST /first HTTP/{version}\r\nHost: {{mine}}\r\n{headers}\r\n\r\n"
    return Raw(text=head + body, statuses=statuses or (400,), mine=mine)


def _get(headers: str, *statuses: int, mine: bool = False, line: str = "GET /first HTTP/1.1") -> Raw:
    return Raw(text=f"{line}\r\n{headers}\r\n\r\n", statuses=statuses or (400,), mine=mine)


_CHUNKED: Final = "0\r\n\r\n" + SMUGGLED

_MENDED: Final = (400, 200)
"""What a gateway may also take, since what it passes on is written by itself and has one reading."""

TWO_READINGS: Final[Mapping[str, Raw]] = MappingProxyType(
    {
        "length and chunked": _post("Content-Length: 4\r\nTransfer-Encoding: chunked", _CHUNKED),
        "chunked and length": _post("Transfer-Encoding: chunked\r\nContent-Length: 4", _CHUNKED),
        "two lengths": _post("Content-Length: 0\r\nContent-Length: 70", SMUGGLED),
        "two equal lengths": _post("Content-Length: 2\r\nContent-Length: 2", "{}", 200, 400, 401, 404, mine=True),
        "a list of lengths": _post("Content-Length: 0, 70", SMUGGLED),
        "length with a sign": _post("Content-Length: +2", "{}" + SMUGGLED),
        "negative length": _post("Content-Length: -1", SMUGGLED),
        "length in hexadecimal": _post("Content-Length: 0x2", "{}" + SMUGGLED),
        "length with a point": _post("Content-Length: 2.0", "{}" + SMUGGLED),
        "length in other digits": _post("Content-Length: \xb2", SMUGGLED),
        "length of a hundred digits": _post(f"Content-Length: {'9' * 100}", "x", 400, 413),
        "length with a space in it": _post("Content-Length: 2 0", SMUGGLED),
        "space before the colon": _post("Content-Length : 70", SMUGGLED),
        "tab before the colon": _post("Transfer-Encoding\t: chunked", _CHUNKED),
        "chunked twice": _post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", _CHUNKED, 400, 501),
        "chunked and identity": _post("Transfer-Encoding: chunked, identity", _CHUNKED, 400, 501),
        "identity": _post("Transfer-Encoding: identity\r\nContent-Length: 0", SMUGGLED, 400, 501),
        "gzip and chunked": _post("Transfer-Encoding: gzip, chunked", _CHUNKED, 400, 501),
        "xchunked": _post("Transfer-Encoding: xchunked\r\nContent-Length: 5", _CHUNKED, 400, 501),
        "chunked in quotes": _post('Transfer-Encoding: "chunked"\r\nContent-Length: 5', _CHUNKED, 400, 501),
        "chunked after a vertical tab": _post("Transfer-Encoding: \x0bchunked\r\nContent-Length: 5", _CHUNKED, 400, 501),
        "chunked on a folded line": _post("Transfer-Encoding:\r\n chunked\r\nContent-Length: 5", _CHUNKED, 400, 501),
        "a folded header": _post("X-A: a\r\n b\r\nContent-Length: 5", _CHUNKED, *_MENDED, mine=True),
        "a folded first header": Raw(text="GET /first HTTP/1.1\r\n X: a\r\nHost: {mine}\r\n\r\n"),
        "chunk size beyond all": _post("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\n" + SMUGGLED, mine=True),
        "chunk size with a sign": _post("Transfer-Encoding: chunked", "-1\r\n" + SMUGGLED, mine=True),
        "chunk size in two words": _post("Transfer-Encoding: chunked", "1 1\r\nx\r\n" + _CHUNKED, *_MENDED, mine=True),
        "chunk that is longer than it says": _post("Transfer-Encoding: chunked", "1\r\nxx\r\n" + _CHUNKED, *_MENDED, mine=True),
        "new line for a line end": Raw(text="GET /first HTTP/1.1\nHost: {mine}\n\n" , statuses=(400, 200, 404), mine=True),
        "carriage return for a line end": Raw(text="GET /first HTTP/1.1\rHost: {mine}\r\r", statuses=(400, 0)),
        "carriage return in a header": _get("Host: {mine}\r\nX-A: a\rX-B: b", *_MENDED, mine=True),
        "NUL in a header": _get("Host: {mine}\r\nX-A: a\0b"),
        "NUL in the name of a header": _get("Host: {mine}\r\nX-\0A: a"),
        "control character in a header": _get("Host: {mine}\r\nX-A: a\x01b", 400, 200, 404, mine=True),
        "a header without a name": _get("Host: {mine}\r\n: a"),
        "a header without a colon": _get("Host: {mine}\r\nwhatever"),
        "a header with a name of other letters": _get("Host: {mine}\r\nX-\xe4: a"),
        "NUL in the path": _get("Host: {mine}", line="GET /first\0x HTTP/1.1"),
        "two spaces in the first line": _get("Host: {mine}", *_MENDED, line="GET  /first HTTP/1.1", mine=True),
        "space in the path": _get("Host: {mine}", line="GET /fi rst HTTP/1.1"),
        "bytes above ASCII in the path": _get("Host: {mine}", 400, 200, 404, line="GET /f\xefrst HTTP/1.1", mine=True),
        "no path": _get("Host: {mine}", line="GET HTTP/1.1"),
        "a path that is none": _get("Host: {mine}", 400, 404, line="GET first HTTP/1.1"),
        "a method that is none": _get("Host: {mine}", line="G@T /first HTTP/1.1"),
        "a version that is none": _get("Host: {mine}", 400, 505, line="GET /first HTTP/1.9x"),
        "HTTP/0.9": Raw(text="GET /first\r\n\r\n", statuses=(400, 0)),
        "HTTP/2 without its preface": _get("Host: {mine}", 400, 505, 200, line="GET /first HTTP/2.0", mine=True),
        "another protocol": Raw(text="EHLO evil\r\n", statuses=(400, 0)),
        "TLS": Raw(text="\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", statuses=(400, 0)),
        "CONNECT": _get("Host: {vip}:443", 400, 403, 404, 405, line="CONNECT {vip}:443 HTTP/1.1"),
        "CONNECT to metadata": _get("Host: 169.254.169.254:80", 400, 403, 404, 405, line="CONNECT 169.254.169.254:80 HTTP/1.1"),
        "TRACE": _get("Host: {vip}", 400, 401, 404, 405, line="TRACE /first HTTP/1.1"),
        "upgrade to cleartext HTTP/2": _get(
            "Host: {vip}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            401, 403, 404,
        ),
        "upgrade to something else": _get("Host: {vip}\r\nConnection: upgrade\r\nUpgrade: raw", 400, 401, 403, 404),
        "WebSocket without a key of ours": _get(
            "Host: {vip}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400, 401, 404,
        ),
        "a request behind one": Raw(
            text="GET /first HTTP/1.1\r\nHost: {mine}\r\n\r\n" + SMUGGLED, statuses=(200, 401, 404), mine=True
        ),
        "headers of a megabyte": _get("Host: {mine}\r\n" + "\r\n".join(f"X-{n}: {'a' * 1000}" for n in range(1000)), 400, 431, 0),
        "one header of a megabyte": _get(f"Host: {{mine}}\r\nX-A: {'a' * 1_000_000}", 400, 431, 0),
        "ten thousand headers": _get("Host: {mine}\r\n" + "\r\n".join(f"X{n}: a" for n in range(10_000)), 400, 431, 0),
        "a path of a megabyte": _get("Host: {mine}", 400, 414, 431, 0, line=f"GET /{'a' * 1_000_000} HTTP/1.1"),
        "a method of a megabyte": _get("Host: {mine}", 400, 431, 0, line=f"{'A' * 1_000_000} / HTTP/1.1"),
    }
)  # fmt: skip

CLAIMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "the id of a key": "X-Turnout-Key-Id: key_vip",
        "the id of a key, in capitals": "X-TURNOUT-KEY-ID: key_vip",
        "the id of a key, twice": "X-Turnout-Key-Id: key_vip\r\nX-Turnout-Key-Id: key_vip",
        "the id of a key, with underscores": "X_Turnout_Key_Id: key_vip",
        "an address": "X-Forwarded-For: 6.6.6.6",
        "addresses": "X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\nX-Forwarded-For: 6.6.6.6",
        "an address, with underscores": "X_Forwarded_For: 6.6.6.6",
        "an address by another name": "X-Real-IP: 6.6.6.6",
        "an address by the standard": "Forwarded: for=6.6.6.6;host=vip.example;proto=https",
        "another host": "X-Forwarded-Host: vip.example",
        "another protocol": "X-Forwarded-Proto: https",
        "another port": "X-Forwarded-Port: 443",
        "another path": "X-Envoy-Original-Path: /admin",
        "a retry": "X-Envoy-Retry-On: 5xx\r\nX-Envoy-Max-Retries: 100",
        "a timeout": "X-Envoy-Upstream-Rq-Timeout-Ms: 1",
        "somebody from inside": "X-Envoy-Internal: true\r\nX-Envoy-External-Address: 6.6.6.6",
        "an attempt": "X-Envoy-Attempt-Count: 7",
        "a header that is to be dropped: address": "Connection: close, X-Forwarded-For",
        "a header that is to be dropped: host": "Connection: X-Forwarded-Host, X-Forwarded-Proto",
        "a header that is to be dropped: id": "Connection: X-Request-Id, X-Turnout-Key-Id",
        "a header of another connection": "Keep-Alive: timeout=1\r\nProxy-Connection: keep-alive\r\nTE: trailers, gzip",
        "a line end that is none": "X-A: a%0d%0aX-Turnout-Key-Id: key_vip",
    }
)
"""Headers with which a client claims something that is for the gateway to say."""
