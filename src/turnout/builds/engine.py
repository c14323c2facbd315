"""The Docker Engine as builds need it: its images, its builder, its way to a registry. Failures are told plainly."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiodocker
import aiohttp

from turnout.domain.errors import DeploymentFailed, Unavailable
from turnout.registry_logins import all_logins, login_for

BUILDKIT_API: Final = (1, 39)
"""The first version of the engine's API with BuildKit."""
_FOREVER: Final = aiohttp.ClientTimeout(total=None, sock_connect=10)
_QUICK: Final = aiohttp.ClientTimeout(total=20)


class Engine(aiodocker.Docker):
    """A connection to the engine of this machine."""

    async def __aenter__(self) -> Self:
        try:
            await self.version()  # learns which version of the API both sides speak
        except (aiodocker.DockerError, aiohttp.ClientError, OSError) as error:
            await self.close()
            raise Unavailable(
                f"cannot build an image: the Docker Engine does not answer ({error}); start it, or deploy as a process"
            ) from error
        return self

    async def has_buildkit(self) -> bool:
        """Whether it builds with BuildKit, by what it says of itself."""
        async with self.session.get(f"{self.docker_host}/_ping", timeout=_QUICK) as answer:
            headers = answer.headers
        if "Libpod-API-Version" in headers or headers.get("Builder-Version") == "1":
            return False
        major, _, minor = headers.get("Api-Version", "0.0").partition(".")
        numbers = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
        return headers.get("Ostype", "linux") == "linux" and numbers >= BUILDKIT_API

    async def image(self, name: str) -> Mapping[str, Any] | None:
        """What the engine knows of an image; None when it has none of that name."""
        try:
            found: Mapping[str, Any] = await self.images.inspect(name)
        except aiodocker.DockerError as error:
            if error.status == 404:
                return None
            raise Unavailable(f"cannot build an image: the Docker Engine says: {error.message}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"cannot build an image: the Docker Engine does not answer ({error})") from error
        return found

    async def remove(self, tag: str) -> str | None:
        """Take a tag away; returns why it is still there. One that is gone already is gone."""
        try:
            await self.images.delete(tag)
        except aiodocker.DockerError as error:
            return None if error.status == 404 else str(error.message)
        except (aiohttp.ClientError, OSError) as error:
            return f"the Docker Engine does not answer ({error})"
        return None

    async def digest_in_registry(self, name: str) -> str | None:
        """The digest that a tag has in its registry; None when there is no such tag."""
        url = f"{self.docker_host}/{self.api_version}/distribution/{name}/json"
        try:
            async with self.session.get(url, headers=registry_auth(name), timeout=_QUICK) as answer:
                if answer.status == 404:
                    return None
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            raise Unavailable(f"cannot look for {name}: the Docker Engine does not answer ({error})") from error
        if answer.status == 200:
            return str(document["Descriptor"]["digest"])
        message = str(document.get("message", answer.status))
        if any(hint in message for hint in ("manifest unknown", "name unknown", "not found")):
            return None
        raise Unavailable(f"cannot look for {name} in the registry: {message}")

    async def build_messages(self, context: Path, params: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Have an image built of a tar file. When we are killed the connection ends, and with it the build."""
        with context.open("rb") as file:
            headers = {"content-type": "application/x-tar", **registry_config()}
            async for message in self._stream("build", params, headers=headers, data=file):
                yield message

    async def push_messages(self, repository: str, tag: str) -> AsyncIterator[dict[str, Any]]:
        """Have an image pushed."""
        auth = registry_auth(repository) or {"X-Registry-Auth": _encoded({})}
        async for message in self._stream(f"images/{repository}/push", {"tag": tag}, headers=auth):
            yield message

    async def _stream(
        self, path: str, params: Mapping[str, str], *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[dict[str, Any]]:
        url = f"{self.docker_host}/{self.api_version}/{path}"
        try:
            async with self.session.post(url, params=params, data=data, headers=headers, timeout=_FOREVER) as answer:
                if answer.status != 200:
                    raise DeploymentFailed(f"the Docker Engine says: {_message(await answer.text())}")
                buffer = b""
                async for piece in answer.content.iter_any():  # a line may be longer than the reader's own limit
                    *lines, buffer = (buffer + piece).split(b"\n")
                    for line in filter(None, (each.strip() for each in lines)):
                        yield json.loads(line)
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"cannot build an image: the connection to the Docker Engine broke ({error})") from error


@asynccontextmanager
async def open_engine() -> AsyncIterator[Engine]:
    """The engine of this machine. Raises Unavailable when there is none, or it does not answer."""
    try:
        engine = Engine()
    except ValueError as error:  # no socket where one is expected
        raise Unavailable(
            "cannot build an image: there is no Docker Engine on this machine; start one, or deploy as a process"
        ) from error
    async with engine:
        yield engine


def registry_auth(name: str) -> dict[str, str]:
    """The header that signs in to an image's registry, by what `docker login` has kept; empty when it has not."""
    login = login_for(name)
    return {} if login is None else {"X-Registry-Auth": _encoded(login)}


def registry_config() -> dict[str, str]:
    """The header with every login, for the base images of a build."""
    logins = all_logins()
    return {"X-Registry-Config": _encoded(logins)} if logins else {}


def _encoded(document: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
