"""What Envoy is told of checks, and what the sentinel makes of Envoy's questions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.checking.requests import CheckedRequest
from turnout.checking.violations import Place, Violation
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.validation import Validation
from turnout.domain.views import GuardView, ProjectView, RouteView, TargetView
from turnout.gateway import protos
from turnout.gateway.check_messages import asked, refused
from turnout.gateway.feeds import decode_project, encode_project
from turnout.gateway.planner import plan_project
from turnout.gateway.policies.validation import skip_expression
from turnout.gateway.sentinel import Sentinel
from turnout.gateway.shelf import Shelf
from turnout.gateway.specs import SpecFolder, needed_by
from turnout.gateway.watchdog import Watchdog, interrupted

ID = "ab" * 32
SMALL = json.dumps({"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}).encode()


def view(validation: Validation, spec_id: str | None = ID) -> ProjectView:
    """One domain, guarded like this."""
    guard = GuardView(openapi_spec_id=spec_id, validation=validation)
    return ProjectView(
        project_id="p",
        routes=(RouteView(fqdn="a.example", deployment_id="d", guard=guard),),
        targets=(TargetView(deployment_id="d", addresses=()),),
    )


def routes(validation: Validation) -> list[tuple[str, Any]]:
    """The routes of that domain, first to last: what they match, and what the filter is told."""
    configuration = protos.RouteConfiguration.FromString(plan_project(view(validation)).routes[0].body)
    (host,) = configuration.virtual_hosts
    found = []
    for route in host.routes:
        told = protos.ExtAuthzPerRoute()
        own = route.typed_per_filter_config or configuration.typed_per_filter_config
        own["turnout.validation"].Unpack(told)
        match = route.match.safe_regex.regex or ("other bodies" if route.match.headers else route.match.prefix)
        found.append((match, protos.message_to_dict(told, preserving_proto_field_name=True)))
        assert route.route.cluster == "d"
    return found


def test_without_checks_the_filter_is_told_to_pass() -> None:
    """It stands in the chain for everybody."""
    assert routes(Validation()) == [("/", {"disabled": True})]


def test_a_checked_domain_has_a_route_for_each_way_of_being_checked() -> None:
    """All lead to the same deployment, in the same resource as its target."""
    skipped, other, everything = routes(Validation(enabled=True, skip=("/docs",), max_body_kib=2))
    assert skipped == (r"/docs", {"disabled": True})
    assert other == ("other bodies", {"check_settings": {
        "context_extensions": {"spec": ID, "body": "unread"}, "disable_request_body_buffering": True}})  # fmt: skip
    assert everything == ("/", {"check_settings": {
        "context_extensions": {"spec": ID, "body": "read"},
        "with_request_body": {"max_request_bytes": 2048, "pack_as_bytes": True}}})  # fmt: skip


def test_checks_without_a_document_are_refused() -> None:
    """The domain keeps what it had; it is never open."""
    with pytest.raises(Invalid, match="has no OpenAPI document"):
        plan_project(view(Validation(enabled=True), None))


def test_a_snapshot_from_before_checks_nothing() -> None:
    """And one from now survives its line."""
    old = encode_project(view(Validation()))
    assert b"validation" not in old
    assert decode_project(old) == view(Validation())
    new = view(Validation(enabled=True, skip=("/x/*",), max_body_kib=5))
    assert decode_project(encode_project(new)) == new
    assert (needed_by([new]), needed_by([view(Validation())])) == (frozenset({ID}), frozenset())


PIECE = st.sampled_from(["a", "B", "-", ".", "%20", "%2f", "%2E", "%5C", "%25", "\\", "x*y", "(", "+"])


@given(st.lists(st.sampled_from(["a", "b.c", "*", "x*y"]), min_size=1, max_size=3), st.booleans(),
       st.lists(st.lists(PIECE, max_size=3).map("".join), min_size=1, max_size=5))  # fmt: skip
def test_a_skipped_path_is_one_that_every_app_reads_alike(parts: list[str], below: bool, segments: list[str]) -> None:
    """Compared with the plain meaning: segment by segment, `*` for anything, at the end for everything below."""
    pattern = "/" + "/".join([*parts, "*"] if below else parts)
    path = "/" + "/".join(segments)
    ends_with_star = pattern.endswith("/*")
    wanted = pattern.split("/")[1:]
    fixed = wanted[:-1] if ends_with_star else wanted
    fits = len(segments) > len(fixed) if ends_with_star else len(segments) == len(fixed)
    fits = fits and all(
        re.fullmatch(".*".join(map(re.escape, want.split("*"))), have)
        for want, have in zip(fixed, segments, strict=False)
    )
    unclear = re.search(r"\\|%(2f|5c|2e|25)", path, re.IGNORECASE) is not None
    assert (re.fullmatch(skip_expression(pattern), path) is not None) == (fits and not unclear)


def question(protocol: str = "HTTP/1.1", body: bytes = b"", read: str = "read", **headers: bytes) -> Any:
    """As Envoy asks it."""
    message = protos.CheckRequest()
    message.attributes.context_extensions.update({"spec": ID, "body": read})
    http = message.attributes.request.http
    http.protocol, http.raw_body = protocol, body
    for name, value in ({":method": b"GET", ":path": b"/x?y=%FF"} | headers).items():
        http.header_map.headers.add(key=name.replace("_", "-"), raw_value=value)
    return message


def test_a_question_is_read_byte_by_byte() -> None:
    """Nothing is decoded, or forgotten because it was there twice."""
    message = question(body=b"\xff", Accept=b"a", content_type=b"t\xe9xt")
    message.attributes.request.http.header_map.headers.add(key="accept", raw_value=b"b")
    spec_id, request = asked(message)
    assert spec_id == ID
    assert (request.method, request.target, request.body) == ("GET", "/x?y=%FF", b"\xff")
    assert request.headers == (("accept", "a"), ("content-type", "t\xe9xt"), ("accept", "b"))


@pytest.mark.parametrize(
    ("protocol", "read", "headers", "unread"),
    [
        ("HTTP/1.1", "read", {"content_length": b"5"}, False),
        ("HTTP/1.1", "unread", {"content_length": b"5"}, True),
        ("HTTP/1.1", "unread", {"transfer_encoding": b"chunked"}, True),
        ("HTTP/1.1", "unread", {"content_length": b"0"}, False),
        ("HTTP/1.1", "unread", {}, False),
        ("HTTP/2", "unread", {}, True),
        ("HTTP/1.1", "", {"content_length": b"5"}, True),
    ],
)
def test_what_was_not_shown_is_not_taken_for_nothing(
    protocol: str, read: str, headers: dict[str, bytes], unread: bool
) -> None:
    """Only HTTP/1 says beforehand that there is no body."""
    assert asked(question(protocol, read=read, **headers))[1].body_unread is unread


def sentinel(folder: Path, **more: Any) -> Sentinel:
    """One in this process."""
    return Sentinel(SpecFolder(folder), Watchdog(folder / "checking", cpu_seconds=30), **more)


async def test_whatever_goes_wrong_is_a_no(tmp_path: Path) -> None:
    """No document, a broken one, a question without a path, a document set aside."""
    made = sentinel(tmp_path, aside=["cd" * 32])
    folder = SpecFolder(tmp_path)
    statuses = [(await made.Check(protos.CheckRequest(), None)).denied_response.status.code]
    statuses.append((await made.Check(question(), None)).denied_response.status.code)
    folder.write(ID, b"{")
    statuses.append((await made.Check(question(), None)).denied_response.status.code)
    other = question()
    for spec_id in ("cd" * 32, "../../etc/passwd"):
        other.attributes.context_extensions["spec"] = spec_id
        statuses.append((await made.Check(other, None)).denied_response.status.code)
    assert statuses == [503] * 5


async def test_a_good_request_passes_and_a_bad_one_is_told_why(tmp_path: Path) -> None:
    """In the fields that Envoy takes the answer from."""
    SpecFolder(tmp_path).write(ID, SMALL)
    made = sentinel(tmp_path)
    good = await made.Check(question(), None)
    assert (good.status.code, good.HasField("denied_response")) == (0, False)
    bad = refused([Violation(place=Place.QUERY, name="limit", detail="é")])
    assert (bad.status.code, bad.denied_response.status.code) == (7, 400)
    assert json.loads(bad.denied_response.body)["violations"] == [{"in": "query", "name": "limit", "detail": "é"}]


def test_the_shelf_keeps_to_its_budget(tmp_path: Path) -> None:
    """What was used longest ago goes first, and is read again when it is asked for."""
    folder = SpecFolder(tmp_path)
    ids = [f"{n:064x}" for n in range(4)]
    for spec_id in ids:
        folder.write(spec_id, SMALL)
    shelf = Shelf(folder, text=len(SMALL) * 2, schemas=0)
    first = shelf.take(ids[0])
    for spec_id in (*ids[1:3], ids[0], ids[3]):
        kept = shelf.take(spec_id)
        shelf.tidy()
    assert kept.size == 0
    folder.remove(ids)
    assert shelf.take(ids[0]) is not first
    assert shelf.take(ids[3])
    with pytest.raises(NotFound):
        shelf.take(ids[1])


def test_the_watchdog_leaves_a_name_only_while_it_watches(tmp_path: Path) -> None:
    """So that whoever finds one knows what was going on when the process ended."""
    file = tmp_path / "checking"
    assert interrupted(file) is None
    watchdog = Watchdog(file, cpu_seconds=30)
    with watchdog.watching(ID):
        assert interrupted(file) == ID
    assert interrupted(file) is None


def test_preflights_and_upgrades_are_known_by_their_headers() -> None:
    """And a preflight has no body."""
    asks = (("origin", "x"), ("access-control-request-method", "PUT"))
    assert CheckedRequest(method="OPTIONS", target="/", headers=asks).is_preflight
    assert not CheckedRequest(method="OPTIONS", target="/", headers=asks, body=b"x").is_preflight
    assert not CheckedRequest(method="OPTIONS", target="/", headers=asks, body_unread=True).is_preflight
    assert not CheckedRequest(method="POST", target="/", headers=asks).is_preflight
    assert CheckedRequest(method="POST", target="/", headers=(("upgrade", "h2c, WebSocket"),)).is_upgrade


def test_every_route_to_a_checked_app_is_asked_about_or_skipped_by_name() -> None:
    """Whatever other policies add: none of the ways to the app is left to the default by mistake."""
    configuration = protos.RouteConfiguration.FromString(
        plan_project(view(Validation(enabled=True, skip=("/docs", "/up/*")))).routes[0].body
    )
    for route in configuration.virtual_hosts[0].routes:
        is_skipped = route.match.safe_regex.regex in (skip_expression("/docs"), skip_expression("/up/*"))
        if route.HasField("route"):
            assert ("turnout.validation" in route.typed_per_filter_config) is not is_skipped
