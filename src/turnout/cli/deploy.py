"""`turnout deploy`: a source folder or an image becomes a new deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.options import Detach, Environment, Json, Project

if TYPE_CHECKING:
    from turnout.cli.follow import Progress
    from turnout.cli.source import App
    from turnout.client import Client
    from turnout.domain.documents import DeployBody, OperationAccepted, OperationDocument


def deploy(
    *,
    folder: Annotated[Path, typer.Argument(help="The source folder; with --image, where turnout.toml is.")] = Path(),
    image: Annotated[str | None, typer.Option("--image", help="Deploy this image instead of the folder.")] = None,
    project: Project = None,
    env: Environment = "production",
    branch: Annotated[str | None, typer.Option("--branch", help="The git branch; else the folder's own.")] = None,
    commit: Annotated[str | None, typer.Option("--commit", help="The git commit; else the folder's own.")] = None,
    key_auth_id: Annotated[
        str | None, typer.Option("--key-auth-id", help="Ask for keys of this keyspace, by its name or id.")
    ] = None,
    detach: Detach = False,
    json: Json = False,
) -> int:
    """Deploy a source folder, or an image: build, start, check, route, go live.

    What the folder runs is in its turnout.toml, or the web: line of its Procfile, or its Dockerfile. An image
    runs what it says itself; health check and resources still come from turnout.toml.

    Examples:

        turnout deploy .

        turnout deploy --image app:v2

        turnout deploy . --env preview --detach
    """
    from turnout.cli.follow import run_operation
    from turnout.cli.project import checked
    from turnout.cli.source import read_app, read_git

    checked(env, "--env")
    app = read_app(folder, needs_run=image is None)
    name = checked(project, "--project") if project is not None else app.project
    git = read_git(app.folder, branch=branch, commit=commit) if image is None else _given(app, branch, commit)
    body = _body(app, environment=env, image=image, git=git, key_auth_id=key_auth_id)

    async def begin(client: Client, progress: Progress) -> OperationAccepted:
        ready = body if image is not None else await _upload(client, app, body, progress)
        progress.say(f"asking for a deploy of {name}")
        return await client.deploy(name, ready)

    return run_operation(begin, result, as_json=json, detach=detach)


def result(operation: OperationDocument) -> dict[str, Any]:
    """What `--json` prints of a deploy."""
    return operation.model_dump(
        mode="json",
        include={
            "operation_id",
            "deployment_id",
            "project",
            "environment",
            "status",
            "live",
            "reason",
            "domains",
            "steps",
            "duration_ms",
            "generation",
            "propagation_ms",
            "observation",
        },
    )


def _given(app: App, branch: str | None, commit: str | None) -> Any:
    """Git data of an image: what was typed. The folder one happens to be in says nothing about an image."""
    from turnout.cli.source import read_git

    return read_git(app.folder / "no such folder", branch=branch, commit=commit)


def _body(app: App, *, environment: str, image: str | None, git: Any, key_auth_id: str | None) -> DeployBody:
    from pydantic import ValidationError

    from turnout.domain.documents import DeployBody
    from turnout.domain.errors import Invalid
    from turnout.domain.records import BuildOptions
    from turnout.domain.sentences import plain

    manifest = app.manifest
    try:
        return DeployBody(
            environment=environment,
            image=image,
            dockerfile=image is None and app.dockerfile,
            build=manifest.build if image is None else BuildOptions(),
            backend=manifest.backend if image is None else None,
            git=git,
            build_command=manifest.build_command if image is None else (),
            run_command=manifest.run_command if image is None else (),
            resources=manifest.resources,
            release=manifest.release,
            auto_rollback=manifest.auto_rollback,
            health=manifest.health,
            openapi_path=manifest.openapi_path,
            key_auth_id=manifest.keyspace if key_auth_id is None else key_auth_id,  # an empty one is no keyspace
            openapi_breaking=manifest.openapi_breaking,
            validation=manifest.validation,
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        given = plain(repr(first["input"]), limit=100)
        raise Invalid(f"cannot deploy with {field or 'this'} {given}: {first['msg']}") from None


async def _upload(client: Client, app: App, body: DeployBody, progress: Progress) -> DeployBody:
    import asyncio
    import tempfile

    from turnout import bootstrap
    from turnout.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="turnout-") as scratch:
        archive = Path(scratch) / "source.tar.gz"
        progress.say(f"packing {app.folder}")
        limit = load_settings().api.upload_mib
        await asyncio.to_thread(bootstrap.pack_folder, app.folder, archive, limit_mib=limit)

        def sent(done: int, size: int) -> None:
            progress.tick(f"uploading {app.folder.name}: {done * 100 // max(size, 1)} % of {size / 1_048_576:.1f} MiB")

        progress.say(f"uploading {app.folder.name}")
        accepted = await client.upload_source(archive, progress=sent)
    return body.model_copy(update={"source_id": accepted.source_id})
