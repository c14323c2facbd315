"""The knobs of an environment in front of all its domains: maintenance, address ranges, basic auth, header rules.

All four filters stand in the chain for everybody and do nothing for a route without settings. Filters that a
route switches on would be skipped for `Shop.Example`: the chain is made before the host name is lower-cased.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

from turnout.domain.header_rules import Action, HeaderRule, Side
from turnout.domain.passwords import Credential
from turnout.domain.protection import Maintenance
from turnout.domain.views import ProjectView, RouteView
from turnout.gateway import protos
from turnout.gateway.policies.identity import NAMESPACE
from turnout.gateway.policies.scripts import lua

_LET_IN: Final = "turnout.let-in"
_MAINTENANCE: Final = "turnout.maintenance"
_ALLOW: Final = "turnout.allow"
_BASIC_AUTH: Final = "turnout.basic-auth"

GUESSES: Final = 20
"""After so many wrong passwords for one name from one address, no more of them are looked at in the same window."""
WINDOW_MS: Final = 60_000

_PASSWORDS: Final = lua("sha256.lua", "pbkdf2.lua", "basic_auth.lua")

_REFUSED_BY_RBAC: Final = {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
    "expression": "response.code_details.startsWith('rbac_access_denied')",
}


def filters() -> list[dict[str, Any]]:
    """The filters, first to last: the order in which a request meets them."""
    return [
        # Decides nothing: it leaves in the metadata whether the address is among those that are let in.
        _filter(_LET_IN, "rbac.v3.RBAC", shadow_rules_stat_prefix="maintenance_"),
        _filter(_MAINTENANCE, "lua.v3.Lua", source_codes={"maintenance": {"inline_string": lua("maintenance.lua")}}),
        _filter(_ALLOW, "rbac.v3.RBAC", rules_stat_prefix="allow_"),
        _filter(_BASIC_AUTH, "lua.v3.Lua", source_codes={"basic-auth": {"inline_string": _PASSWORDS}}),
    ]


def replies() -> list[dict[str, Any]]:
    """How the answers of these filters look. Those of the scripts are whole; RBAC's is put into words."""
    refusal = {
        "type": "about:blank",
        "title": "Not from here",
        "status": "%RESPONSE_CODE%",
        "detail": "This site is not open to the address that you come from.",
    }
    return [
        _reply("page", _as_it_is("text/html; charset=utf-8")),
        _reply("problem", _as_it_is("application/problem+json")),
        {
            # What RBAC leaves in the metadata of a request that it refuses comes too late for the answer.
            "filter": {"extension_filter": {"name": "by-rbac", "typed_config": _REFUSED_BY_RBAC}},
            "body_format_override": {"json_format": refusal, "content_type": "application/problem+json"},
        },
    ]


def guard(host: Any, route: RouteView, _view: ProjectView) -> None:
    """Write the protection into the routes that lead to the app; others, such as proofs of a domain, stay open."""
    protection = route.protection
    if protection is None:
        return
    for entry in host.routes:
        if not entry.HasField("route"):
            continue
        settings = entry.typed_per_filter_config
        if protection.maintenance is not None:
            _close(settings, protection.maintenance)
        if protection.allow:
            rules = _ranges(protection.allow)
            settings[_ALLOW].Pack(protos.RBACPerRoute(rbac=protos.RBAC(rules=rules, rules_stat_prefix="allow_")))
        if protection.basic_auth:
            _ask_for_password(settings, protection.basic_auth)
        for rule in protection.headers:
            _change_headers(entry, rule)


def _close(settings: Any, maintenance: Maintenance) -> None:
    if maintenance.let_in:
        rbac = protos.RBAC(shadow_rules=_ranges(maintenance.let_in), shadow_rules_stat_prefix="maintenance_")
        settings[_LET_IN].Pack(protos.RBACPerRoute(rbac=rbac))
    script = protos.LuaPerRoute(name="maintenance")
    script.filter_context["retry_after"] = str(maintenance.retry_after)
    if maintenance.page is not None:
        script.filter_context["page"] = maintenance.page
    settings[_MAINTENANCE].Pack(script, deterministic=True)


def _ask_for_password(settings: Any, credentials: Iterable[Credential]) -> None:
    script = protos.LuaPerRoute(name="basic-auth")
    script.filter_context.update({"guesses": GUESSES, "window_ms": WINDOW_MS})
    users = script.filter_context.get_or_create_struct("users")
    for each in credentials:
        _, rounds, salt, digest = each.hash.split("$")
        users.get_or_create_struct(each.user).update({"rounds": int(rounds), "salt": salt, "digest": digest})
    settings[_BASIC_AUTH].Pack(script, deterministic=True)


def _change_headers(entry: Any, rule: HeaderRule) -> None:
    kind = "request" if rule.side is Side.REQUEST else "response"
    if rule.action is Action.REMOVE:
        getattr(entry, f"{kind}_headers_to_remove").append(rule.name)
        return
    option = getattr(entry, f"{kind}_headers_to_add").add()
    # Envoy would put something else in the place of what stands between two percent signs.
    option.header.key, option.header.value = rule.name, (rule.value or "").replace("%", "%%")
    option.append_action = (
        protos.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
        if rule.action is Action.ADD
        else protos.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    )


def _ranges(ranges: Iterable[str]) -> Any:
    """Everybody from these, and nobody else. The address is the client's as the gateway believes it."""
    rules = protos.RBACRules(action=protos.RBACRules.ALLOW)
    policy = rules.policies["ranges"]
    policy.permissions.add(any=True)
    for each in ranges:
        network = ipaddress.ip_network(each)
        remote = policy.principals.add().remote_ip
        remote.address_prefix = str(network.network_address)
        remote.prefix_len.value = network.prefixlen
    return rules


def _filter(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {
        "name": name,
        "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.filters.http.{kind}", **config},
    }


def _reply(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """How answers look that a script called this in the metadata of the request."""
    said = {"filter": NAMESPACE, "path": [{"key": "answer"}], "value": {"string_match": {"exact": kind}}}
    metadata = {"matcher": said, "match_if_key_not_found": False}
    return {"filter": {"metadata_filter": metadata}, "body_format_override": body}


def _as_it_is(content_type: str) -> dict[str, Any]:
    return {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": content_type}
