"""Bodies that are no good JSON, or not the one that is asked for, and how a body may lie about itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_DEEP: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent, and with which headers."""

    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    statuses: tuple[int, ...] = (400,)


def _json(content: bytes, *statuses: int) -> Body:
    return Body(content=content, statuses=statuses or (400,))


def _as(content_type: str, content: bytes) -> Body:
    return Body(content=content, headers={"content-type": content_type}, statuses=(400, 415))


GOOD: Final = b'{"name": "made"}'

BODIES: Final[Mapping[str, Body]] = MappingProxyType(
    {
        "nothing": _json(b""),
        "a word": _json(b"hello"),
        "null": _json(b"null"),
        "true": _json(b"true"),
        "a number": _json(b"7"),
        "a text": _json(b'"text"'),
        "a list": _json(b"[]"),
        "a list of the right thing": _json(b"[" + GOOD + b"]"),
        "an unknown field": _json(b'{"no_such_field": 1}'),
        "a prototype": _json(b'{"__proto__": {"access": "admin"}, "constructor": {}}'),
        "a half": _json(GOOD[:-3]),
        "two": _json(GOOD + GOOD),
        "a comma at the end": _json(b'{"name": "made",}'),
        "comments": _json(b'{"name": /* hidden */ "made"}'),
        "single quotes": _json(b"{'name': 'made'}"),
        "not a number": _json(b'{"x": NaN}'),
        "infinity": _json(b'{"x": -Infinity}'),
        "a number beyond all": _json(b'{"x": 1e999999}'),
        "a number of 100,000 digits": _json(b'{"x": ' + b"9" * 100_000 + b"}"),
        "lists in lists": _json(b"[" * _DEEP),
        "closed lists in lists": _json(b'{"x": ' + b"[" * _DEEP + b"]" * _DEEP + b"}"),
        "objects in objects": _json(b'{"x":' * _DEEP + b"1" + b"}" * _DEEP),
        "invalid UTF-8": _json(b'{"name": "\xff\xfe"}'),
        "overlong UTF-8": _json(b'{"name": "\xc0\xaf"}'),
        "half a surrogate pair": _json(b'{"name": "\\ud800"}'),
        "half a surrogate pair as a field": _json(b'{"\\ud800": 1}'),
        "NUL": _json(b'{"name": "a\\u0000b"}'),
        "NUL as it is": _json(b'{"name": "a\x00b"}'),
        "UTF-16": _json('{"x": 1}'.encode("utf-16")),
        "a mark of bytes": _json(b"\xef\xbb\xbf" + b'{"no_such_field": 1}'),
        "a field of a megabyte": _json(b'{"' + b"a" * 900_000 + b'": 1}'),
        "100,000 fields": _json(json.dumps({f"f{n}": n for n in range(60_000)}).encode()),
        "more than is allowed": _json(b" " * (1024 * 1024 + 1), 413),
        "much more than is allowed": _json(b'{"name": "' + b"a" * (3 * 1024 * 1024) + b'"}', 413),
        "compressed": Body(
            content=gzip.compress(GOOD), headers={"content-type": "application/json", "content-encoding": "gzip"}
        ),
        "a bomb": Body(
            content=gzip.compress(b" " * 50_000_000),
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        ),
        "as plain text": _as("text/plain", GOOD),
        "as nothing": Body(content=GOOD, headers={}, statuses=(400, 415)),
        "as a form": _as("application/x-www-form-urlencoded", b"name=made"),
        "as parts": _as("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nmade\r\n--x--'),
        "as XML": _as("application/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><name>&b;</name>'),
        "as YAML": _as("application/yaml", b"name: !!python/object/apply:os.system ['id']"),
        "as pickle": _as("application/octet-stream", b"cposix\nsystem\n(S'id'\ntR."),
        "as a type with new lines": _as("application/json;\tcharset=utf-7", b"+AHs-"),
    }
)  # fmt: skip
