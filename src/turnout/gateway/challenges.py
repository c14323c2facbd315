"""Paths that the gateway answers by itself, in front of the app and of everything that guards it. Pure.

Whoever proves a name or asks for a certificate is a stranger to the app: he has no key, no session and no address on
any list. So nothing that a policy wrote for the domain applies to these paths, and nothing else is open by them.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from turnout.domain.views import ProjectView


def unwrapped() -> dict[str, Any]:
    """For the listener: an answer of the gateway itself with status 200 is one of these, and goes out as it is.

    All others are refusals and become problem documents. A route cannot say that for itself: the listener's format
    comes over whatever `body_format` a direct response has.
    """
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": 200, "runtime_key": "turnout.challenges"}}
            }
        },
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/plain; charset=utf-8",
        },
    }


def answer_challenges(configuration: Any, view: ProjectView) -> None:
    """Put the project's challenges in front of its routes; a name without a route answers nothing else.

    `configuration` is the project's whole `RouteConfiguration`, policies and all.
    """
    hosts = {host.name: host for host in configuration.virtual_hosts}
    for fqdn, challenges in groupby(view.challenges, key=lambda challenge: challenge.fqdn):
        host = hosts.get(fqdn) or configuration.virtual_hosts.add(name=fqdn, domains=[fqdn])
        _leave_policies_to_the_app(host)
        behind = list(host.routes)
        del host.routes[:]
        for challenge in challenges:
            _answer(host.routes.add(), challenge.path, challenge.body)
        host.routes.extend(behind)


def _answer(entry: Any, path: str, body: str) -> None:
    entry.match.path = path
    entry.direct_response.status = 200
    entry.direct_response.body.inline_string = body
    header = entry.response_headers_to_add.add()
    header.header.key, header.header.value = "cache-control", "no-store"


def _leave_policies_to_the_app(host: Any) -> None:
    """What was said of the whole domain is said of each of its routes, before the open ones are added."""
    for name, config in sorted(host.typed_per_filter_config.items()):
        for entry in host.routes:
            if name not in entry.typed_per_filter_config:
                entry.typed_per_filter_config[name].CopyFrom(config)
    host.ClearField("typed_per_filter_config")
