"""`turnout.toml` and Procfile."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.rows import Row
from turnout.domain import limits
from turnout.domain.documents import DeployBody
from turnout.domain.errors import Invalid
from turnout.domain.limits import Range
from turnout.domain.manifest import Manifest, parse_manifest, parse_procfile, slug_from
from turnout.domain.records import BuildOptions, HealthCheck, OnBreaking, Resources

WHOLE = """
[project]
name = "hello"
[build]
command = "pip install -r requirements.txt"
[run]
command = "python app.py --title 'two words' --empty ''"
[health]
path = "/healthz?deep=1"
interval = 1
timeout = 0.5
passes = 3
deadline = 30
[openapi]
path = "/openapi.json"
[auth]
keyspace = "customers"
[resources]
replicas = 2
cpu_millicores = 250
memory_mib = 256
"""


def test_every_field() -> None:
    """All there is to say, as one frozen record."""
    assert parse_manifest(WHOLE) == Manifest(
        name="hello",
        build_command=("pip", "install", "-r", "requirements.txt"),
        run_command=("python", "app.py", "--title", "two words", "--empty", ""),
        health=HealthCheck(path="/healthz?deep=1", interval=1.0, timeout=0.5, passes=3, deadline=30.0),
        openapi_path="/openapi.json",
        keyspace="customers",
        resources=Resources(replicas=2, cpu_millicores=250, memory_mib=256),
    )


def test_secrets_of_a_build() -> None:
    """Names only, in their order."""
    options = parse_manifest('[build]\nsecrets = ["NPM_TOKEN", "pem"]\n').build
    assert options == BuildOptions(secrets=("NPM_TOKEN", "pem"))
    assert BuildOptions.from_document(json.loads(json.dumps(asdict(options)))) == options


@pytest.mark.parametrize("text", ["", "# nothing\n", "[run]\n", "[health]\n[resources]\n"])
def test_everything_has_a_default(text: str) -> None:
    """An empty file and empty tables say nothing."""
    assert parse_manifest(text) == Manifest()


def test_other_spellings_of_toml() -> None:
    """Inline tables, dotted keys and quoted keys are the same file."""
    same = parse_manifest('[run]\ncommand = "./app"\n[health]\npasses = 3\n')
    assert parse_manifest('run = { command = "./app" }\nhealth.passes = 3\n') == same
    assert parse_manifest('["run"]\n"command" = "./app"\n[\'health\']\n\'passes\' = 3\n') == same


WRONG = [
    # TOML itself
    ("[run", 1, "Expected"),
    ('[run]\ncommand = "a"\ncommand = "b"', 3, "overwrite"),
    ("\n\nx = = 1", 3, "Invalid value"),
    # tables and settings that do not exist
    (
        '[rum]\ncommand = "a"',
        1,
        "there is no table [rum]; known are auth, build, deploy, health, openapi, project, release, resources, run",
    ),
    ('name = "hello"', 1, "there is no table [name]"),
    ('[run]\n\ncomand = "a"', 3, "[run] has no setting 'comand'; known are command"),
    ('[run]\nargs = ["a"]', 2, "[run] has no setting 'args'"),
    ("[run]\n[health]\n[health.http]\npath = 1", 3, "[health] has no setting 'http'"),
    ("health = {\n}", 1, ""),
    ("run = 3", 1, "run has to be a table: [run]"),
    ("[[run]]\n", 1, "run has to be a table"),
    # the name
    ("[project]\nname = 3", 2, "project.name has to be a name of lower-case letters"),
    ('[project]\nname = "Hello"', 2, "project.name has to be a name"),
    ('[project]\nname = ""', 2, "project.name has to be a name"),
    ('[project]\nname = "a--b"', 2, "single dashes"),
    ('[project]\nname = "-a"', 2, "project.name has to be a name"),
    (f'[project]\nname = "{"a" * 41}"', 2, "40 at most"),
    # commands
    ("[run]\ncommand = 3", 2, "run.command has to be a command in quotes"),
    ('[run]\ncommand = ""', 2, "run.command has to be a command in quotes"),
    ('[run]\ncommand = "  "', 2, "run.command has to be a command in quotes"),
    ('[run]\ncommand = ["python"]', 2, "run.command has to be a command in quotes"),
    ('[run]\ncommand = "echo \'a"', 2, "run.command cannot be split into words: No closing quotation"),
    ('[run]\ncommand = "a\\u0000b"', 2, "run.command contains a character that no argument"),
    ("[run]\ncommand = \"'' app\"", 2, "run.command begins with an empty word"),
    ('[run]\ncommand = "a && b | c"', 2, "run.command uses && |, and no shell runs it"),
    ('[build]\ncommand = "a > b"', 2, "build.command uses >"),
    (f'[run]\ncommand = "{"a " * 257}"', 2, "run.command is too long: 256 words"),
    (f'[run]\ncommand = "{"a" * 4097}"', 2, "run.command is too long"),
    # secrets of a build
    ('[build]\nsecrets = "KEY"', 2, "build.secrets has to be a list of names"),
    ("[build]\nsecrets = [3]", 2, "build.secrets has to be a list of names"),
    ('[build]\nsecrets = ["A", "A"]', 2, "build.secrets names a variable twice"),
    ('[build]\nsecrets = ["a,src=/etc/passwd"]', 2, "build.secrets holds 'a,src=/etc/passwd', which no variable can"),
    ('[build]\nsecrets = ["TURNOUT_X"]', 2, "build.secrets holds 'TURNOUT_X'"),
    (f"[build]\nsecrets = {[f'A{n}' for n in range(65)]}", 2, "build.secrets holds too many: 64"),
    # paths
    ("[health]\npath = 3", 2, "health.path has to be a path that starts with one slash"),
    ('[health]\npath = "healthz"', 2, "health.path has to be a path"),
    ('[health]\npath = "//evil.example/"', 2, "health.path has to be a path"),
    ('[health]\npath = "/\\\\evil"', 2, "health.path has to be a path"),
    ('[health]\npath = "/a b"', 2, "health.path has to be a path"),
    ('[health]\npath = "/a\\r\\nHost: evil"', 2, "health.path has to be a path"),
    ('[openapi]\npath = "http://evil/"', 2, "openapi.path has to be a path"),
    ('[auth]\nkeyspace = "Two Words"', 2, "auth.keyspace has to be the name or the id of a keyspace"),
    ("[auth]\nkeyspace = 1", 2, "auth.keyspace has to be the name or the id of a keyspace"),
    (f'[openapi]\npath = "/{"a" * 1024}"', 2, "openapi.path has to be a path"),
    # numbers
    ("[health] # when it runs\n\n  passes = 0", 3, "health.passes has to be a whole number from 1 to 100"),
    ("[health]\npasses = true", 2, "health.passes has to be a whole number"),
    ("[health]\npasses = 2.0", 2, "health.passes has to be a whole number"),
    ("[health]\ninterval = 0", 2, "health.interval has to be a number of seconds from 0.05 to 60"),
    ("[health]\ninterval = nan", 2, "health.interval has to be a number of seconds"),
    ("[health]\ntimeout = -1", 2, "health.timeout has to be a number of seconds from 0.05 to 60"),
    ("[health]\ntimeout = true", 2, "health.timeout has to be a number"),
    ("[health]\ndeadline = inf", 2, "health.deadline has to be a number of seconds from 0.5 to 3600"),
    ('[health]\ndeadline = "1m"', 2, "health.deadline has to be a number"),
    ("[resources]\nreplicas = -1", 2, "resources.replicas has to be a whole number from 1 to 100"),
    ("[resources]\ncpu_millicores = 9", 2, "resources.cpu_millicores has to be a whole number from 10 to 256000"),
    ("[resources]\nmemory_mib = 1000000000", 2, "resources.memory_mib has to be a whole number from 16 to 1048576"),
    # where it stands, in other spellings
    ("health.passes = 0", 1, "health.passes has to be"),
    ("run.command = 'a'\nhealth . passes = 0", 2, "health.passes has to be"),
    ("\nhealth = { passes = 0 }", 2, "health.passes has to be"),
    ('["health"]\n"passes" = 0', 2, "health.passes has to be"),
    ("[ health ]\npasses=0", 2, "health.passes has to be"),
]


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(("text", "line", "reason"), WRONG)
def test_an_error_names_file_line_and_reason(text: str, line: int, reason: str) -> None:
    """One plain sentence a person can act on, whatever is wrong."""
    if not reason:
        with suppress(Invalid):  # TOML 1.1 allows it, TOML 1.0 does not
            parse_manifest(text)
        return
    with pytest.raises(Invalid) as refused:
        parse_manifest(text, file="app/turnout.toml")
    assert refused.value.detail.startswith("cannot read app/turnout.toml: ")
    assert reason in refused.value.detail
    assert re.search(rf"\bline {line}\b", refused.value.detail)


@pytest.mark.fault(Row.HOSTILE)
def test_values_that_break_parsers() -> None:
    """A number of thousands of digits and thousands of brackets are refused like anything else."""
    for text in ("a = " + "1" * 5000, "a = " + "[" * 100_000, "[resources]\nreplicas = " + "9" * 4000):
        with pytest.raises(Invalid, match=r"cannot read turnout\.toml"):
            parse_manifest(text)


PIECES = st.sampled_from(
    [
        *"[]=.'\"{} \n#1-_é\x00\ufeff",
        *("run", "[run]", "health", "[health]\n", "command", "command = ", "path", "passes"),
        *("nan", "true", '"a"', "\\u0000", "1979-02-30", "0x"),
    ]
)


@pytest.mark.fault(Row.HOSTILE)
@given(st.text() | st.lists(PIECES).map("".join))
def test_arbitrary_text_raises_nothing_but_invalid(text: str) -> None:
    """Whatever a file holds, reading it ends with a manifest or with Invalid."""
    for parse in (parse_manifest, parse_procfile):
        with suppress(Invalid):
            parse(text)


RANGES = [
    ("resources", "replicas", limits.REPLICAS, int),
    ("resources", "cpu_millicores", limits.CPU_MILLICORES, int),
    ("resources", "memory_mib", limits.MEMORY_MIB, int),
    ("health", "passes", limits.HEALTH_PASSES, int),
    ("health", "interval", limits.HEALTH_INTERVAL, float),
    ("health", "timeout", limits.HEALTH_TIMEOUT, float),
    ("health", "deadline", limits.HEALTH_DEADLINE, float),
]


@pytest.mark.parametrize(("table", "key", "range_", "kind"), RANGES)
def test_both_ends_of_every_range(table: str, key: str, range_: Range, kind: type) -> None:
    """The limits themselves are allowed, one beyond is not, and the defaults lie inside."""
    step = 1 if kind is int else 0.01
    for value in (range_.low, range_.high):
        parsed = parse_manifest(f"[{table}]\n{key} = {value}")
        assert getattr(getattr(parsed, table), key) == value
    for value in (range_.low - step, range_.high + step):
        with pytest.raises(Invalid, match=re.escape(str(range_))):
            parse_manifest(f"[{table}]\n{key} = {value}")
    assert getattr(getattr(Manifest(), table), key) in range_


def test_what_a_manifest_allows_the_api_allows() -> None:
    """There is one set of limits: what passes here passes there."""
    manifest = parse_manifest(WHOLE)
    body = DeployBody.model_validate(
        {
            "build_command": manifest.build_command,
            "run_command": manifest.run_command,
            "health": manifest.health,
            "resources": manifest.resources,
            "openapi_path": manifest.openapi_path,
        }
    )
    assert DeployBody.model_validate_json(body.model_dump_json()) == body
    assert (body.health, body.resources, body.run_command) == (
        manifest.health,
        manifest.resources,
        manifest.run_command,
    )


def test_procfile() -> None:
    """The `web:` line counts, wherever it stands."""
    text = "# a comment\nworker: python work.py\nweb:  gunicorn app:app --bind 0.0.0.0:$PORT\n"
    assert parse_procfile(text).run_command == ("gunicorn", "app:app", "--bind", "0.0.0.0:$PORT")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has no line that starts with `web:`"),
        ("worker: a\nwebsite: b", "it has no line that starts with `web:`"),
        ("worker: a\nweb:", "line 2: web: has to be a command"),
        ("web: a 'b", "line 1: web: cannot be split into words"),
        ("web: a && b", "line 1: web: uses &&"),
    ],
)
def test_procfile_errors(text: str, says: str) -> None:
    """The same errors as in a manifest, with the line."""
    with pytest.raises(Invalid) as refused:
        parse_procfile(text, file="app/Procfile")
    assert refused.value.detail.startswith("cannot read app/Procfile: ")
    assert says in refused.value.detail


@pytest.mark.parametrize(
    ("folder", "slug"),
    [
        ("hello", "hello"),
        ("Hello World", "hello-world"),
        ("my_app.v2", "my-app-v2"),
        ("--a--", "a"),
        ("a" * 39 + "-b", "a" * 39),
    ],
)
def test_a_name_from_the_folder(folder: str, slug: str) -> None:
    """What is not allowed in a name becomes one dash."""
    assert slug_from(folder) == slug


@pytest.mark.parametrize("folder", ["", "/", "...", "日本語"])
def test_a_folder_that_suggests_nothing(folder: str) -> None:
    """The message says how to give a name."""
    with pytest.raises(Invalid, match="--project"):
        slug_from(folder)


@given(st.text())
def test_a_suggested_name_is_a_name(folder: str) -> None:
    """Whatever is suggested is accepted."""
    with suppress(Invalid):
        assert limits.check_slug(slug_from(folder))


def test_the_gate_on_breaking_changes() -> None:
    """One of two words, or none at all."""
    assert parse_manifest("").openapi_breaking is None
    for word in OnBreaking:
        assert parse_manifest(f'[openapi]\nbreaking = "{word}"').openapi_breaking is word
        assert DeployBody.model_validate({"openapi_breaking": word.value}).openapi_breaking is word
    for wrong in ('"allow"', "true", '["ask"]'):
        with pytest.raises(Invalid, match=r"line 2: openapi.breaking has to be one of ask, refuse"):
            parse_manifest(f"[openapi]\nbreaking = {wrong}")
