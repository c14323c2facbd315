"""The documents of the API."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from turnout.domain import documents
from turnout.domain.documents import (
    DeployBody,
    DesiredState,
    GitBody,
    InstanceReport,
    OperationAccepted,
    Problem,
    PromoteBody,
    RegionReport,
    RollbackBody,
    Slug,
)
from turnout.domain.records import HealthCheck, Resources, RunSpec

MODELS = [
    each
    for each in vars(documents).values()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == documents.__name__
]
REQUESTS = [DeployBody, GitBody, RollbackBody, PromoteBody, RegionReport, InstanceReport]


def refusal(model: type[BaseModel], **fields: Any) -> str:
    """Where and why the document is refused, when it comes as JSON and when it comes as Python's values."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(fields)
    with pytest.raises(ValidationError) as from_json:
        model.model_validate_json(json.dumps(fields))
    where = ".".join(map(str, refused.value.errors()[0]["loc"]))
    assert from_json.value.errors()[0]["type"]
    return f"{where}: {refused.value.errors()[0]['msg']}"


@pytest.mark.parametrize("model", REQUESTS)
def test_a_request_with_an_unknown_field_is_refused(model: type[BaseModel]) -> None:
    """A misspelt setting is never silently ignored."""
    assert "Extra inputs are not permitted" in str(_errors(model, {"nonsense": 1}))


@pytest.mark.parametrize("inside", ["git", "resources", "health"])
def test_unknown_fields_inside_are_refused_too(inside: str) -> None:
    """At every depth."""
    assert refusal(DeployBody, **{inside: {"nonsense": 1}}).startswith(f"{inside}.nonsense: ")


