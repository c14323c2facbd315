"""Texts that are no name of anything, and every place of the API that takes a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

TRICKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "shell: end of command": "a;reboot",
        "shell: substitution": "$(reboot)",
        "shell: backticks": "`reboot`",
        "shell: pipe": "a|tee /etc/passwd",
        "shell: and": "a&&reboot",
        "shell: redirection": "a>/etc/passwd",
        "shell: variable": "${IFS}a",
        "shell: quotes": "a'\"b",
        "shell: glob": "*",
        "shell: home": "~root",
        "option: privileged": "--privileged",
        "option: volume": "-v/:/host",
        "option: end of options": "--",
        "option: one dash": "-",
        "path: parent": "../../etc/passwd",
        "path: absolute": "/etc/passwd",
        "path: dots": "..",
        "path: dot": ".",
        "path: encoded parent": "%2e%2e%2fetc",
        "path: double encoding": "%252e%252e%252f",
        "path: overlong UTF-8": "%c0%ae%c0%ae%c0%af",
        "path: backslashes": "..\\..\\windows",
        "path: device of Windows": "C:\\con",
        "line: CR LF and a header": "a\r\nX-Injected: 1",
        "line: new line": "a\nb",
        "line: encoded": "a%0d%0ab",
        "line: Unicode's": "a\u2028b",
        "NUL": "a\x00b",
        "NUL: encoded": "a%00b",
        "escape sequence": "a\x1b[2J\x1b]0;owned\x07b",
        "backspaces": "good\x08\x08\x08\x08evil",
        "DEL": "a\x7fb",
        "C1 control": "a\x9bb",
        "Unicode: right to left": "a\u202etxt.exe",
        "Unicode: isolate": "a\u2066b\u2069",
        "Unicode: zero width": "a\u200bb",
        "Unicode: joiner": "a\u200db",
        "Unicode: byte order mark": "\ufeffa",
        "Unicode: homograph": "аdmin",  # that is the point of it
        "Unicode: full width": "ａｄｍｉｎ",
        "Unicode: full width slash": "a／b",
        "Unicode: dot that folds": "a。b",
        "Unicode: case that folds": "ſhop",
        "Unicode: Kelvin": "\u212a8s",
        "Unicode: many marks": "e" + "\u0301" * 300,
        "Unicode: not a character": "a\ufffe",
        "Unicode: tags": "a\U000e0041\U000e007f",
        "template: braces": "{{7*7}}",
        "template: dollar": "${7*7}",
        "template: percent": "%(name)s%n%x",
        "template: format": "{0.__class__}",
        "template: Envoy": "%REQ(authorization)%",
        "template: Lua": "]]..os.execute('id')..[[",
        "SQL: quote": "a' OR '1'='1",
        "SQL: end": "a'); DROP TABLE projects; --",
        "SQL: wildcard": "%",
        "SQL: union": "x' UNION SELECT hash FROM tokens --",
        "HTML": "<script>alert(1)</script>",
        "XML": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;',
        "LDAP": "*)(uid=*",
        "JNDI": "${jndi:ldap://127.0.0.1/a}",
        "URL": "http://169.254.169.254/latest/meta-data",
        "URL: userinfo": "user:pw@host",
        "URL: file": "file:///etc/passwd",
        "spaces": "   ",
        "space at the end": "a ",
        "tab": "a\tb",
        "upper case": "ABC DEF",
        "empty": "",
        "overlong": "a" * 5000,
        "overlong: a megabyte": "a" * 500_000,
        "number": "-1e309 NaN",
        "prototype": "__proto__[a]",
    }
)
"""Not one of them is a good name, whatever is to be named by it."""

ANY: Final = "\u2400"
"""Where a place takes the trick."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere a name goes: in the path, the query or the body of a route."""

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Callable[[str], Any] | None = None
    accepts: frozenset[str] = frozenset()
    """Tricks that are no tricks here."""

    @property
    def in_path(self) -> bool:
        """Whether the path takes it."""
        return ANY in self.path


_DEPLOY: Final = "/v1/projects/shop/deployments"
_ENV: Final = "/v1/projects/shop/environments"
_PROTECTION: Final = f"{_ENV}/production/protection"
_FOLDED: Final = frozenset({"Unicode: dot that folds"})
"""What IDNA reads as a name of ASCII, and says so."""
_TOKENS: Final = frozenset(
    {
        "shell: backticks", "shell: and", "shell: glob", "shell: home", "option: privileged", "option: end of options",
        "option: one dash", "path: dots", "path: dot", "space at the end",
    }
)  # fmt: skip
"""Legal names of headers, by RFC 9110."""


def _deploy(**fields: Any) -> dict[str, Any]:
    return {"image": "shop:v2", **fields}


def _in_path(method: str, path: str, body: Any = None, accepts: frozenset[str] = frozenset()) -> Place:
    return Place(method=method, path=path, body=None if body is None else lambda _: body, accepts=accepts)


def _in_deploy(make: Callable[[str], dict[str, Any]], accepts: frozenset[str] = frozenset()) -> Place:
    return Place(method="POST", path=_DEPLOY, body=lambda name: _deploy(**make(name)), accepts=accepts)


PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "project of a deploy": _in_path("POST", f"/v1/projects/{ANY}/deployments", {"image": "a:b"}),
        "project that is shown": _in_path("GET", f"/v1/projects/{ANY}"),
        "project of a rollback": _in_path("POST", f"/v1/projects/{ANY}/rollback", {}),
        "project of domains": _in_path("POST", f"/v1/projects/{ANY}/domains", {"fqdn": "a.example.com"}),
        "environment of a deploy": _in_deploy(lambda name: {"environment": name}),
        "environment of variables": _in_path("PUT", f"{_ENV}/{ANY}/variables", {"variables": {"A": "1"}}),
        "environment of a protection": _in_path("PATCH", f"{_ENV}/{ANY}/protection", {"allow": []}),
        "image": _in_deploy(lambda name: {"image": name}),
        "source": _in_deploy(lambda name: {"image": None, "source_id": name}),
        "commit": _in_deploy(lambda name: {"git": {"commit_sha": name}}),
        "backend": _in_deploy(lambda name: {"backend": name}),
        "Dockerfile": _in_deploy(
            lambda name: {"build": {"dockerfile": name}}, frozenset({"space at the end", "upper case"})
        ),
        "stage of a build": _in_deploy(lambda name: {"build": {"target": name}}),
        "base of a build": _in_deploy(lambda name: {"build": {"base": name}}),
        "argument of a build": _in_deploy(lambda name: {"build": {"args": {name: "1"}}}),
        "secret of a build": _in_deploy(lambda name: {"build": {"secrets": [name]}}),
        "health path": _in_deploy(lambda name: {"health": {"path": name}}, frozenset({"path: absolute"})),
        "OpenAPI path": _in_deploy(lambda name: {"openapi_path": name}, frozenset({"path: absolute"})),
        "gate on breaking": _in_deploy(lambda name: {"openapi_breaking": name}),
        "skipped path": _in_deploy(
            lambda name: {"validation": {"enabled": True, "skip": [name]}}, frozenset({"path: absolute"})
        ),
        "keyspace of a deploy": _in_deploy(lambda name: {"key_auth_id": name}),
        "keyspace that is made": Place(method="POST", path="/v1/keyspaces", body=lambda name: {"name": name}),
        "keyspace of keys": _in_path("GET", f"/v1/keyspaces/{ANY}/keys", accepts=frozenset({"option: one dash"})),
        "keyspace that is removed": _in_path("DELETE", f"/v1/keyspaces/{ANY}"),
        "key that is revoked": _in_path("POST", f"/v1/keys/{ANY}/revoke"),
        "variable that is set": Place(
            method="PUT", path=f"{_ENV}/production/variables", body=lambda name: {"variables": {name: "1"}}
        ),
        "variable that is removed": Place(method="DELETE", path=f"{_ENV}/production/variables", query={"name": ANY}),
        "domain that is added": Place(
            method="POST", path="/v1/projects/shop/domains", body=lambda name: {"fqdn": name}, accepts=_FOLDED
        ),
        "domain that is shown": _in_path("GET", f"/v1/projects/shop/domains/{ANY}"),
        "domain that is verified": _in_path("POST", f"/v1/projects/shop/domains/{ANY}/verify"),
        "domain of a certificate": _in_path("GET", f"/v1/projects/shop/domains/{ANY}/certificate"),
        "certificate that is removed": _in_path("DELETE", f"/v1/certificates/{ANY}"),
        "operation that is shown": _in_path("GET", f"/v1/operations/{ANY}"),
        "operation that is cancelled": _in_path("POST", f"/v1/operations/{ANY}/cancel"),
        "deployment that is shown": _in_path("GET", f"/v1/deployments/{ANY}"),
        "deployment that is removed": _in_path("DELETE", f"/v1/deployments/{ANY}"),
        "deployment that is stopped": _in_path("POST", f"/v1/deployments/{ANY}/stop"),
        "deployment that is started": _in_path("POST", f"/v1/deployments/{ANY}/start"),
        "deployment whose logs are read": _in_path("GET", f"/v1/deployments/{ANY}/logs"),
        "deployment whose API is read": _in_path("GET", f"/v1/deployments/{ANY}/openapi"),
        "target of a rollback": Place(
            method="POST", path="/v1/projects/shop/rollback", body=lambda name: {"target_deployment_id": name}
        ),
        "target of a promote": Place(
            method="POST", path="/v1/projects/shop/promote", body=lambda name: {"target_deployment_id": name}
        ),
        "range of addresses": Place(method="PATCH", path=_PROTECTION, body=lambda name: {"allow": [name]}),
        "header of a rule": Place(
            method="PATCH",
            path=_PROTECTION,
            body=lambda name: {"headers": [{"side": "response", "action": "set", "name": name, "value": "1"}]},
            accepts=_TOKENS,
        ),
        "status of requests": Place(method="GET", path="/v1/projects/shop/requests", query={"status": ANY}),
        "time of requests": Place(method="GET", path="/v1/projects/shop/requests", query={"since": ANY}),
        "region of krane": _in_path("GET", f"/v1/regions/{ANY}/desired"),
        "instance of a log": _in_path("POST", f"/v1/regions/north/instances/{ANY}/log"),
        "instance of a job": _in_path("POST", f"/v1/regions/north/jobs/{ANY}/begin", {"claim": "0" * 32}),
    }
)

FREE: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = MappingProxyType(
    {
        "branch": lambda text: _deploy(git={"branch": text}),
        "commit message": lambda text: _deploy(git={"commit_message": text}),
        "word of a command": lambda text: _deploy(run_command=["serve", text]),
        "value of a build argument": lambda text: _deploy(build={"args": {"A": text}}),
    }
)
"""Bodies of deploys in which a text may be anything a person writes: it is kept as data, or refused."""
