"""What a container is created with. Pure: compared with a golden document in the tests."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from turnout.domain.records import RunSpec
from turnout.krane.command import split_command
from turnout.krane.ports import Launch

PORT: Final = 8080
"""Every container listens here; outside it gets a port of its own."""

LABEL_HOME: Final = "turnout.home"
LABEL_INSTANCE: Final = "turnout.instance"
_ODD: Final = "container-"
_SPEC: Final = TypeAdapter(RunSpec)


def container_name(instance_id: str) -> str:
    """The one name an instance's container can have: creating it twice is refused by the engine.

    What has our mark under another name (see `known_as`) is called by the engine's own id.
    """
    return instance_id.removeprefix(_ODD) if instance_id.startswith(_ODD) else f"turnout-{instance_id}"


def known_as(container: Any) -> str:
    """The instance that a container of the engine's list is; one that krane cannot have made gets an id of its own."""
    instance_id = str(container["Labels"].get(LABEL_INSTANCE, ""))
    if instance_id and f"/{container_name(instance_id)}" in container["Names"]:
        return instance_id
    return f"{_ODD}{container['Id'][:12]}"


def is_odd(instance_id: str) -> bool:
    """Whether somebody else has made the container."""
    return instance_id.startswith(_ODD)


def container_config(launch: Launch, *, home_id: str) -> dict[str, Any]:
    """The body of the engine's create call.

    Enforced by the engine: memory without swap, CPU, number of processes, no new privileges, no capabilities,
    a root that cannot be written, /tmp in memory (it counts as the container's memory). The user is the
    image's. Nothing of the machine is mounted, the engine's socket least of all.
    """
    spec = launch.spec
    memory = spec.resources.memory_mib * 2**20
    arguments, environment = split_command(
        spec.command,
        {
            "PORT": str(PORT),
            "HOST": "0.0.0.0",  # noqa: S104  # inside the container's own network; outside it is loopback only
            "PYTHONUNBUFFERED": "1",
            "TURNOUT_DEPLOYMENT_ID": spec.deployment_id,
            "TURNOUT_INSTANCE_ID": launch.instance_id,
            "TURNOUT_REGION": launch.region,
        },
        launch.variables,
    )
    environment["PORT"] = str(PORT)  # the one port that is published, whatever the command line says
    config: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "Labels": {
            LABEL_HOME: home_id,
            LABEL_INSTANCE: launch.instance_id,
            "turnout.deployment": spec.deployment_id,
            "turnout.slot": str(launch.slot),
            "turnout.spec": _SPEC.dump_json(spec).decode(),
        },
        "HostConfig": {
            "CapDrop": ["ALL"],
            "Init": True,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": spec.resources.cpu_millicores * 1_000_000,
            "PidsLimit": 256,
            "PortBindings": {f"{PORT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "ReadonlyRootfs": True,
            "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {"/tmp": "rw,nosuid,nodev,size=64m"},  # noqa: S108  # a mount point inside the container
        },
    }
    if arguments:
        config["Cmd"] = arguments
    return config
