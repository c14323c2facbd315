"""Who to be at an image registry: what `docker login` has kept on this machine, read anew each time.

A login that is kept by a helper program is not read. Nothing of it is ever logged or stored.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

Login = Mapping[str, str]
"""`username`, `password` and `serveraddress`, as the Docker Engine takes them."""

_HUB: Final = "https://index.docker.io/v1/"
"""Where `docker login` keeps the login for images whose name does not begin with a registry."""


def login_for(image: str) -> Login | None:
    """The login for the registry of an image; None when there is none."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return all_logins().get(first if named else _HUB)


def all_logins() -> dict[str, Login]:
    """Every login, by registry. A file that is absent or cannot be read has none."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        entries = json.loads((folder / "config.json").read_text(encoding="utf-8"))["auths"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    logins: dict[str, Login] = {}
    for host, entry in entries:
        try:
            user, colon, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (LookupError, TypeError, ValueError):  # kept by a helper program
            continue
        if colon:
            logins[host] = {"username": user, "password": password, "serveraddress": host}
    return logins
