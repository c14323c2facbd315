"""Requests held against the app's OpenAPI document: who is asked about which request, in the words of Envoy.

The filter stands in the chain for everybody and asks the sentinel, a process beside Envoy, about each request, unless
its route configuration says that there is nothing to ask (`default`) and its route says no more. It is not one that
routes switch on: the chain is made before the host name is lower-cased, so such a filter would be skipped for
`Shop.Example`. While the sentinel is away the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from turnout.checking.media import READ_PATTERN
from turnout.domain.errors import Invalid
from turnout.domain.validation import Validation
from turnout.domain.views import ProjectView, RouteView
from turnout.gateway import protos

SENTINEL_CLUSTER: Final = "turnout-sentinel"
SPEC: Final = "spec"
"""Tells the sentinel which document the request is held against."""
BODY: Final = "body"
"""Tells the sentinel whether it is shown the body: `read` or `unread`."""

_NAME: Final = "turnout.validation"
_DEFAULT_BODY_KIB: Final = 1024
_TIMEOUT: Final = "5s"

_SAFE_ESCAPE: Final = r"%(?:[013467889a-fA-F][0-9a-fA-F]|2[0-46-9a-dA-D]|5[0-9abABdDeEfF])"
"""An escape that stands for no dot, slash, backslash or percent sign: apps differ in when they take those apart, and
`/upload/..%2Fadmin` must not pass as an upload."""
_WITHIN: Final = rf"(?:[^/%\\]|{_SAFE_ESCAPE})*"
_BELOW: Final = rf"(?:[^%\\]|{_SAFE_ESCAPE})*"


def filters() -> list[dict[str, Any]]:
    """The filter, closed where no route says otherwise."""
    return [
        {
            "name": _NAME,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": SENTINEL_CLUSTER}, "timeout": _TIMEOUT},
                "failure_mode_allow": False,
                "status_on_error": {"code": 503},
                "with_request_body": {"max_request_bytes": _DEFAULT_BODY_KIB * 1024, "pack_as_bytes": True},
                # As they came: a header that is there twice is one thing to this app and another to that one.
                "encode_raw_headers": True,
            },
        }
    ]


def replies() -> list[dict[str, Any]]:
    """How its answers look: the sentinel's own words, and ours where it says nothing."""
    return [
        {
            "filter": _because("ext_authz_denied"),
            "body_format_override": {
                "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
                "content_type": "application/problem+json",
            },
        },
        _problem(
            "ext_authz_error",
            "Requests cannot be checked",
            "What checks requests against this app's OpenAPI document does not answer at the moment. Nothing passes "
            "unchecked; try again soon.",
        ),
        _problem(
            "request_payload_too_large",
            "Too large",
            "The body is larger than this app takes (`max_body_kib` in the [openapi] table of its turnout.toml).",
        ),
    ]


def guard_project(configuration: Any, _view: ProjectView) -> None:
    """What holds for each route of a project that says nothing else: there is nothing to ask."""
    configuration.typed_per_filter_config[_NAME].CopyFrom(_OFF)


def guard(host: Any, route: RouteView, _view: ProjectView) -> None:
    """Say for each route to the app what is asked. It has to be the last guard, since it makes several of one.

    Raises Invalid when there is nothing to check against: such a domain keeps what it had.
    """
    validation = route.guard.validation if route.guard is not None else Validation()
    if route.guard is None or not validation.enabled:
        return
    spec_id = route.guard.openapi_spec_id
    if spec_id is None:
        raise Invalid(f"cannot check the requests of {route.fqdn}: {route.deployment_id} has no OpenAPI document")
    entries = [made for entry in host.routes for made in _taken_apart(entry, spec_id, validation)]
    del host.routes[:]
    host.routes.extend(entries)


def _taken_apart(entry: Any, spec_id: str, validation: Validation) -> Iterator[Any]:
    """One route becomes: what is skipped, what is checked without its body, and everything else."""
    if not entry.HasField("route"):  # an answer of the gateway's own
        yield entry
        return
    for pattern in validation.skip:
        skipped = _copy(entry)
        skipped.match.safe_regex.regex = skip_expression(pattern)
        yield skipped
    streamed = _copy(entry)
    streamed.match.headers.add(name="content-type", present_match=True)
    other = streamed.match.headers.add(name="content-type", invert_match=True)
    other.string_match.safe_regex.regex = READ_PATTERN
    unread = _check(spec_id, validation, read=False)
    streamed.typed_per_filter_config[_NAME].Pack(unread, deterministic=True)
    yield streamed
    entry.typed_per_filter_config[_NAME].Pack(_check(spec_id, validation, read=True), deterministic=True)
    yield entry


def skip_expression(pattern: str) -> str:
    """A pattern of `skip` as a regular expression over a whole path, the query left out."""
    below = pattern.endswith("/*")
    pieces = (pattern[:-1] if below else pattern).split("*")
    return _WITHIN.join(map(_literal, pieces)) + (_BELOW if below else "")


def _literal(text: str) -> str:
    """What stands for itself, for RE2."""
    return "".join(each if each.isalnum() or each in "/_~" else f"\\{each}" for each in text)


def _check(spec_id: str, validation: Validation, *, read: bool) -> Any:
    settings = protos.CheckSettings(context_extensions={SPEC: spec_id, BODY: "read" if read else "unread"})
    if read:
        settings.with_request_body.max_request_bytes = (validation.max_body_kib or _DEFAULT_BODY_KIB) * 1024
        settings.with_request_body.pack_as_bytes = True
    else:
        settings.disable_request_body_buffering = True
    return protos.ExtAuthzPerRoute(check_settings=settings)


def _copy(entry: Any) -> Any:
    made = protos.Route()
    made.CopyFrom(entry)
    return made


def _off() -> Any:
    packed = protos.Any_()
    packed.Pack(protos.ExtAuthzPerRoute(disabled=True), deterministic=True)
    return packed


def _because(details: str) -> dict[str, Any]:
    return {
        "extension_filter": {
            "name": details,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": f"response.code_details == '{details}'",
            },
        }
    }


def _problem(details: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "filter": _because(details),
        "body_format_override": {
            "json_format": {"type": "about:blank", "title": title, "status": "%RESPONSE_CODE%", "detail": detail},
            "content_type": "application/problem+json",
        },
    }


_OFF: Final = _off()
