"""The one place where parts are put together: settings in, a running part out. One module a process.

Each `run_…` is the main function of one process and returns when it was told to stop. What a process does not need is
not imported into it, so the modules are imported by whoever runs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.settings import Settings

if TYPE_CHECKING:
    from turnout.backups.making import BackupReport
    from turnout.backups.restoring import RestoreReport
    from turnout.domain.manifest import Manifest


async def run_server(settings: Settings) -> None:
    """The API, and the dispatcher beside it."""
    from turnout.bootstrap import server

    await server.run_server(settings)


async def run_worker(settings: Settings) -> None:
    """The workflows, as Restate calls them."""
    from turnout.bootstrap import worker

    await worker.run_worker(settings)


async def run_krane(settings: Settings, *, stop_instances_on_exit: bool = False) -> None:
    """The agent that runs the instances of one region."""
    from turnout.bootstrap import krane

    await krane.run_krane(settings, stop_instances_on_exit=stop_instances_on_exit)


async def stop_instances(settings: Settings) -> tuple[str, ...]:
    """End what a krane that was killed has left; returns the ids. Raises Conflict while a krane lives."""
    from turnout.bootstrap import krane

    return await krane.stop_instances(settings)


async def run_gateway(settings: Settings) -> None:
    """An Envoy, and the service beside it that tells it what to serve."""
    from turnout.bootstrap import gateway

    await gateway.run_gateway(settings)


async def make_backup(settings: Settings, out: Path, *, with_keys: bool, logs: bool, with_store: bool) -> BackupReport:
    """Pack what a home cannot make again: see `turnout.backups.making`."""
    from turnout.backups.making import make_backup

    return await make_backup(settings, out, with_keys=with_keys, logs=logs, with_store=with_store)


def restore_backup(file: Path, home: Path) -> RestoreReport:
    """Make a home of a backup: see `turnout.backups.restoring`."""
    from turnout.backups.restoring import restore_backup

    return restore_backup(file, home)


def pack_folder(folder: Path, destination: Path, *, limit_mib: int) -> Any:
    """Pack a source folder for upload: see `turnout.builds.pack`."""
    from turnout.bootstrap import sources

    return sources.pack_folder(folder, destination, limit_mib=limit_mib)


def dockerfile_of(folder: Path, manifest: Manifest) -> tuple[str, bool]:
    """The Dockerfile that an image of the folder is built by, and whether it is generated. Raises Invalid."""
    from turnout.bootstrap import sources

    return sources.dockerfile_of(folder, manifest)
