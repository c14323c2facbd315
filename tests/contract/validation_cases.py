"""Requests to the two apps: those that keep to their documents, and those that break them, with what is to be said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

ID: Final = "0b6a3c6e-5d0e-4b4e-9a53-111111111111"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Case:
    """One request, and the violations it has: where, and of which name. None: it may pass."""

    method: str
    target: str
    violations: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        told = " ".join(f"{place}:{name}" for place, name in self.violations)
        return f"{self.method} {self.target[:50]} {told}"


def good(method: str, target: str, body: Any = None, content_type: str | None = None, **headers: str) -> Case:
    """Keeps to the document."""
    return _case(method, target, (), body, content_type=content_type, headers=headers)


def bad(
    method: str, target: str, *violations: str, body: Any = None, content_type: str | None = None, **headers: str
) -> Case:
    """Breaks it: each violation as `place:name`."""
    told = tuple(sorted((place, name) for place, _, name in (each.partition(":") for each in violations)))
    return _case(method, target, told, body, content_type=content_type, headers=headers)


def _case(method: str, target: str, told: Any, body: Any, *, content_type: str | None, headers: dict[str, str]) -> Case:
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if raw is not None and content_type is None:
        content_type = JSON
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Case(method, target, told, raw, content_type or None, sent)


CAT: Final = {"type": "cat", "indoor": True}
PET: Final = {"name": "Tom", "kind": CAT}


def pet(**other: Any) -> dict[str, Any]:
    """A pet that is as it should be, but for these."""
    return PET | other


PETS_GOOD: Final = (
    good("GET", "/pets"),
    good("HEAD", "/pets?limit=1"),
    good("GET", "/pets?limit=100&unknown=1"),
    good("GET", "/pets?tags=ab,cd,ef"),
    good("GET", "/pets?status=sold&status=pending"),
    good("GET", "/pets?born[after]=2020-02-29&born%5Bbefore%5D=2021-01-01"),
    good("GET", "/pets?near=%7B%22lat%22:-90,%22lon%22:179.9%7D"),
    good("GET", "/pets?vaccinated"),
    good("GET", "/pets?vaccinated=false", cookie="other=1; session=abcdefgh"),
    good("GET", "/pets", x_trace=ID),
    good("GET", "/pets/mine"),
    good("GET", "/p%65ts/mine"),
    good("GET", "/pets/9007199254740993"),
    good("GET", "/pets/5", if_match_version="-3"),
    good("GET", "/x/../pets/5"),
    good("DELETE", "/pets/5"),
    good("POST", "/pets", pet()),
    good("POST", "/pets", pet(), f"{JSON}; charset=UTF-8"),
    good("POST", "/pets", pet(id=7, nickname=None, price=19.99, born="2020-01-01", email="a@b.example")),
    good("POST", "/pets", pet(parents=[pet(), pet(parents=[pet(kind={"type": "dog", "commands": ["sit"]})])])),
    good("POST", "/pets", pet(labels={"a": "1"}, status="sold")),
    good("PUT", "/pets/5", pet(), x_reason="move"),
    good("POST", "/pets/5", b"name=Tom+Cat&age=3", FORM),
    good("POST", "/pets/5", b"name=%C3%A9", f"{FORM};charset=utf-8"),
    good("PUT", "/pets/5/photo", b"\x89PNG", "image/png"),
    good("PUT", "/pets/5/photo", b"\0" * 3_000_000, "application/octet-stream"),
    good("PUT", "/pets/5/photo", b"--x\r\n\r\n--x--", 'multipart/form-data; boundary="x"'),
    good("POST", "/pets/5/notes", b"He sleeps.", "text/plain"),
    good("POST", "/pets/5/notes"),
    good("GET", "/reports/2024-12.csv"),
)

PETS_BAD: Final = (
    bad("GET", "/nothing", "path:/api/v1/nothing"),
    bad("GET", "/pets/", "path:/api/v1/pets/"),
    bad("GET", "/pets/5/unknown", "path:/api/v1/pets/5/unknown"),
    bad("GET", "/Pets", "path:/api/v1/Pets"),
    bad("GET", "/pets/mine%2f", "path:/api/v1/pets/mine%2f"),
    bad("GET", "/pets/..%2fadmin", "path:/api/v1/pets/..%2fadmin"),
    bad("GET", "/pets%5C5", "path:/api/v1/pets%5C5"),
    bad("GET", "//pets", "path:/api/v1//pets"),
    bad("PATCH", "/pets/5", "method:PATCH"),
    bad("POST", "/pets/mine", "path:petId", "body:"),
    bad("OPTIONS", "/pets", "method:OPTIONS"),
    bad("GET", "/pets/0", "path:petId"),
    bad("GET", "/pets/x", "path:petId"),
    bad("GET", "/pets/5.5", "path:petId"),
    bad("GET", "/pets/9223372036854775808", "path:petId"),
    bad("GET", "/pets/%31%32x", "path:petId"),
    bad("GET", "/pets?limit=0", "query:limit"),
    bad("GET", "/pets?limit=101", "query:limit"),
    bad("GET", "/pets?limit=", "query:limit"),
    bad("GET", "/pets?limit=5&limit=6", "query:limit"),
    bad("GET", "/pets?li%6Dit=x", "query:limit"),
    bad("GET", "/pets?limit=5&tags=a", "query:tags"),
    bad("GET", "/pets?tags=ab,ab", "query:tags"),
    bad("GET", "/pets?tags=ab,cd,ef,gh", "query:tags"),
    bad("GET", "/pets?status=lost", "query:status"),
    bad("GET", "/pets?born[after]=2020-02-30", "query:born"),
    bad("GET", "/pets?born[later]=2020-02-20", "query:born"),
    bad("GET", "/pets?born=2020-02-20", "query:born"),
    bad("GET", "/pets?near=%7B%22lat%22:1%7D", "query:near"),
    bad("GET", "/pets?near=%7B%22lat%22:1,%22lon%22:180%7D", "query:near"),
    bad("GET", "/pets?near=nowhere", "query:near"),
    bad("GET", "/pets?vaccinated=maybe", "query:vaccinated"),
    bad("GET", "/pets?limit=x&status=y&vaccinated=z", "query:limit", "query:status", "query:vaccinated"),
    bad("GET", "/pets?limit=%FF", "query:limit"),
    bad("GET", "/pets", "cookie:session", cookie="session=short"),
    bad("GET", "/pets", "cookie:session", cookie="session=abcdefgh; session=abcdefgi"),
    bad("GET", "/pets", "header:X-Trace", x_trace="1"),
    bad("GET", "/pets/5", "header:If-Match-Version", if_match_version="three"),
    bad("PUT", "/pets/5", "header:X-Reason", body=pet()),
    bad("PUT", "/pets/5", "header:X-Reason", body=pet(), x_reason="because"),
    bad("POST", "/pets", "body:"),
    bad("POST", "/pets", "body:", body=b"", content_type=JSON),
    bad("POST", "/pets", "body:", body=b"{"),
    bad("POST", "/pets", "body:", body=b"null"),
    bad("POST", "/pets", "body:", body=b'{"name": "Tom"}'),
    bad("POST", "/pets", "body:", body=json.dumps(pet()).encode() + b" trailing"),
    bad("POST", "/pets", "body:", body=b'{"name": "a", "name": "b", "kind": {"type": "dog"}}'),
    bad("POST", "/pets", "body:", body=b'{"name": "a", "price": NaN, "kind": {"type": "dog"}}'),
    bad("POST", "/pets", "body:", body=b"\xff\xfe"),
    bad("POST", "/pets", "body:", body=b'{"name": "\\ud800", "kind": {"type": "dog"}}'),
    bad("POST", "/pets", "body:", body=b"[" * 100_000),
    bad("POST", "/pets", "body:", body=json.dumps(pet()).encode("utf-16")),
    bad("POST", "/pets", "body:/name", body=pet(name="")),
    bad("POST", "/pets", "body:/name", body=pet(name=5)),
    bad("POST", "/pets", "body:/kind", body=pet(kind={"type": "cat"})),
    bad("POST", "/pets", "body:/kind", body=pet(kind=CAT | {"extra": 1})),
    bad("POST", "/pets", "body:/price", body=pet(price=0)),
    bad("POST", "/pets", "body:/price", body=pet(price=0.001)),
    bad("POST", "/pets", "body:/status", "body:/status", body=pet(status=None)),
    bad("POST", "/pets", "body:/nickname", body=pet(nickname="much too long")),
    bad("POST", "/pets", "body:/born", body=pet(born="yesterday")),
    bad("POST", "/pets", "body:/email", body=pet(email="nobody")),
    bad("POST", "/pets", "body:/parents", body=pet(parents=[pet(), pet(), pet()])),
    bad("POST", "/pets", "body:/parents/0/name", body=pet(parents=[pet(name="")])),
    bad("POST", "/pets", "body:/labels/a~1b", body=pet(labels={"a/b": 1})),
    bad("POST", "/pets", "body:", body=pet(extra=1)),
    bad("POST", "/pets", "body:", "body:/name", "body:/price", body=pet(name="", price=-1, extra=1)),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type="text/plain"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type="application/xml"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type="application/jsonp"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type="json"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type=f"{JSON}, text/plain"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type=f"multipart/form-data, {JSON}"),
    bad("POST", "/pets", "header:content-type", body=pet(), content_type=f"{JSON}; charset=utf-16"),
    bad("POST", "/pets", "header:content-encoding", body=pet(), content_encoding="gzip"),
    bad("GET", "/pets", "body:", body=b"{}"),
    bad("DELETE", "/pets/5", "body:", body=b"x", content_type="application/octet-stream"),
    bad("POST", "/pets/5", "body:", body=b"age=3", content_type=FORM),
    bad("POST", "/pets/5", "body:/age", body=b"name=Tom&age=old", content_type=FORM),
    bad("POST", "/pets/5", "body:", body=b"name=Tom&name=Cat", content_type=FORM),
    bad("POST", "/pets/5", "body:", body=b"name=Tom&sex=f", content_type=FORM),
    bad("POST", "/pets/5", "header:content-type", body={"name": "Tom"}),
    bad("PUT", "/pets/5/photo", "header:content-type", body=b"x", content_type="video/mp4"),
    bad("PUT", "/pets/5/photo", "body:"),
    bad("PUT", "/pets/x/photo", "path:petId", body=b"x", content_type="image/png"),
    bad("POST", "/pets/5/notes", "body:", body=b"x" * 201, content_type="text/plain"),
    bad("GET", "/reports/1999-12.csv", "path:year"),
    bad("GET", "/reports/2024-13.exe", "path:month", "path:format"),
    bad("GET", "/reports/2024.csv", "path:/api/v1/reports/2024.csv"),
    bad("POST", "/pets", "method:POST", body=pet(name=""), connection="Upgrade", upgrade="websocket"),
    bad("GET", "/pets?limit=x", "query:limit", connection="Upgrade", upgrade="websocket"),
)

CARD: Final = {"type": "card", "number": "123456789012"}
LINE: Final = {"sku": "abc", "count": 1}


def order(**other: Any) -> dict[str, Any]:
    """An order that is as it should be, but for these."""
    return {"lines": [LINE], "payment": CARD} | other


ORDERS_GOOD: Final = (
    good("GET", "/orders"),
    good("GET", f"/orders?limit=50&before={ID}&size=s&size=m&paid=true"),
    good("GET", "/orders", x_tenant="acme", cookie="theme=dark"),
    good("POST", "/orders", order()),
    good("POST", "/orders", order(payment={"type": "invoice", "days": 90}, note=None, labels={"a": 1})),
    good("POST", "/orders", order(lines=[LINE | {"size": "m"}, LINE | {"size": None}], note="soon")),
    good("POST", "/orders", order(wanted_by="2030-01-01T12:00:00Z", unknown="ignored")),
    good("GET", f"/orders/{ID}"),
    good("PATCH", f"/orders/{ID}/count/4", {"count": 2}),
    good("PUT", f"/orders/{ID}/scores", [0, 0.5, 1]),
    good("PUT", "/files/a%20b.bin", b"x" * 2_000_000, "application/octet-stream"),
    good("GET", "/events"),
)

ORDERS_BAD: Final = (
    bad("GET", "/", "path:/"),
    bad("GET", "/internal", "path:/internal"),
    bad("GET", "/openapi.json", "path:/openapi.json"),
    bad("DELETE", "/orders", "method:DELETE"),
    bad("GET", "/orders?limit=51", "query:limit"),
    bad("GET", "/orders?limit=null", "query:limit"),
    bad("GET", "/orders?before=1", "query:before"),
    bad("GET", "/orders?size=xl", "query:size"),
    bad("GET", "/orders?size=s&size=m&size=s", "query:size"),
    bad("GET", "/orders?paid=perhaps", "query:paid"),
    bad("GET", "/orders", "header:x-tenant", x_tenant="ACME"),
    bad("GET", "/orders", "cookie:theme", cookie="theme=pink"),
    bad("GET", "/orders/1", "path:order_id"),
    bad("POST", "/orders", "body:/lines", body=order(lines=[])),
    bad("POST", "/orders", "body:/lines", body=order(lines=[LINE] * 6)),
    bad("POST", "/orders", "body:/lines/0/count", body=order(lines=[LINE | {"count": 0}])),
    bad("POST", "/orders", "body:/lines/0", body=order(lines=[LINE | {"free": True}])),
    bad("POST", "/orders", "body:/lines/0/size", body=order(lines=[LINE | {"size": "xl"}])),
    bad("POST", "/orders", "body:/payment/type", body=order(payment={"type": "cash"})),
    bad("POST", "/orders", "body:/payment", body=order(payment={"number": "123456789012"})),
    bad("POST", "/orders", "body:/payment/number", body=order(payment=CARD | {"number": "1"})),
    bad("POST", "/orders", "body:/payment/days", body=order(payment={"type": "invoice", "days": 91})),
    bad("POST", "/orders", "body:/note", body=order(note="x" * 21)),
    bad("POST", "/orders", "body:/wanted_by", body=order(wanted_by="tomorrow")),
    bad("POST", "/orders", "body:/labels/a", body=order(labels={"a": "one"})),
    bad("POST", "/orders", "body:", body=[order()]),
    bad("PATCH", f"/orders/{ID}/count/5", "path:index", "body:/count", body={"count": 0}),
    bad("PATCH", f"/orders/{ID}/count/0", "body:"),
    bad("PUT", f"/orders/{ID}/scores", "body:/1", body=[1, 1.1]),
    bad("PUT", f"/orders/{ID}/scores", "body:/0", body=["1"]),
    bad("PUT", "/files/a", "header:content-type", body=b"{}"),
    bad("PUT", "/files/a%2Fb", "path:/files/a%2Fb", body=b"x", content_type="application/octet-stream"),
)
