"""Keys: a request to a guarded domain needs one of its keyspace, and may come as often as the key allows.

Two filters. The first one, in Lua, knows a key by its SHA-256, refuses the request or says whose it is. The second
one counts. What they work with is in three places: the keyspace of a domain in the metadata of its route, the keys in
the route configuration of the project, and the buckets of the limiter in the listener, where no change of routes
empties or fills them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Invalid
from turnout.domain.keyspaces import WINDOWS
from turnout.domain.views import KeyView, ProjectView, RouteView
from turnout.gateway import protos

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
_LUA: Final = "\n".join(
    Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("sha256.lua", "keys.lua")
)


def guard(host: Any, route: RouteView, _view: ProjectView) -> None:
    """Name the keyspace of a domain, if it has one: a route without the name lets everybody in."""
    if route.guard is not None and route.guard.key_auth_id is not None:
        host.routes[0].metadata.filter_metadata[_FILTER].update({"keyspace": route.guard.key_auth_id})


def guard_project(configuration: Any, view: ProjectView) -> None:
    """Put the keys into the route configuration, once for all domains. A keyspace without keys lets nobody in."""
    if not view.keys:
        return
    per_route = protos.LuaPerRoute()
    per_route.filter_context.update({key.sha256: _record(key) for key in view.keys})
    configuration.typed_per_filter_config[_FILTER].Pack(per_route, deterministic=True)


def _record(key: KeyView) -> str:
    """Keyspace, id, end in milliseconds since 1970, requests, seconds; 0 is none. As `keys.lua` reads it."""
    if any(" " in word or not word for word in (key.keyspace_id, key.id)):
        raise Invalid(f"cannot tell a gateway of key {key.id!r}: it has no id as ids are")
    expires = 0 if key.expires_at is None else round(key.expires_at.timestamp() * 1000)
    requests, seconds = (0, 0) if key.limit is None else (key.limit.requests, key.limit.seconds)
    return f"{key.keyspace_id} {key.id} {expires} {requests} {seconds}"


def filters() -> list[dict[str, Any]]:
    """Who it is, then whether that is too often."""
    return [_check(), _limit()]


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
            "default_source_code": {"inline_string": _LUA},
            # The default: taking the key's header out would have the route chosen again, by then another one's.
            "clear_route_cache": False,
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
            # A request without these three in its metadata, so without a limited key, meets no bucket at all.
            "rate_limits": [
                {
                    "actions": [_from_metadata("window"), _from_metadata("key_id")],
                    "hits_addend": {"format": f"%DYNAMIC_METADATA({NAMESPACE}:cost)%"},
                }
            ],
            "descriptors": [
                {
                    "entries": [{"key": "window", "value": str(seconds)}, {"key": "key_id"}],
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


def _from_metadata(name: str) -> dict[str, Any]:
    return {
        "metadata": {
            "descriptor_key": name,
            "metadata_key": {"key": NAMESPACE, "path": [{"key": name}]},
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
