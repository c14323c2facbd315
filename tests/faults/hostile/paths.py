"""Paths of an app's own host that aim at another one, or at none."""

from __future__ import annotations

from typing import Final

REFUSED: Final = (
    "", " ", "evil", "evil.example/x", "/\\evil", "\\\\evil", "//evil", "//evil/x", "///evil", "//127.0.0.1/x",
    "//169.254.169.254/latest/meta-data", "//[::1]/x", "http://evil", "http://169.254.169.254/", "https://evil/",
    "HTTP://evil", "http:/evil", "http:evil", "file:///etc/passwd", "gopher://evil:70/_", "ftp://evil", "data:,x",
    "unix:/var/run/docker.sock", "jar:http://evil!/x", "@evil", "@evil/x", ":80@evil/x", "user:pw@evil/", ":8080/x",
    "?x=1", "#evil", "/x#@evil", "/x#", "/a b", "/a\tb", "/a\nb", "/a\r\nHost: evil", "/a\r\n\r\nGET /x", "/a\0b", "/a\x7fb",
    "/a\u2028b", "/\u2215evil", "/\uff0fevil", "/\u3002evil", "/ｅvil", "/é", " /x", "/x ", "\ufeff/x", "/" + "a" * 1024,
    "/\\/evil", "\\/evil", "/\t/evil", "/\n/evil",
)  # fmt: skip
"""Refused by the API and in a `turnout.toml`, for health checks, OpenAPI documents and paths that are not checked."""

TAKEN: Final = (
    "/@evil.example/x", "/.evil.example", "/:80@evil.example/", "/http://evil.example/", "/x//evil.example/",
    "/..//evil.example/", "/../../evil", "/..%2f..%2fevil", "/%2e%2e/evil", "/%2f%2fevil.example", "/%5cevil.example",
    "/%0d%0aHost:%20evil.example", "/%00", "/;@evil.example", "/?url=http://evil.example/", "/?@evil.example",
    "/[::1]/x", "/{{7*7}}", "/$(reboot)", "/`reboot`", "/'OR'1'='1", "/%", "/%zz", "/~root", "/*", "/|id", "/&x",
)  # fmt: skip
"""Odd, and an app's own business: whatever they look like, only the app is asked."""
