"""Write the pages of the docs that say what the code says: settings, routes, statuses, faults.

`python -m scripts.generate_docs` writes them, `--check` writes nothing and exits 1 when one is out of date.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from tests.faults.rows import Row
from turnout.api.access import Access
from turnout.api.routes import ROUTES
from turnout.domain import limits, statuses
from turnout.domain.manifest import Manifest
from turnout.domain.validation import BODY_KIB, SKIPS_MAX
from turnout.settings import GROUPS, variable

ROOT: Final = Path(__file__).resolve().parent.parent
BEGIN: Final = "<!-- generated: statuses -->"
BEGIN_FAULTS: Final = "<!-- generated: faults -->"
END: Final = "<!-- end -->"

_MANIFEST: Final = (
    ("project", "name", None, "Name of the project: lower-case letters, digits and single dashes."),
    ("build", "command", None, "Run once in the source folder, before the first start. No shell runs it."),
    ("build", "backend", None, "`docker` or `process`: what shall run a folder."),
    ("build", "dockerfile", None, "The Dockerfile, by its path in the folder."),
    ("build", "target", None, "The stage of the Dockerfile to stop at."),
    ("build", "args", None, "Build arguments by name. Whoever has the image can read them: no secrets."),
    ("build", "base", None, "The image that a generated Dockerfile begins with; `turnout build --print` shows it."),
    ("build", "secrets", None, "Variables that the build sees: `RUN --mount=type=secret,id=NAME`, or its command."),
    ("run", "command", None, "Starts an instance, which listens on `$PORT`. No shell runs it."),
    ("release", "command", None, "Run once in the new version, before its instances start. No shell runs it."),
    ("release", "timeout", limits.RELEASE_TIMEOUT, "Seconds it may take."),
    ("deploy", "auto_rollback", None, "Roll back by itself when an instance dies while it is observed."),
    ("health", "path", None, "Asked by GET; 200 to 399 passes. Without it, a TCP connect to `$PORT` passes."),
    ("health", "interval", limits.HEALTH_INTERVAL, "Seconds between two checks."),
    ("health", "timeout", limits.HEALTH_TIMEOUT, "Seconds an instance may take to answer one."),
    ("health", "passes", limits.HEALTH_PASSES, "Checks in a row that have to pass."),
    ("health", "deadline", limits.HEALTH_DEADLINE, "Seconds until an instance that does not pass has failed."),
    ("openapi", "path", None, "Where the app describes itself, if it does."),
    ("auth", "keyspace", None, "Requests need a key of this keyspace, by its name or id."),
    ("openapi", "breaking", None, "What becomes of a deploy that breaks clients of the live one."),
    ("openapi", "validate", None, "Refuse requests that break what the app says of itself."),
    ("openapi", "skip", None, "Paths that are not checked, such as `/docs` or `/upload/*`."),
    ("openapi", "max_body_kib", BODY_KIB, "Larger bodies of checked requests are refused, in KiB."),
    ("resources", "replicas", limits.REPLICAS, "Instances in each region."),
    ("resources", "cpu_millicores", limits.CPU_MILLICORES, "Thousandths of a processor, for each instance."),
    ("resources", "memory_mib", limits.MEMORY_MIB, "Memory of each instance, in MiB."),
)
_DEFAULTS_IN_WORDS: Final = {
    ("project", "name"): "the folder's name",
    ("run", "command"): "the `web:` line of a `Procfile`",
    ("auth", "keyspace"): "none: everybody may call",
    ("openapi", "path"): "the usual places, `/openapi.json` first",
    ("openapi", "breaking"): "it goes live",
    ("openapi", "validate"): "`false`",
    ("openapi", "max_body_kib"): "`TURNOUT_GATEWAY_CHECKED_BODY_KIB`",
    ("release", "command"): "none",
    ("deploy", "auto_rollback"): "`false`",
    ("build", "backend"): "docker with a Dockerfile, else process where it is offered",
    ("build", "dockerfile"): "`Dockerfile`, or a generated one",
    ("build", "target"): "the last stage",
    ("build", "base"): "by the kind of app",
}
_LIMITS_IN_WORDS: Final = {
    ("project", "name"): f"{limits.SLUG_MAX} characters",
    ("build", "command"): f"{limits.WORDS_MAX} words of {limits.WORD_MAX} characters",
    ("run", "command"): f"{limits.WORDS_MAX} words of {limits.WORD_MAX} characters",
    ("release", "command"): f"{limits.WORDS_MAX} words of {limits.WORD_MAX} characters",
    ("deploy", "auto_rollback"): "`true` or `false`",
    ("build", "backend"): "one of the two",
    ("build", "dockerfile"): "a path inside the folder",
    ("build", "target"): "128 characters",
    ("build", "args"): f"{limits.BUILD_ARGS_MAX} texts of {limits.WORD_MAX} characters",
    ("build", "base"): "512 characters",
    ("build", "secrets"): f"{limits.BUILD_SECRETS_MAX} names of variables",
    ("health", "path"): "1024 characters, printable ASCII",
    ("openapi", "path"): "1024 characters, printable ASCII",
    ("auth", "keyspace"): f"a name of {limits.SLUG_MAX} characters, or an id",
    ("openapi", "breaking"): "`refuse` or `ask`",
    ("openapi", "validate"): "`true` or `false`",
    ("openapi", "skip"): f"{SKIPS_MAX} paths of 256 characters",
}
_ACCESS: Final = {
    Access.OPEN: "anybody",
    Access.READ: "any token of the workspace",
    Access.DEPLOY: "a token to deploy with",
    Access.ADMIN: "an admin's token",
    Access.KRANE: "the token of the region in the path",
}

_SETTINGS_INTRODUCTION: Final = """\
Turnout reads environment variables when a process starts. An empty variable counts as not set; one that cannot be
read stops the start with a sentence that names it."""
_MANIFEST_INTRODUCTION: Final = """\
Every table and every field may be left out. A field that does not exist, or a value outside its limits, is refused
with the line it stands on. The API has the same limits."""
_API_INTRODUCTION: Final = """\
Generated from `src/turnout/api/routes.py` by `make docs`. The server describes the same routes with their documents
at `/openapi.json`.

