"""Keys: a request to a guarded domain needs one of its keyspace, and may come as often as the key allows.

Three filters: one in Lua knows a key by its SHA-256, and refuses the request or says whose it is; one counts; one in
Lua tells the client of the count. What they work with is in three places: the keyspace of a domain in the metadata of
its route, the keys in the route configuration of the project, and the buckets of the counter in the listener, where no
change of routes empties or fills them.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from turnout.domain.keyspaces import WINDOWS
from turnout.domain.views import KeyView, ProjectView
from turnout.gateway import protos
from turnout.gateway.policies.scripts import lua

KEY_ID_HEADER: Final = "x-turnout-key-id"
"""Tells an app whose key it was."""

NAMESPACE: Final = "turnout"
"""Of the dynamic metadata that policies leave behind; `key_id` in it is for the access log."""

BUCKET: Final = 1_000_000_000
"""Tokens in every bucket. A request takes as many of them as makes its key's limit fill the bucket, so that all limits
share four kinds of buckets. Rounding lets one request in a thousand too many pass at worst."""

BUCKETS_KEPT: Final = 50_000
"""Buckets that a gateway remembers for each span. Beyond that the one that was used longest ago is forgotten, and full
again."""

_FILTER: Final = "keys"


_CHECK: Final = lua("sha256.lua", "keys.lua")
_TELL: Final = lua("limits.lua")


def guard_project(configuration: Any, view: ProjectView) -> None:
    """Name the keyspace of each domain that has one, and put the keys into the route configuration once.

    A route without a keyspace lets everybody in, a keyspace without keys nobody.
    """
    asked_for = {
        route.fqdn: route.guard.key_auth_id for route in view.routes if route.guard and route.guard.key_auth_id
    }
    if not asked_for:
        return
    lines: dict[str, list[str]] = {keyspace: [] for keyspace in asked_for.values()}
    for key in view.keys:
        if key.keyspace_id in lines:
            lines[key.keyspace_id].append(_line(key))
    texts = {keyspace: "".join(each) for keyspace, each in lines.items()}
    versions = {keyspace: hashlib.sha256(text.encode()).hexdigest()[:32] for keyspace, text in texts.items()}
    per_route = protos.LuaPerRoute()
    per_route.filter_context.update(texts)
    configuration.typed_per_filter_config[_FILTER].Pack(per_route, deterministic=True)
    for host in configuration.virtual_hosts:
        if (keyspace := asked_for.get(host.name)) is not None:
            for route in host.routes:
                # What the gateway answers by itself, such as a redirect, is not the app's.
                if not route.HasField("direct_response") and not route.HasField("redirect"):
                    policy = {"keyspace": keyspace, "version": versions[keyspace]}
                    route.metadata.filter_metadata[_FILTER].update(policy)


def _line(key: KeyView) -> str:
    """Hash, id, end in milliseconds since 1970, requests, seconds; 0 is none. As `keys.lua` reads it."""
    expires = 0 if key.expires_at is None else round(key.expires_at.timestamp() * 1000)
    requests, seconds = (0, 0) if key.limit is None else (key.limit.requests, key.limit.seconds)
    return f"{key.sha256} {key.id} {expires} {requests} {seconds}\n"


def filters() -> list[dict[str, Any]]:
    """Who it is, then whether that is too often. On the way back the counter speaks before it is translated."""
    return [_check(), _tell(), _limit()]


def replies() -> list[dict[str, Any]]:
    """The two refusals as problems; which of the ways a key was not good is nobody's business."""
    return [
        _reply(_told("refused", {"exact": "key"}), "No good key", "%LOCAL_REPLY_BODY%"),
        _reply(
            {"and_filter": {"filters": [_status(429), _told("key_id", {"safe_regex": {"regex": ".+"}})]}},
            "Too many requests",
            "This key has made all the requests that it may make for now. "
            "The header Retry-After says in how many seconds the next one is let in.",
        ),
    ]


def _check() -> dict[str, Any]:
    return {
        "name": _FILTER,
        "typed_config": {
            "@type": _type("lua.v3.Lua"),
            "default_source_code": {"inline_string": _CHECK},
            # The default: taking the key's header out would have the route chosen again, by then another one's.
            "clear_route_cache": False,
        },
    }


def _tell() -> dict[str, Any]:
    """Skipped, at next to no cost, unless the request has a limit."""
    limited = {
        "input": {
            "name": "limit",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
                "filter": NAMESPACE,
                "path": [{"key": "limit"}],
            },
        },
        "custom_match": {
            "name": "present",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
                "value": {"present_match": True},
            },
        },
    }
    skip = {
        "name": "skip",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
        },
    }
    unlimited = {"predicate": {"not_matcher": {"single_predicate": limited}}, "on_match": {"action": skip}}
    return {
        "name": "key-limit-headers",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {
                "name": "envoy.filters.http.lua",
                "typed_config": {
                    "@type": _type("lua.v3.Lua"),
                    "default_source_code": {"inline_string": _TELL},
                    "clear_route_cache": False,
                },
            },
            "xds_matcher": {"matcher_list": {"matchers": [unlimited]}},
        },
    }


def _limit() -> dict[str, Any]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "name": "key-limits",
        "typed_config": {
            "@type": _type("local_ratelimit.v3.LocalRateLimit"),
            "stat_prefix": "key_limits",
            "filter_enabled": always,
            "filter_enforced": always,
            # A request without these two in its metadata, so without a limited key, meets no bucket at all.
            "rate_limits": [
                {
                    "actions": [_from_metadata("limit", "seconds"), _from_metadata("key_id")],
                    "hits_addend": {"format": f"%DYNAMIC_METADATA({NAMESPACE}:limit:cost)%"},
                }
            ],
            "descriptors": [
                {
                    "entries": [{"key": "seconds", "value": str(seconds)}, {"key": "key_id"}],
                    "token_bucket": {
                        "max_tokens": BUCKET,
                        "tokens_per_fill": BUCKET,
                        "fill_interval": f"{seconds}s",
                    },
                }
                for seconds in WINDOWS.values()
            ],
            "max_dynamic_descriptors": BUCKETS_KEPT,
            "always_consume_default_token_bucket": False,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        },
    }


def _from_metadata(*path: str) -> dict[str, Any]:
    return {
        "metadata": {
            "descriptor_key": path[-1],
            "metadata_key": {"key": NAMESPACE, "path": [{"key": name} for name in path]},
            "source": "DYNAMIC",
        }
    }


def _reply(which: dict[str, Any], title: str, detail: str) -> dict[str, Any]:
    return {
        "filter": which,
        "body_format_override": {
            "json_format": {"type": "about:blank", "title": title, "status": "%RESPONSE_CODE%", "detail": detail},
            "content_type": "application/problem+json",
        },
    }


def _told(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata_filter": {
            "matcher": {"filter": NAMESPACE, "path": [{"key": name}], "value": {"string_match": value}},
            "match_if_key_not_found": False,
        }
    }


def _status(code: int) -> dict[str, Any]:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": code, "runtime_key": "-"}}}}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.filters.http.{name}"