def _errors(model: type[BaseModel], fields: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(fields)
    return [error["msg"] for error in refused.value.errors()]


def test_an_answer_with_an_unknown_field_is_read() -> None:
    """An older client reads a newer server."""
    answer = OperationAccepted.model_validate({"operation_id": "op_1", "deployment_id": "dep_1", "new": True})
    assert answer == OperationAccepted(operation_id="op_1", deployment_id="dep_1")
    assert Problem.model_validate({"type": "a", "title": "b", "status": 400, "detail": "c", "instance": "d"})


@pytest.mark.parametrize("model", MODELS)
def test_documents_are_frozen(model: type[BaseModel]) -> None:
    """A document that was checked stays as it was checked."""
    assert model.model_config.get("frozen") is True


def test_the_defaults_of_a_deploy() -> None:
    """An empty body is production with the defaults of the records."""
    body = DeployBody.model_validate_json("{}")
    assert body.environment == "production"
    assert (body.resources, body.health) == (Resources(), HealthCheck())
    assert DeployBody.model_validate_json(body.model_dump_json()) == body


NUMBERS = [
    ("resources", "replicas", [0, -1, 101, 10**9, True, "2", 1.5, None]),
    ("resources", "cpu_millicores", [0, -250, 9, 256_001, True, "250"]),
    ("resources", "memory_mib", [0, -1, 15, 10**9, 2**64, True]),
    ("health", "interval", [0, -1, 0.04, 61, True, "1", math.nan, math.inf, -math.inf, None]),
    ("health", "timeout", [0, -1, 61, 1e308, math.nan, math.inf]),
    ("health", "passes", [0, -1, 101, 1.5, True]),
    ("health", "deadline", [0, 0.4, 3601, math.nan, math.inf, "60"]),
]


@pytest.mark.parametrize(
    ("group", "name", "value"), [(group, name, value) for group, name, values in NUMBERS for value in values]
)
def test_numbers_out_of_range_are_refused(group: str, name: str, value: Any) -> None:
    """Nothing that could not be run, or would starve the machine, gets in; the message names the field."""
    assert refusal(DeployBody, **{group: {name: value}}).startswith(f"{group}.{name}: ")


HOSTILE_PATHS = [
    "",
    "healthz",
    "//evil.example",
    "///evil",
    "/\\evil",
    "\\\\evil",
    "http://evil.example/",
    "/a b",
    "/a\tb",
    "/a\r\nHost: evil",
    "/a\x00b",
    "/a#b",
    "/é",
    "/\u2028",
    "/" + "a" * 1024,
    "/ok\n",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    """The app is asked at its own address, whatever the path says; the same rule for both paths."""
    says = "has to be a path that starts with one slash, such as /healthz"
    assert refusal(DeployBody, health={"path": path}) == f"health.path: {says}"
    assert refusal(DeployBody, openapi_path=path) == f"openapi_path: {says}"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/a//b", "/a/../b", "/@evil", "/a?b=c&d=[1]", "/%20", "/" + "a" * 1023]
)
def test_paths_that_are_fine(path: str) -> None:
    """Anything printable after one slash, with a query or without."""
    assert DeployBody.model_validate({"health": {"path": path}, "openapi_path": path}).health.path == path


REFUSED: list[tuple[str, Any]] = [
    ("environment", "Production"),
    ("environment", ""),
    ("environment", "a\n"),
    ("environment", "a--b"),
    ("environment", "a" * 41),
    ("environment", "../prod"),
    ("source_id", "../../etc/passwd"),
    ("source_id", "F" * 64),
    ("source_id", "f" * 63),
    ("image", ""),
    ("image", "-v"),
    ("image", "--privileged"),
    ("image", "a b"),
    ("image", "a;b"),
    ("image", "a" * 513),
    ("image", "app:v1\n"),
    ("git", {"branch": ""}),
    ("git", {"branch": "x" * 256}),
    ("git", {"branch": "a\x00b"}),
    ("git", {"branch": "a\nb"}),
    ("git", {"commit_sha": "abc123"}),
    ("git", {"commit_sha": "ABC1234"}),
    ("git", {"commit_sha": "a" * 65}),
    ("git", {"commit_message": "x" * 1001}),
    ("git", {"commit_message": "a\x00"}),
    ("run_command", [""]),
    ("run_command", [" ", "a"]),
    ("run_command", ["a", "b\x00c"]),
    ("run_command", ["a" * 4097]),
    ("run_command", ["a"] * 257),
    ("run_command", "python app.py"),
    ("run_command", ["a", 1]),
    ("build_command", ["", "a"]),
    ("key_auth_id", ""),
    ("key_auth_id", "a" * 129),
    ("key_auth_id", "a\nb"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_texts_that_are_refused(name: str, value: Any) -> None:
    """Each field takes what it means and nothing else."""
    assert refusal(DeployBody, **{name: value}).startswith(name)


@pytest.mark.parametrize(
    "body", [{"git": {"branch": "\ud800"}}, {"run_command": ["a", "b\udfff"]}, {"build": {"args": {"\ud800": "1"}}}]
)
def test_half_a_character_is_refused_wherever_it_stands(body: dict[str, Any]) -> None:
    """JSON can say it, and no database, file or process can be told it."""
    assert "half of a surrogate pair" in refusal(DeployBody, **body)


def test_a_whole_deploy() -> None:
    """A body with everything in it; arguments may be empty, branches may be in any language."""
    body = DeployBody.model_validate(
        {
            "environment": "preview-2",
            "source_id": "0" * 64,
            "dockerfile": True,
            "git": {"branch": "funktion/größe", "commit_sha": "abc1234", "commit_message": "a\nb", "dirty": True},
            "build_command": ["make"],
            "run_command": ["./app", ""],
            "resources": {"replicas": 100, "cpu_millicores": 10, "memory_mib": 16},
            "health": {"path": "/", "interval": 60, "timeout": 0.05, "passes": 1, "deadline": 3600},
            "openapi_path": "/api.json",
        }
    )
    assert body.run_command == ("./app", "")
    assert body.health.interval == 60.0


@pytest.mark.parametrize("given", ["", "dep 1", "dep_1\x00", "dep_1\n", "a" * 65, "../x", "dép"])
def test_ids_in_requests(given: str) -> None:
    """An id that cannot be one is refused; one that could be is for the store to look up."""
    assert refusal(PromoteBody, target_deployment_id=given).startswith("target_deployment_id")
    assert refusal(RollbackBody, source_deployment_id=given).startswith("source_deployment_id")
    assert PromoteBody(target_deployment_id="dep_unknown")


def test_a_rollback_may_leave_everything_out() -> None:
    """From the live deployment to the one that was live before."""
    assert RollbackBody.model_validate_json("{}") == RollbackBody()


def test_a_slug_is_refused_with_a_sentence() -> None:
    """A person reads what a name has to be, and a machine finds the pattern in the schema."""
    slug = TypeAdapter(Slug)
    with pytest.raises(ValidationError, match="has to be a name of lower-case letters, digits and single dashes, 40"):
        slug.validate_python("Not A Slug")
    assert slug.json_schema()["pattern"] == "^[a-z0-9]+(-[a-z0-9]+)*$"


def test_krane_is_told_only_what_can_be_run() -> None:
    """The limits hold for what reaches krane as well."""
    spec = {"deployment_id": "dep_1", "project": "hello", "backend": "process", "image": "release:1"}
    state = DesiredState.model_validate({"revision": 1, "complete": True, "deployments": [spec]})
    assert isinstance(state.deployments[0], RunSpec)
    assert DesiredState.model_validate_json(state.model_dump_json()) == state
    with pytest.raises(ValidationError):
        DesiredState.model_validate(
            {"revision": 1, "complete": True, "deployments": [spec | {"resources": {"replicas": 10**6}}]}
        )


def test_every_document_says_what_it_is() -> None:
    """Each has a docstring: the API's description shows it."""
    assert all(model.__doc__ for model in MODELS)
