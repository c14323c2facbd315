"""Command lines with a hostile word in each place that takes one, and settings that are hostile themselves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WORD: Final = "\u2400"

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ls": ("ls", "--project", WORD),
        "rollback": ("rollback", "--project", WORD),
        "rollback to": ("rollback", "--project", "shop", "--to", WORD),
        "promote": ("promote", WORD, "--project", "shop"),
        "stop": ("stop", WORD),
        "start": ("start", WORD),
        "rm": ("rm", WORD),
        "logs": ("logs", WORD),
        "cancel": ("cancel", WORD),
        "why": ("why", WORD),
        "diff": ("diff", WORD, WORD),
        "requests": ("requests", "--project", "shop", "--status", WORD),
        "deploy an image": ("deploy", "--image", WORD, "--project", "shop", "--detach"),
        "deploy to": ("deploy", "--image", "a:b", "--project", "shop", "--env", WORD, "--detach"),
        "deploy as": ("deploy", "--image", "a:b", "--project", WORD, "--detach"),
        "deploy a commit": ("deploy", "--image", "a:b", "--project", "shop", "--commit", WORD, "--detach"),
        "deploy with keys": ("deploy", "--image", "a:b", "--project", "shop", "--key-auth-id", WORD, "--detach"),
        "deploy a folder": ("deploy", WORD, "--project", "shop", "--detach"),
        "env set": ("env", "set", f"{WORD}=1", "--project", "shop"),
        "env rm": ("env", "rm", WORD, "--project", "shop"),
        "env import": ("env", "import", WORD, "--project", "shop"),
        "domains add": ("domains", "add", WORD, "--project", "shop"),
        "domains verify": ("domains", "verify", WORD, "--project", "shop"),
        "domains rm": ("domains", "rm", WORD, "--project", "shop"),
        "certs rm": ("certs", "rm", WORD),
        "certs add": ("certs", "add", "--chain", WORD, "--key", WORD),
        "keyspaces create": ("keyspaces", "create", WORD),
        "keyspaces rm": ("keyspaces", "rm", WORD),
        "keys create": ("keys", "create", WORD, "--name", "a"),
        "keys revoke": ("keys", "revoke", WORD),
        "keys limit": ("keys", "limit", "key_1", WORD),
        "protect": ("protect", "production", "--project", "shop", "--allow", WORD),
        "openapi": ("openapi", WORD),
        "a verb": (WORD,),
        "an option": ("ls", f"--a{WORD}"),
    }
)

WORDS: Final = (
    "shell: quotes", "option: privileged", "path: dots", "line: CR LF and a header", "NUL", "escape sequence",
    "Unicode: right to left", "empty", "overlong",
)  # fmt: skip
"""Of the names that are none, those that a shell, a terminal or a client could stumble over."""

FEW: Final = ("ls", "rm", "promote", "deploy with keys", "deploy a folder", "env set", "domains add")
"""Enough to see that it holds; the others take their time."""

SETTINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "a token with a line end": {"TURNOUT_TOKEN": "a\r\nX-Injected: 1"},
        "a token with a new line": {"TURNOUT_TOKEN": "a\nb"},
        "a token of other letters": {"TURNOUT_TOKEN": "ünïcode"},
        "a token of half a character": {"TURNOUT_TOKEN": "a\udc80"},
        "a file for an address": {"TURNOUT_API_URL": "file:///etc/passwd"},
        "another protocol": {"TURNOUT_API_URL": "gopher://127.0.0.1:70/"},
        "no address": {"TURNOUT_API_URL": "not an address"},
        "an address with a line end": {"TURNOUT_API_URL": "http://127.0.0.1:1/\r\nX: 1"},
        "a port beyond all": {"TURNOUT_API_URL": "http://127.0.0.1:99999"},
        "a port that is none": {"TURNOUT_API_URL": "http://127.0.0.1:a"},
        "an IPv6 address that does not end": {"TURNOUT_API_URL": "http://[::1"},
        "a host of dots": {"TURNOUT_API_URL": "http://.../"},
        "an escape sequence": {"TURNOUT_API_URL": "http://\x1b[2J/"},
    }
)
"""Variables of the environment."""
