"""Requests of HTTP/2 that HTTP/1.1 would read as something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Fields in their order, and a body."""

    fields: tuple[tuple[str, str], ...]
    statuses: tuple[int, ...] = (400, 0)
    """What the answer may be; 0: the stream, or the connection, is ended."""
    mine: bool = False
    body: bytes = b""

    def headers(self, **names: str) -> list[tuple[str, str]]:
        """With these host names."""

        def filled(text: str) -> str:
            for name, value in names.items():
                text = text.replace(f"{{{name}}}", value)
            return text

        return [(filled(name), filled(value)) for name, value in self.fields]


def _with(
    *more: tuple[str, str],
    host: str = "{mine}",
    path: str = "/first",
    method: str = "GET",
    statuses: tuple[int, ...] = (400, 0),
    mine: bool = False,
    body: bytes = b"",
) -> Frames:
    pseudo = ((":method", method), (":scheme", "http"), (":authority", host), (":path", path))
    return Frames(fields=(*pseudo, *more), statuses=statuses, mine=mine, body=body)


_NOT_FOUND: Final = (400, 404, 0)

FRAMES: Final[Mapping[str, Frames]] = MappingProxyType(
    {
        "another host beside the authority": _with(("host", "{vip}"), statuses=(400, 200, 0), mine=True),
        "another authority beside the host": _with(("host", "{mine}"), host="{vip}", statuses=(400, 401, 0)),
        "two authorities": _with((":authority", "{vip}")),
        "two paths": _with((":path", "/smuggled")),
        "two methods": _with((":method", "DELETE")),
        "a pseudo header behind others": Frames(
            fields=((":method", "GET"), (":scheme", "http"), ("x-a", "a"), (":authority", "{mine}"), (":path", "/first"))
        ),
        "a pseudo header that is none": _with((":host", "{vip}")),
        "no authority": Frames(
            fields=((":method", "GET"), (":scheme", "http"), (":path", "/first")), statuses=_NOT_FOUND
        ),
        "no path": Frames(fields=((":method", "GET"), (":scheme", "http"), (":authority", "{mine}"))),
        "an empty path": _with(path=""),
        "a path that is none": _with(path="first", statuses=_NOT_FOUND),
        "a path with a line end": _with(path="/first HTTP/1.1\r\nHost: {vip}\r\n\r\nGET /smuggled"),
        "a path with a space": _with(path="/first HTTP/1.1"),
        "a path with NUL": _with(path="/first\0"),
        "an absolute path": _with(path="http://{vip}/first", statuses=_NOT_FOUND),
        "a method with a line end": _with(method="GET /smuggled HTTP/1.1\r\nHost: {vip}\r\n\r\nGET"),
        "a method with a space": _with(method="GET /smuggled"),
        "an authority with a line end": _with(host="{mine}\r\nX-Turnout-Key-Id: key_vip", statuses=_NOT_FOUND),
        "an authority with userinfo": _with(host="{mine}@{vip}", statuses=_NOT_FOUND),
        "an authority with a path": _with(host="{vip}/{mine}", statuses=_NOT_FOUND),
        "an authority with a comma": _with(host="{mine},{vip}", statuses=_NOT_FOUND),
        "an authority in capitals": _with(host="VIP.EXAMPLE", statuses=(401,)),
        "an authority with a port and a dot": _with(host="{vip}.:99", statuses=(401, 404)),
        "a value with a line end": _with(("x-a", "a\r\nx-turnout-key-id: key_vip")),
        "a value with a new line": _with(("x-a", "a\nx-turnout-key-id: key_vip")),
        "a value with a carriage return": _with(("x-a", "a\rb")),
        "a value with NUL": _with(("x-a", "a\0b")),
        "a name with a line end": _with(("x-a\r\nx-turnout-key-id", "key_vip")),
        "a name with a colon": _with(("x-a: a\r\nx-b", "b")),
        "a name in capitals": _with(("X-A", "a")),
        "a name with a space": _with(("x a", "a")),
        "no name": _with(("", "a")),
        "chunked": _with(("transfer-encoding", "chunked"), method="POST", body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        # Headers are passed on as they come, and what follows shows the lie: the app sees a request that never ends.
        "a length that is less": _with(
            ("content-length", "1"), method="POST", body=b"xGET /smuggled HTTP/1.1\r\n\r\n", mine=True
        ),
        "a length that is more": _with(("content-length", "99"), method="POST", body=b"x", mine=True),
        "two lengths": _with(("content-length", "1"), ("content-length", "2"), method="POST", body=b"x"),
        "a length that is none": _with(("content-length", "one"), method="POST", body=b"x"),
        "of one connection": _with(("connection", "x-forwarded-for")),
        "an upgrade": _with(("upgrade", "websocket"), ("connection", "upgrade")),
        "te": _with(("te", "gzip"), statuses=(400, 200, 0), mine=True),
        "CONNECT": Frames(
            fields=((":method", "CONNECT"), (":authority", "{vip}:443")), statuses=(400, 403, 404, 405, 0)
        ),
        "CONNECT with a protocol": Frames(
            fields=(
                (":method", "CONNECT"), (":protocol", "connect-udp"), (":scheme", "http"), (":authority", "{vip}"),
                (":path", "/first"),
            ),
            statuses=(400, 401, 403, 404, 0),
        ),
        "a WebSocket without a key of ours": Frames(
            fields=(
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "{vip}"),
                (":path", "/first"),
            ),
            statuses=(400, 401, 403, 404, 0),
        ),
        "another scheme": Frames(
            fields=((":method", "GET"), (":scheme", "https"), (":authority", "{vip}"), (":path", "/first")),
            statuses=(400, 401, 0),
        ),
        "a scheme that is none": Frames(
            fields=((":method", "GET"), (":scheme", "a b\r\n"), (":authority", "{vip}"), (":path", "/first")),
            statuses=(400, 401, 0),
        ),
        "the id of a key": _with(("x-turnout-key-id", "key_vip"), host="{vip}", statuses=(401,)),
        "a cookie in pieces": _with(*((("cookie", "a=b"),) * 20), statuses=(200,), mine=True),
        "headers beyond all": _with(*((f"x-{n}", "a" * 1000) for n in range(200)), statuses=(400, 431, 0)),
    }
)  # fmt: skip
