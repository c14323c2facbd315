"""`turnout.toml`: what an app says about itself. Text in, frozen record out, or one plain error."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from turnout.domain import limits
from turnout.domain.errors import Invalid
from turnout.domain.keyspaces import check_reference
from turnout.domain.limits import Range
from turnout.domain.records import Backend, BuildOptions, HealthCheck, OnBreaking, Release, Resources
from turnout.domain.validation import BODY_KIB, Validation, check_skips

T = TypeVar("T")
D = TypeVar("D")

_HEADER: Final = re.compile(r"\[\[?([^\]]+)\]")
_SHELL_ONLY: Final = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The settings of an app; a field that is absent has the stated default."""

    name: str | None = None
    build_command: tuple[str, ...] = ()
    build: BuildOptions = field(default_factory=BuildOptions)
    backend: Backend | None = None
    """What shall run it; None leaves the choice to what the folder is and what krane offers."""
    run_command: tuple[str, ...] = ()
    release: Release = field(default_factory=Release)
    auto_rollback: bool = False
    health: HealthCheck = field(default_factory=HealthCheck)
    openapi_path: str | None = None
    keyspace: str | None = None
    """Requests need a key of it: its name or its id."""
    openapi_breaking: OnBreaking | None = None
    """What becomes of a deploy that breaks the API of the live one; None: it goes live like any other."""
    validation: Validation = field(default_factory=Validation)
    resources: Resources = field(default_factory=Resources)


def parse_manifest(text: str, *, file: str = "turnout.toml") -> Manifest:
    """Read a `turnout.toml`. Raises Invalid with the file, the line and the reason."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise Invalid(f"cannot read {file}: its values are nested too deeply") from None
    except ValueError as error:  # what the parser says, and what int() says of a number with thousands of digits
        last_line = f"at line {max(1, len(text.splitlines()))}"
        raise Invalid(f"cannot read {file}: {error}".replace("at end of document", last_line)) from None
    reader = _Reader(document, text, file)
    manifest = Manifest(
        name=reader.take("project", "name", _slug, None),
        build_command=reader.take("build", "command", _command, ()),
        build=BuildOptions(
            dockerfile=reader.take("build", "dockerfile", _text(limits.check_file), None),
            target=reader.take("build", "target", _text(limits.check_target), None),
            args=reader.take("build", "args", _args, {}),
            base=reader.take("build", "base", _text(limits.check_image), None),
            secrets=reader.take("build", "secrets", _secrets, ()),
        ),
        backend=reader.take("build", "backend", _backend, None),
        run_command=reader.take("run", "command", _command, ()),
        release=Release(
            command=reader.take("release", "command", _command, ()),
            timeout=reader.take("release", "timeout", _seconds(limits.RELEASE_TIMEOUT), Release().timeout),
        ),
        auto_rollback=reader.take("deploy", "auto_rollback", _truth, False),  # its default
        health=HealthCheck(
            path=reader.take("health", "path", _path, None),
            interval=reader.take("health", "interval", _seconds(limits.HEALTH_INTERVAL), HealthCheck().interval),
            timeout=reader.take("health", "timeout", _seconds(limits.HEALTH_TIMEOUT), HealthCheck().timeout),
            passes=reader.take("health", "passes", _whole(limits.HEALTH_PASSES), HealthCheck().passes),
            deadline=reader.take("health", "deadline", _seconds(limits.HEALTH_DEADLINE), HealthCheck().deadline),
        ),
        openapi_path=reader.take("openapi", "path", _path, None),
        keyspace=reader.take("auth", "keyspace", _text(check_reference), None),
        openapi_breaking=reader.take("openapi", "breaking", _on_breaking, None),
        validation=Validation(
            enabled=reader.take("openapi", "validate", _truth, False),  # its default
            skip=reader.take("openapi", "skip", _skips, ()),
            max_body_kib=reader.take("openapi", "max_body_kib", _whole(BODY_KIB), None),
        ),
        resources=Resources(
            replicas=reader.take("resources", "replicas", _whole(limits.REPLICAS), Resources().replicas),
            cpu_millicores=reader.take(
                "resources", "cpu_millicores", _whole(limits.CPU_MILLICORES), Resources().cpu_millicores
            ),
            memory_mib=reader.take("resources", "memory_mib", _whole(limits.MEMORY_MIB), Resources().memory_mib),
        ),
    )
    reader.refuse_the_rest()
    return manifest


def parse_procfile(text: str, *, file: str = "Procfile") -> Manifest:
    """Take the `web:` line of a Procfile. Raises Invalid when there is none."""
    for number, line in enumerate(text.splitlines(), start=1):
        kind, colon, command = line.partition(":")
        if colon and kind.strip() == "web":
            try:
                return Manifest(run_command=_command(command.strip()))
            except ValueError as error:
                raise Invalid(f"cannot read {file}: line {number}: web: {error}") from None
    raise Invalid(f"cannot read {file}: it has no line that starts with `web:`")


def slug_from(folder_name: str) -> str:
    """The project name that a folder's name suggests. Raises Invalid when nothing is left of it."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).strip("-")[: limits.SLUG_MAX].strip("-")
    if not slug:
        raise Invalid(
            f"cannot name a project after the folder {folder_name!r}: write a name into turnout.toml, "
            'as in [project] name = "hello", or give --project'
        )
    return slug


