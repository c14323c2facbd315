"""The golden document of a container."""

from __future__ import annotations

import json

from turnout.domain.records import Backend, Resources, RunSpec
from turnout.krane.docker_plan import container_config
from turnout.krane.ports import Launch

SPEC = RunSpec(
    deployment_id="dep_1",
    project="shop",
    backend=Backend.DOCKER,
    image="shop:v2",
    command=("MODE=web", "serve", "--port", "$PORT", "${MODE}"),
    resources=Resources(replicas=2, cpu_millicores=250, memory_mib=128),
)


def test_golden() -> None:
    """Every limit, every label, nothing mounted."""
    config = container_config(Launch(instance_id="ins_1", slot=1, region="fra", spec=SPEC), home_id="home1")
    spec = config["Labels"].pop("turnout.spec")
    assert json.loads(spec)["image"] == "shop:v2"
    assert config == {
        "Image": "shop:v2",
        "Cmd": ["serve", "--port", "8080", "web"],
        "Env": [
            "HOST=0.0.0.0",
            "MODE=web",
            "PORT=8080",
            "PYTHONUNBUFFERED=1",
            "TURNOUT_DEPLOYMENT_ID=dep_1",
            "TURNOUT_INSTANCE_ID=ins_1",
            "TURNOUT_REGION=fra",
        ],
        "ExposedPorts": {"8080/tcp": {}},
        "Labels": {
            "turnout.home": "home1",
            "turnout.instance": "ins_1",
            "turnout.deployment": "dep_1",
            "turnout.slot": "1",
        },
        "HostConfig": {
            "CapDrop": ["ALL"],
            "Init": True,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
            "Memory": 134217728,
            "MemorySwap": 134217728,
            "NanoCpus": 250000000,
            "PidsLimit": 256,
            "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "ReadonlyRootfs": True,
            "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {"/tmp": "rw,nosuid,nodev,size=64m"},
        },
    }


def test_variables_are_in_the_environment_and_nowhere_else() -> None:
    """No label, no argument; the port stays ours."""
    launch = Launch(
        instance_id="i", slot=0, region="r", spec=SPEC, variables={"KEY": "s3cr3t", "HOST": "::", "MODE": "other"}
    )
    config = container_config(launch, home_id="h")
    environment = config.pop("Env")
    assert {"KEY=s3cr3t", "HOST=::", "MODE=web", "PORT=8080"} <= set(environment)
    assert "s3cr3t" not in json.dumps(config) + repr(launch)


def test_without_a_command_the_image_says_what_runs() -> None:
    """No Cmd, so that the image's own is used."""
    bare = RunSpec(deployment_id="dep_1", project="p", backend=Backend.DOCKER, image="i")
    assert "Cmd" not in container_config(Launch(instance_id="i", slot=0, region="r", spec=bare), home_id="h")
