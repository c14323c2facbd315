"""Host headers that try to be two hosts, none, or somebody else's. `{mine}` is the attacker's, `{vip}` another one's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.faults.hostile.requests import Raw

_UNKNOWN: Final = (400, 404)
"""Not understood, or nobody's."""


def _host(value: str, *statuses: int, line: str = "GET /first HTTP/1.1", mine: bool = False) -> Raw:
    return Raw(text=f"{line}\r\nHost: {value}\r\nConnection: close\r\n\r\n", statuses=statuses or _UNKNOWN, mine=mine)


HOSTS: Final[Mapping[str, Raw]] = MappingProxyType(
    {
        "none": Raw(text="GET /first HTTP/1.1\r\nConnection: close\r\n\r\n"),
        "none, with HTTP/1.0": Raw(text="GET /first HTTP/1.0\r\n\r\n", statuses=(400, 404, 426)),
        "empty": _host(""),
        "two": Raw(text="GET /first HTTP/1.1\r\nHost: {mine}\r\nHost: {vip}\r\n\r\n", statuses=_UNKNOWN),
        "two, the other way": Raw(text="GET /first HTTP/1.1\r\nHost: {vip}\r\nHost: {mine}\r\n\r\n", statuses=(400, 401, 404)),
        "the same twice": Raw(text="GET /first HTTP/1.1\r\nHost: {mine}\r\nHost: {mine}\r\n\r\n", statuses=_UNKNOWN),
        "two in one": _host("{mine}, {vip}"),
        "two with a space": _host("{mine} {vip}"),
        "two with a tab": _host("{mine}\t{vip}"),
        "absolute form: another host": _host("{mine}", 401, line="GET http://{vip}/first HTTP/1.1"),
        "absolute form: one's own": _host("{vip}", 200, line="GET http://{mine}/first HTTP/1.1", mine=True),
        "absolute form: userinfo": _host("{mine}", *_UNKNOWN, 401, line="GET http://{mine}@{vip}/first HTTP/1.1"),
        "absolute form: another protocol": _host("{mine}", *_UNKNOWN, line="GET gopher://{vip}/first HTTP/1.1"),
        "absolute form: metadata": _host("{mine}", line="GET http://169.254.169.254/latest/meta-data HTTP/1.1"),
        "absolute form: of this machine": _host("{mine}", line="GET http://127.0.0.1/first HTTP/1.1"),
        "absolute form: nothing": _host("{mine}", *_UNKNOWN, line="GET http:///first HTTP/1.1"),
        "absolute form: a backslash": _host("{mine}", *_UNKNOWN, 401, line="GET http://{vip}\\@{mine}/first HTTP/1.1"),
        "userinfo": _host("{mine}@{vip}"),
        "userinfo with a password": _host("user:pw@{vip}"),
        "as an address": _host("http://{vip}"),
        "with a path": _host("{vip}/../{mine}"),
        "with a query": _host("{vip}?{mine}"),
        "with a fragment": _host("{vip}#{mine}"),
        "with a backslash": _host("{vip}\\{mine}"),
        "port: none": _host("{vip}:", 400, 401, 404),
        "port: no number": _host("{vip}:80a", 400, 401, 404),
        "port: another host": _host("{vip}:{mine}", 400, 401, 404),
        "port: beyond all": _host("{vip}:99999999999", 400, 401, 404),
        "port: negative": _host("{vip}:-1", 400, 401, 404),
        "port: two": _host("{vip}:80:80", 400, 401, 404),
        "port: with a dot": _host("{vip}.:80", 401, 404),
        "dots: one": _host("{vip}.", 401),
        "dots: two": _host("{vip}.."),
        "dots: in front": _host(".{vip}"),
        "dots: only": _host("."),
        "dots: within": _host("vip..example"),
        "upper case": _host("VIP.EXAMPLE", 401),
        "mixed case": _host("vIp.ExAmPlE", 401),
        "underscore": _host("_vip.example"),
        "a label more": _host("a.{vip}"),
        "a label less": _host("example"),
        "a suffix": _host("{vip}.evil.example"),
        "a prefix": _host("evil{vip}"),
        "wildcard": _host("*.example"),
        "wildcard alone": _host("*"),
        "IPv4": _host("127.0.0.1"),
        "IPv4 as a number": _host("2130706433"),
        "IPv4 in octal": _host("0177.0.0.1"),
        "IPv4 of metadata": _host("169.254.169.254"),
        "IPv6": _host("[::1]"),
        "IPv6 with a port": _host("[::1]:80"),
        "IPv6 with a zone": _host("[fe80::1%25eth0]"),
        "IPv6 that does not end": _host("[::1"),
        "IPv6 with a host behind": _host("[::1]{vip}"),
        "brackets around a name": _host("[{vip}]"),
        "Unicode": _host("v\xefp.example"),
        "Unicode: full width": _host("\xef\xbd\x96\xef\xbd\x89\xef\xbd\x90.example"),
        "Unicode: dot": _host("vip\xe3\x80\x82example"),
        "punycode": _host("xn--vip-0000.example"),
        "percent": _host("vip%2eexample"),
        "percent and NUL": _host("vip.example%00.evil"),
        "NUL": _host("{vip}\0"),
        "control character": _host("{vip}\x01"),
        "DEL": _host("{vip}\x7f"),
        "vertical tab": _host("\x0b{vip}"),
        "quotes": _host('"{vip}"'),
        "comma at the end": _host("{vip},"),
        "semicolon": _host("{vip};a"),
        "template": _host("{{7*7}}.example"),
        "template of Envoy": _host("%REQ(authorization)%"),
        "Lua": _host("]]..os.exit()..[["),
        "SQL": _host("' OR '1'='1"),
        "shell": _host("$(reboot).example"),
        "HTML": _host("<script>alert(1)</script>"),
        "overlong label": _host("a" * 64 + ".example"),
        "overlong": _host("a." * 2000 + "example"),
        "overlong: 50 KiB": _host("a" * 50_000, 400, 404, 431),
        "the gateway's own": _host("localhost"),
        "a cluster's name": _host("dep_vip"),
        "a route's name": _host("prj_vip"),
    }
)  # fmt: skip
