"""W3C trace context: a good `traceparent` passes as it came, with its `tracestate`; a missing or malformed one
is replaced, and then there is no `tracestate`. Pure data for the bootstrap.

No Lua: for each request Envoy draws a UUID into a header of ours, one filter makes a `traceparent` of it as
metadata, and where the client's is no good that takes its place (docs/decisions/0042).
"""

from __future__ import annotations

from typing import Any, Final

from turnout.gateway.policies.identity import NAMESPACE

_SEED: Final = "x-turnout-seed"
_IDS: Final = "-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
_WELL_FORMED: Final = rf"00{_IDS}|(?:0[1-9a-f]|[1-9a-e][0-9a-f]|f[0-9a-e]){_IDS}(?:-.*)?"
"""Version 00 has nothing behind the flags; a later one may, and version ff is none."""
_NO_TRACE: Final = "..-0{32}-.*"
_NO_PARENT: Final = ".{36}0{16}-.*"

SAMPLED: Final = "01"
"""The flags of a trace that begins here. 00 would have every app with the usual sampler record nothing."""


def draw_seed() -> dict[str, Any]:
    """An early mutation of every request: the randomness, whatever the client sent under that name."""
    return _overwrite(_SEED, "%UNIQUE_ID%")


def filters() -> list[dict[str, Any]]:
    """The filters, first to last. After them `trace_id` is in the metadata of the request."""
    uuid = r"(.{8})-(.{4})-(.{4})-(.{4})-(.{12})"
    made = rf"00-\1\2\3\4\5-\4\5-{SAMPLED}"
    return [
        _to_metadata("trace-seed", _SEED, key="traceparent", pattern=uuid, into=made, remove=True),
        _unless_good(
            {
                "name": "envoy.filters.http.header_mutation",
                "typed_config": {
                    "@type": _type("filters.http.header_mutation.v3.HeaderMutation"),
                    "mutations": {
                        "request_mutations": [
                            _overwrite("traceparent", f"%DYNAMIC_METADATA({NAMESPACE}:traceparent)%"),
                            {"remove": "tracestate"},
                        ]
                    },
                },
            }
        ),
        _to_metadata("trace-id", "traceparent", key="trace_id", pattern="..-([0-9a-f]{32})-.*", into=r"\1"),
    ]


def _to_metadata(name: str, header: str, *, key: str, pattern: str, into: str, remove: bool = False) -> dict[str, Any]:
    rewrite = {"pattern": {"regex": pattern}, "substitution": into}
    return {
        "name": name,
        "typed_config": {
            "@type": _type("filters.http.header_to_metadata.v3.Config"),
            "request_rules": [
                {
                    "header": header,
                    "on_header_present": {
                        "metadata_namespace": NAMESPACE,
                        "key": key,
                        "regex_value_rewrite": rewrite,
                    },
                    "remove": remove,
                }
            ],
        },
    }


def _unless_good(extension: dict[str, Any]) -> dict[str, Any]:
    """The filter, but not for requests whose `traceparent` is a good one."""
    good = {
        "and_matcher": {
            "predicate": [
                _matches(_WELL_FORMED),
                {"not_matcher": _matches(_NO_TRACE)},
                {"not_matcher": _matches(_NO_PARENT)},
            ]
        }
    }
    skip = {"name": "skip", "typed_config": {"@type": _type("filters.common.matcher.action.v3.SkipFilter")}}
    return {
        "name": "trace-begin",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": extension,
            "xds_matcher": {"matcher_list": {"matchers": [{"predicate": good, "on_match": {"action": skip}}]}},
        },
    }


def _matches(regex: str) -> dict[str, Any]:
    header = {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": "traceparent",
    }
    return {
        "single_predicate": {
            "input": {"name": "traceparent", "typed_config": header},
            "value_match": {"safe_regex": {"google_re2": {}, "regex": regex}},
        }
    }


def _overwrite(header: str, value: str) -> dict[str, Any]:
    return {
        "append": {"header": {"key": header, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
    }


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"
