"""The verbs as typer knows them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from turnout import __version__
from turnout.cli import (
    backup,
    build,
    cancel,
    certs,
    deploy,
    diff,
    domains,
    down,
    env,
    gc,
    keys,
    keyspaces,
    logs,
    ls,
    openapi,
    part,
    projects,
    promote,
    protect,
    requests,
    rm,
    rollback,
    start,
    status,
    stop,
    tokens,
    up,
    upgrade,
    vault,
    why,
)

_PARTS: Final = "Parts, each alone in the foreground"

app = typer.Typer(
    name="turnout",
    help="Durable deployments on your own machines: deploy, roll back, promote, without dropping a request.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"turnout {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


VERBS: Final = (
    up.up,
    deploy.deploy,
    ls.ls,
    rollback.rollback,
    promote.promote,
    diff.diff,
    cancel.cancel,
    stop.stop,
    start.start,
    rm.rm,
    gc.gc,
    logs.logs,
    requests.requests,
    status.status,
    why.why,
    build.build,
    upgrade.upgrade,
    backup.backup,
    backup.restore,
    down.down,
)
for verb in VERBS:
    app.command()(verb)
for group in (
    projects.verbs,
    env.verbs,
    certs.verbs,
    domains.verbs,
    keyspaces.verbs,
    keys.verbs,
    openapi.verbs,
    protect.verbs,
    tokens.verbs,
    vault.verbs,
):
    app.add_typer(group)


@app.command(rich_help_panel=_PARTS)
def server() -> int:
    """Run the API, with what sends operations on to Restate."""
    return part.run_part("server")


@app.command(rich_help_panel=_PARTS)
def worker() -> int:
    """Run the workflows, as Restate calls them."""
    return part.run_part("worker")


@app.command(rich_help_panel=_PARTS)
def krane(
    stop_instances_on_exit: Annotated[
        bool, typer.Option("--stop-instances-on-exit", help="End the instances when krane is told to end.")
    ] = False,
) -> int:
    """Run the agent that starts and watches the instances of a region."""
    return part.run_part("krane", ("--stop-instances-on-exit",) if stop_instances_on_exit else ())


@app.command(rich_help_panel=_PARTS)
def gateway() -> int:
    """Run an Envoy, and what tells it whom to serve."""
    return part.run_part("gateway")