A token is sent as `Authorization: Bearer <token>`. Every refusal is a problem document (RFC 9457) with `type`,
`title`, `status` and `detail`. What takes long is answered with 202 and an operation to follow."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    stale = [page for page, text in pages(given.root).items() if not _is(given.root / page, text)]
    for page in stale:
        if given.check:
            print(f"{page} is out of date: run `make docs`", file=sys.stderr)
        else:
            (given.root / page).write_text(pages(given.root)[page], encoding="utf-8")
            print(f"wrote {page}")
    return 1 if given.check and stale else 0


def pages(root: Path) -> dict[str, str]:
    """Every generated page, as it should be, by its path below the repository."""
    architecture, reliability = "docs/architecture.md", "docs/reliability.md"
    faults = json.loads((root / "docs/reliability.json").read_text(encoding="utf-8"))
    return {
        "docs/settings.md": settings_page(),
        "docs/api.md": api_page(),
        architecture: with_diagram((root / architecture).read_text(encoding="utf-8")),
        reliability: _between(
            (root / reliability).read_text(encoding="utf-8"), BEGIN_FAULTS, faults_table(faults), page=reliability
        ),
    }


def settings_page() -> str:
    """All that can be set, of Turnout and of an app."""
    blocks = [
        "# Settings",
        "Generated from `src/turnout/settings.py` and `src/turnout/domain/limits.py` by `make docs`.",
        _SETTINGS_INTRODUCTION,
        "## Where things are",
        _table(
            ("variable", "default", "meaning"),
            [
                ("`TURNOUT_HOME`", "`~/.local/share/turnout`", "Where all state lives."),
                ("`TURNOUT_DATABASE_URL`", "SQLite, in the home", "The store."),
                ("`TURNOUT_API_URL`", "the server of the home", "Where the command line finds the API."),
                ("`TURNOUT_TOKEN`", "the token of the home", "What the command line signs in with."),
                ("`TURNOUT_RESTATE_SERVER`", "found, or installed", "The restate-server program that `up` starts."),
                ("`TURNOUT_ENVOY`", "the package's, or found", "The Envoy program that a gateway starts."),
                ("`TURNOUT_CACHE`", "`~/.cache/turnout`", "Where programs that had to be installed are kept."),
                ("`TURNOUT_DEBUG`", "off", "With any value, a fault of the command line says where it was."),
            ],
        ),
    ]
    for group, kind in GROUPS.items():
        blocks += [
            f"## {inspect.getdoc(kind)}",
            _table(
                ("variable", "default", "meaning"),
                [
                    (f"`{variable(group, each.name)}`", _value(each.default), str(each.metadata["doc"]))
                    for each in fields(kind)
                ],
            ),
        ]
    blocks += [
        "## An app: `turnout.toml`",
        _MANIFEST_INTRODUCTION,
        _table(("field", "default", "limits", "meaning"), map(_manifest_row, _MANIFEST)),
    ]
    return "\n\n".join(blocks) + "\n"


