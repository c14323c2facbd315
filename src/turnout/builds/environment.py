"""What the commands of a build see of the environment: what building takes, and nothing of ours. Pure.

An allow-list, because nobody can list all that is secret. A person's own package index has to work, so what
pip, uv and npm read (variables, configuration file, cache, credentials for the index) is handed on; and HOME
is an empty folder, so that nothing else of the person's home is found by accident.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_KEPT: Final = frozenset(
    {
        "LANG",
        "LANGUAGE",
        "TZ",
        "USER",
        "LOGNAME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "XDG_CONFIG_DIRS",
    }
)
_KEPT_IN_ANY_CASE: Final = frozenset({"http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy"})
_KEPT_PREFIXES: Final = ("LC_", "PIP_", "UV_", "npm_config_", "NPM_CONFIG_")
_DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def command_environment(
    environ: Mapping[str, str], *, home: Path, temporary: Path, venv: Path | None, platform: str = sys.platform
) -> dict[str, str]:
    """The environment of a build command. `environ` is the person's own; `venv` comes first in PATH."""
    kept = {name: value for name, value in environ.items() if _is_kept(name)}
    path = [part for part in environ.get("PATH", _DEFAULT_PATH).split(os.pathsep) if not _is_our_own(part)]
    if venv is not None:
        kept["VIRTUAL_ENV"] = str(venv)
        path.insert(0, str(venv / "bin"))
    for name, value in _of_the_tools(environ, platform).items():
        kept.setdefault(name, value)
    return {
        **kept,
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONUNBUFFERED": "1",
        "CI": "1",
    }


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.lower() in _KEPT_IN_ANY_CASE or name.startswith(_KEPT_PREFIXES)


def _is_our_own(part: str) -> bool:
    """Whether programs of Turnout's own virtual environment lie there: `pip install` must not reach it."""
    return sys.prefix != sys.base_prefix and Path(part) == Path(sys.prefix) / "bin"


def _of_the_tools(environ: Mapping[str, str], platform: str) -> dict[str, str]:
    """Where the tools would have looked, had HOME stayed the person's."""
    home = Path(environ.get("HOME") or Path.home())
    mac = platform == "darwin"
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    mac_pip = home / "Library" / "Application Support" / "pip" / "pip.conf"
    files = {
        "PIP_CONFIG_FILE": [*([mac_pip] if mac else []), config / "pip" / "pip.conf", home / ".pip" / "pip.conf"],
        "NPM_CONFIG_USERCONFIG": [home / ".npmrc"],
        "NETRC": [Path(environ.get("NETRC") or home / ".netrc")],
    }
    found = {name: next((str(path) for path in paths if path.is_file()), None) for name, paths in files.items()}
    return {
        **{name: path for name, path in found.items() if path is not None},
        "PIP_CACHE_DIR": str(home / "Library" / "Caches" / "pip" if mac else cache / "pip"),
        "UV_CACHE_DIR": str(cache / "uv"),
        "NPM_CONFIG_CACHE": str(home / ".npm"),
    }
