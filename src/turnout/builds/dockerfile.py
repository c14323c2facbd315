"""A Dockerfile for a folder that has none: what kind of app it is can be seen from its files. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from turnout.domain.errors import Invalid

GENERATED_NAME: Final = "Dockerfile"
_PORT: Final = re.compile(r"\$(?:PORT\b|\{PORT\})")
_REQUIREMENTS: Final = "requirements.txt"
_PYTHON_FILES: Final = (_REQUIREMENTS, "pyproject.toml", "setup.py")
_LOCKFILES: Final = ("package-lock.json", "npm-shrinkwrap.json")
_NOBODY: Final = "65534:65534"
_STATIC: Final = ("python3", "-m", "http.server", "$PORT", "--directory", "/app")


@dataclass(frozen=True, slots=True)
class Kind:
    """How apps of one kind become an image."""

    name: str
    base: str
    install: tuple[str, ...]
    """Lines that need the files named by `first` only, so that the engine's cache keeps them."""
    first: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Lines that need the whole folder."""
    run: tuple[str, ...] = ()
    """What runs when nothing says so."""


def generate(
    files: Collection[str],
    *,
    run_command: tuple[str, ...] = (),
    build_command: tuple[str, ...] = (),
    base: str | None = None,
) -> str:
    """The Dockerfile of a folder with these names at its top. Raises Invalid when nothing says how to run it."""
    kind = _kind(files, run_command)
    command = run_command or kind.run
    if not command:
        raise Invalid(
            "cannot build an image: nothing in the folder says how to run it; add a Dockerfile, or write "
            '[run] command = "…" into turnout.toml'
        )
    lines = [f"# {kind.name}: made by Turnout, because the folder has no Dockerfile", f"FROM {base or kind.base}"]
    lines += ["WORKDIR /app", "ENV PYTHONUNBUFFERED=1 NODE_ENV=production PORT=8080"]
    if kind.first:
        lines.append(f"COPY {json.dumps([*kind.first, './'])}")
    lines += [f"RUN {line}" for line in kind.install]
    lines.append("COPY . ./")
    lines += [f"RUN {line}" for line in kind.after]
    if build_command:
        lines.append(f"RUN {json.dumps(list(build_command), ensure_ascii=False)}")
    lines += [f"USER {_NOBODY}", "EXPOSE 8080"]
    lines.append(_cmd(command))
    return "\n".join(lines) + "\n"


def relabelled(image: str, run_command: tuple[str, ...]) -> str:
    """The Dockerfile that makes somebody else's image ours: the same, with the command of turnout.toml if there is one.

    Our labels come with the build.
    """
    lines = [f"FROM {image}"]
    if run_command:
        lines.append(_cmd(run_command))
    return "\n".join(lines) + "\n"


def _kind(files: Collection[str], run_command: tuple[str, ...]) -> Kind:
    if _REQUIREMENTS in files:
        pip = "python3 -m pip install --no-cache-dir -r requirements.txt"
        # Requirements may name files beside them, such as a folder of wheels: so the whole folder comes first.
        return Kind("a Python app with requirements.txt", "python:3.13-slim", (), after=(pip,))
    if any(name in files for name in _PYTHON_FILES):
        return Kind("a Python project", "python:3.13-slim", (), after=("python3 -m pip install --no-cache-dir .",))
    if "package.json" in files:
        locks = tuple(name for name in _LOCKFILES if name in files)
        install = "npm ci --omit=dev" if locks else "npm install --omit=dev"
        return Kind(
            "a Node app", "node:22-slim", (install,), first=("package.json", *locks), run=("npm", "start", "--silent")
        )
    if run_command:
        return Kind("a program", "debian:stable-slim", ())
    if "index.html" in files:
        return Kind("a static site", "python:3.13-alpine", (), run=_STATIC)
    return Kind("unknown", "", ())


def _cmd(command: tuple[str, ...]) -> str:
    return f"CMD {json.dumps(['sh', '-c', f'exec {_shell(command)}'], ensure_ascii=False)}"


def _shell(command: tuple[str, ...]) -> str:
    """The command for a shell that shall replace the port and nothing else."""
    return " ".join(_word(word) for word in command)


def _word(word: str) -> str:
    if not _PORT.search(word):
        return shlex.quote(word)
    parts = [shlex.quote(part) if part else "" for part in _PORT.split(word)]
    return '"$PORT"'.join(parts)