def api_page() -> str:
    """The table of routes."""
    rows = [
        (f"`{each.method} {each.path}`", str(each.status), _ACCESS[each.access], _summary(each.handler))
        for each in ROUTES
    ]
    table = _table(("route", "answers", "for", "what it does"), rows)
    return f"# The HTTP API\n\n{_API_INTRODUCTION}\n\n{table}\n"


def with_diagram(text: str) -> str:
    """The page with the state diagram between its two markers. Raises ValueError when they are not there."""
    return _between(text, BEGIN, f"```mermaid\n{statuses.mermaid()}\n```", page="docs/architecture.md")


def faults_table(results: dict[str, Any]) -> str:
    """What `make faults` has counted: a row for each kind of fault, and below it what failed, by name."""
    counted = {each["row"]: each for each in results["rows"]}
    rows, failed = [], []
    for row in Row:
        cells = counted.get(row.name)
        if cells is None:
            rows.append((row.value.fault, row.value.holds, "0", "not tried"))
            continue
        tried = cells["passed"] + len(cells["failed"])
        held = "held" if not cells["failed"] else f"**{len(cells['failed'])} failed**"
        skipped = f", {len(cells['skipped'])} not possible there" if cells["skipped"] else ""
        rows.append((row.value.fault, row.value.holds, str(tried), held + skipped))
        failed += [f"- {name}" for name in cells["failed"]]
    passed = sum(each["passed"] for each in results["rows"])
    what = "Everything was run" if results["whole"] else "The part that every build runs was run"
    head = (
        f"{what} on {results['day']} (commit {results['commit']}), on {results['system']}, in "
        f"{results['minutes']:.0f} minutes: {passed} cells passed and {len(failed)} failed."
    )
    blocks = [head, _table(("fault", "what has to hold", "cells", "result"), rows)]
    if failed:
        blocks += ["Failing:", "\n".join(failed)]
    return "\n" + "\n\n".join(blocks) + "\n"


def _between(text: str, begin: str, generated: str, *, page: str) -> str:
    """The page with this between two markers. Raises ValueError when they are not there."""
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"{page} has no place for what is generated: {begin} … {END}")
    return f"{before}{begin}\n{generated}\n{END}{after}"


def manifest_fields() -> set[tuple[str, str]]:
    """The fields that the page explains; a test compares them with those that are read."""
    return {(table, key) for table, key, _, _ in _MANIFEST}


def _manifest_row(row: tuple[str, str, limits.Range | None, str]) -> tuple[str, ...]:
    table, key, range_, meaning = row
    default = _DEFAULTS_IN_WORDS.get((table, key)) or _value(_default_of(table, key))
    limit = f"{range_.low} to {range_.high}" if range_ is not None else _LIMITS_IN_WORDS[table, key]
    return f"`{table}.{key}`", default, limit, meaning


def _default_of(table: str, key: str) -> Any:
    """What the manifest's own record says."""
    kind = get_type_hints(Manifest).get(table)
    found: dict[str, Field[Any]] = {} if kind is None else {each.name: each for each in fields(kind)}
    return found[key].default if key in found and found[key].default is not MISSING else None


def _value(value: Any) -> str:
    if value in (None, ""):
        return "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _summary(handler: Any) -> str:
    return (inspect.getdoc(handler) or "").partition("\n\n")[0].replace("\n", " ")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
