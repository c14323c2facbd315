"""Instances as containers of a Docker Engine.

The engine may hang, be away or be slow: every call has a timeout, and what cannot be known is Unavailable,
never "failed". The library is loaded with this module's first call, not with krane.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from turnout.domain.errors import DeploymentFailed, NotFound, Unavailable
from turnout.krane.detect import docker_address
from turnout.krane.docker_output import Follower
from turnout.krane.docker_plan import LABEL_HOME, PORT, container_config, container_name, is_odd, known_as
from turnout.krane.files import instances_folder
from turnout.krane.output import OutputFile
from turnout.krane.ports import Found, Launch, Observation, Output, Presence
from turnout.registry_logins import login_for

if TYPE_CHECKING:
    from aiodocker import Docker

T = TypeVar("T")

_NO_CONNECTION: Final = 900
"""What aiodocker calls it when no engine was there to give a status."""


class DockerBackend:
    """Runs each instance in a container named after it; knows its own by the label `turnout.home`."""

    poll_interval: Final = 1.0

    def __init__(
        self,
        *,
        home: Path,
        home_id: str,
        url: str | None = None,
        call_timeout: float = 5.0,
        pull_timeout: float = 600.0,
        output_limit: int = 10 * 2**20,
    ) -> None:
        """`home_id` tells the containers of several homes on one engine apart. `url` as in DOCKER_HOST."""
        self._instances = instances_folder(home)
        self._home_id = home_id
        self._url = url
        self._call_timeout = call_timeout
        self._pull_timeout = pull_timeout
        self._output_limit = output_limit
        self._engine: Docker | None = None
        self._followers: dict[str, Follower] = {}

    async def found(self) -> tuple[Found, ...]:
        filters = {"label": [f"{LABEL_HOME}={self._home_id}"]}
        containers = await self._call(
            "list containers", self._docker().containers.list(all=True, filters=json.dumps(filters))
        )
        found = [
            Found(
                instance_id=known_as(container),
                presence=Presence.ALIVE if container["State"] in ("running", "paused") else Presence.EXITED,
            )
            for container in containers
            if not is_odd(known_as(container)) or not await self._inherited(container["ImageID"])
        ]
        return tuple(sorted(found, key=lambda one: one.instance_id))

    async def start(self, launch: Launch) -> Observation:
        details = await self._inspect(launch.instance_id)
        if details is None:
            await self._provide_image(launch.spec.image)
            await self._create(launch)
        elif not self._owns(details):
            raise DeploymentFailed(
                f"cannot start: somebody else's container is named {container_name(launch.instance_id)}"
            )
        elif launch.once and details["State"]["Status"] != "created":
            return await self.observe(launch.instance_id)
        if details is None or not details["State"]["Running"]:
            container = self._docker().containers.container(container_name(launch.instance_id))
            await self._call("start the container", container.start(), timeout=self._call_timeout * 4)
        return await self.observe(launch.instance_id)

    async def observe(self, instance_id: str) -> Observation:
        details = await self._inspect(instance_id)
        if details is None:
            return Observation(presence=Presence.MISSING)
        self._follow(instance_id)
        state = details["State"]
        if state["Running"]:
            return Observation(presence=Presence.ALIVE, address=published(details), relayed=True)
        if state["Status"] == "created":
            return Observation(presence=Presence.MISSING)
        limit = details["HostConfig"]["Memory"] // 2**20
        reason = f"used more than its {limit} MiB of memory and was killed" if state["OOMKilled"] else None
        return Observation(presence=Presence.EXITED, exit_code=state["ExitCode"], reason=reason)

    async def stop(self, instance_id: str, *, grace: float) -> None:
        details = await self._inspect(instance_id)
        if details is None or not details["State"]["Running"] or not self._owns(details):
            return
        container = self._docker().containers.container(container_name(instance_id))
        try:
            if grace > 0:
                seconds = math.ceil(grace)
                await self._call(
                    "stop the container", container.stop(t=seconds), timeout=seconds + self._call_timeout * 2
                )
            else:
                await self._call("kill the container", container.kill(), timeout=self._call_timeout * 2)
        except (NotFound, DeploymentFailed):
            return  # it ended by itself between the look and the call

    async def remove(self, instance_id: str) -> None:
        details = await self._inspect(instance_id)
        if details is not None and self._owns(details):
            container = self._docker().containers.container(container_name(instance_id))
            with contextlib.suppress(NotFound):
                delete = container.delete(force=True, v=True)
                await self._call("remove the container", delete, timeout=self._call_timeout * 2)
        follower = self._followers.pop(instance_id, None)
        if follower is not None:
            await follower.close()
        await asyncio.to_thread(shutil.rmtree, self._instances / instance_id, ignore_errors=True)

    async def read_output(self, instance_id: str, *, offset: int, limit: int) -> Output:
        follower = self._followers.get(instance_id)
        if follower is None:
            return Output(offset=offset, data=b"")
        return follower.file.read(offset, limit)

    async def last_output(self, instance_id: str) -> bytes:
        follower = self._followers.get(instance_id)
        if follower is None:
            return b""
        await follower.settle()
        return follower.file.tail()

    async def close(self) -> None:
        for follower in self._followers.values():
            await follower.close()
        self._followers.clear()
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    # -------------------------------------------------------------------------------------- the engine

    def _docker(self) -> Docker:
        if self._engine is None:
            from aiodocker import Docker  # noqa: PLC0415  # some MB that a krane without containers never pays

            url = self._url or docker_address()
            if url is None:
                raise Unavailable("cannot reach the Docker Engine: its socket is not there; start the engine")
            self._engine = Docker(url=url)
        return self._engine

    async def _call(self, what: str, call: Awaitable[T], *, timeout: float | None = None) -> T:
        """Await one call of the engine, and turn whatever goes wrong into one of our errors."""
        from aiodocker import DockerError  # noqa: PLC0415
        from aiohttp import ClientError  # noqa: PLC0415

        seconds = self._call_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError:
            raise Unavailable(
                f"cannot {what}: the Docker Engine did not answer within {seconds:g} s; trying again"
            ) from None
        except DockerError as error:
            if error.status == 404:
                raise NotFound(f"cannot {what}: {error.message}") from None
            if error.status == _NO_CONNECTION:
                raise Unavailable(f"cannot {what}: the Docker Engine cannot be reached; trying again") from None
            if error.status in (304, 400, 409) or "OCI runtime" in error.message:
                raise DeploymentFailed(f"cannot {what}: {error.message}") from None
            raise Unavailable(f"cannot {what}: the Docker Engine says: {error.message}") from None
        except (ClientError, OSError) as error:
            raise Unavailable(f"cannot {what}: the Docker Engine cannot be reached ({error}); trying again") from None

    async def _inspect(self, instance_id: str) -> dict[str, Any] | None:
        container = self._docker().containers.container(container_name(instance_id))
        try:
            return await self._call("look at the container", container.show())
        except NotFound:
            return None

    async def _create(self, launch: Launch) -> None:
        config = container_config(launch, home_id=self._home_id)
        create = self._docker().containers.create(config, name=container_name(launch.instance_id))
        try:
            await self._call("create the container", create, timeout=self._call_timeout * 4)
        except DeploymentFailed as error:
            # Created by a call whose answer never came? Then it is there, and it is what we want.
            details = await self._inspect(launch.instance_id)
            if details is None and "already in use" in error.detail:
                raise Unavailable(
                    "cannot create the container: the Docker Engine is still busy with making it; trying again"
                ) from None
            if details is None or not self._owns(details):
                raise

    async def _provide_image(self, image: str) -> None:
        """Use the engine's own image when it has it; else try to pull it."""
        try:
            await self._call("look for the image", self._docker().images.inspect(image))
            return
        except NotFound:
            pass
        try:
            login = await asyncio.to_thread(login_for, image)
            pulling = self._docker().images.pull(image, auth=None if login is None else dict(login))
            await self._call("pull the image", pulling, timeout=self._pull_timeout)
        except (NotFound, DeploymentFailed, Unavailable) as error:
            if not await self._answers():
                raise Unavailable(f"cannot pull {image}: the Docker Engine does not answer; trying again") from None
            raise DeploymentFailed(
                f"cannot start: this machine does not have the image {image}, and it could not be pulled "
                f"({error.detail}); build it here, or run `docker pull {image}` here (after `docker login`, if "
                "the registry asks for one), and deploy again"
            ) from None

    async def _answers(self) -> bool:
        try:
            await self._call("ask for the version", self._docker().version())
        except Unavailable:
            return False
        return True

    async def _inherited(self, image_id: str) -> bool:
        """Whether the mark is the image's: somebody looks at a copy of an instance, and it is no instance."""
        try:
            image = await self._call("look at the image", self._docker().images.inspect(image_id))
        except NotFound:
            return False
        return LABEL_HOME in (image["Config"].get("Labels") or {})

    def _owns(self, details: dict[str, Any]) -> bool:
        labels = details["Config"]["Labels"] or {}
        return bool(labels.get(LABEL_HOME) == self._home_id)

    def _follow(self, instance_id: str) -> None:
        """Have its output written down from now on, and from where an earlier krane left off."""
        if instance_id not in self._followers:
            file = OutputFile(self._instances / instance_id, limit=self._output_limit)
            self._followers[instance_id] = Follower(
                self._docker, container_name(instance_id), self._instances / instance_id, file
            )


def published(details: dict[str, Any]) -> str | None:
    """The address on this machine under which the container's port is reached, once it has one."""
    ports = details["NetworkSettings"]["Ports"] or {}
    bindings = ports.get(f"{PORT}/tcp") or []
    return f"127.0.0.1:{bindings[0]['HostPort']}" if bindings else None