class _Reader:
    """Takes known keys out of the document, one after another, and knows on which line each stands."""

    def __init__(self, document: Mapping[str, Any], text: str, file: str) -> None:
        self._tables = dict(document)
        self._lines = text.splitlines()
        self._file = file
        self._known: dict[str, set[str]] = {}

    def take(self, table: str, key: str, check: Callable[[Any], T], default: D) -> T | D:
        self._known.setdefault(table, set()).add(key)
        section = self._tables.get(table, {})
        if not isinstance(section, dict):
            raise self._error(table, None, f"{table} has to be a table: [{table}]")
        if key not in section:
            return default
        try:
            return check(section[key])
        except ValueError as error:
            raise self._error(table, key, f"{table}.{key} {error}") from None

    def refuse_the_rest(self) -> None:
        for table, section in self._tables.items():
            if table not in self._known:
                raise self._error(table, None, f"there is no table [{table}]; known are {_names(self._known)}")
            for key in section:
                if key not in self._known[table]:
                    raise self._error(
                        table, key, f"[{table}] has no setting {key!r}; known are {_names(self._known[table])}"
                    )

    def _error(self, table: str, key: str | None, reason: str) -> Invalid:
        return Invalid(f"cannot read {self._file}: line {self._line_of(table, key)}: {reason}")

    def _line_of(self, table: str, key: str | None) -> int:
        """The line of `key` in `table`, as a person would find it; the table's line when not found."""
        current, found = "", 1
        for number, line in enumerate(self._lines, start=1):
            stripped = line.strip()
            if header := _HEADER.match(stripped):
                current, *below = (part.strip(" \t\"'") for part in header[1].split("."))
                if current == table:
                    found = number
                    if key is not None and below[:1] == [key]:
                        return number
            elif current == table and key is not None and _begins(stripped, key):
                return number
            elif not current and _begins(stripped, table):
                found = number
                if key is not None and _begins(stripped.partition(".")[2].strip(), key):
                    return number
        return found


def _begins(line: str, key: str) -> bool:
    """Whether the line sets `key`, or something inside of it."""
    return re.match(rf"""["']?{re.escape(key)}["']?\s*[=.]""", line) is not None


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _slug(value: Any) -> str:
    return limits.check_slug(value if isinstance(value, str) else "")


def _command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("has to be a command in quotes")
    try:
        words = tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}") from None
    if operators := _SHELL_ONLY.intersection(words):
        raise ValueError(f"uses {' '.join(sorted(operators))}, and no shell runs it; if you need one, write: sh -c '…'")
    return limits.check_command(words)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("has to be true or false")  # noqa: TRY004  # what the reader turns into a sentence
    return value


def _path(value: Any) -> str:
    return limits.check_path(value if isinstance(value, str) else "")


def _text(check: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: check(value if isinstance(value, str) else "")


def _backend(value: Any) -> Backend:
    if value not in list(Backend):
        raise ValueError(f"has to be one of {_names(Backend)}")
    return Backend(value)


def _on_breaking(value: Any) -> OnBreaking:
    if value not in list(OnBreaking):
        raise ValueError(f"has to be one of {_names(OnBreaking)}")
    return OnBreaking(value)


def _args(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError('has to be a table of texts, as in args = { VERSION = "1.2" }')
    return limits.check_build_args(dict(value))


def _secrets(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('has to be a list of names, as in secrets = ["NPM_TOKEN"]')
    return limits.check_build_secrets(tuple(value))


def _skips(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('has to be a list of paths, as in skip = ["/docs", "/upload/*"]')
    return check_skips(tuple(value))


def _whole(limit: Range) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in limit:
            raise ValueError(f"has to be a whole number {limit}")
        return value

    return check


def _seconds(limit: Range) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value not in limit:
            raise ValueError(f"has to be a number of seconds {limit}")
        return float(value)

    return check
