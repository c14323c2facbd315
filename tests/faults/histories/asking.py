"""Asks the API for what a history says; remembers the ids that its numbers stand for, and the secrets it made."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx

from tests.faults.histories import choices as c
from tests.faults.histories.choices import App
from tests.faults.histories.played import image_of
from tests.faults.histories.record import Request
from tests.faults.histories.requests import request_of
from tests.faults.histories.world import World
from turnout.dispatch import _invocation
from turnout.store.outbox import asked_operations
from turnout.store.schema import operations

_DEADLINES = {App.NEVER: 0.5}
_NO_DEADLINE = 300.0
"""No fault lasts as long: of an app that starts, nobody loses patience."""


class Asking:
    """One person, who asks all projects for everything."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self.secrets: list[str] = []
        """Values of variables and keys: nobody else may ever see one."""
        self._deployments: dict[str, list[str]] = defaultdict(list)
        self._operations: dict[str, list[str | None]] = defaultdict(list)
        self._keys: dict[tuple[str, str], str] = {}
        self._keyspaces: set[str] = set()

    async def ask(self, choice: c.Choice) -> list[Request]:
        """Ask for it, and have the answers; two where it is asked twice at once. Empty: there is nothing to ask."""
        if isinstance(choice, c.Resend):
            await self._resend(choice)
            return []
        about = self._about(choice)
        if about is None and isinstance(choice, c.Cancel | c.RevokeKey):
            return []
        if isinstance(choice, c.AddKey):
            await self._ensure_keyspace(choice.project)
        times = 2 if getattr(choice, "twice", False) else 1
        method, path, body = request_of(choice, about, self._body(choice))
        asked = [self._world.ask(method, path, told_once=isinstance(choice, c.AddKey), **body) for _ in range(times)]
        answers = await asyncio.gather(*asked)
        self._learn(choice, answers)
        return [Request(choice=choice, status=each.status_code, answer=_json(each), about=about) for each in answers]

    # ------------------------------------------------------------------------------ numbers and ids

    def _about(self, choice: c.Choice) -> str | None:
        match choice:
            case c.Cancel(operation=number):
                return _nth(self._operations[choice.project], number)
            case c.Promote(deployment=number) | c.Start(deployment=number):
                return _nth(self._deployments[choice.project], number)
            case c.Stop(deployment=number) | c.Remove(deployment=number):
                return _nth(self._deployments[choice.project], number)
            case c.Rollback(to=int(number)):
                return _nth(self._deployments[choice.project], number)
            case c.RevokeKey(name=name):
                return self._keys.get((choice.project, name))
            case _:
                return None

    def _learn(self, choice: c.Choice, answers: list[httpx.Response]) -> None:
        good = [each.json() for each in answers if each.status_code < 300]
        if isinstance(choice, c.Deploy | c.Rollback | c.Promote | c.Start):
            self._operations[choice.project].append(good[0]["operation_id"] if good else None)
        if isinstance(choice, c.Deploy):
            self._deployments[choice.project] += [each["deployment_id"] for each in good]
        if isinstance(choice, c.AddKey):
            for each in good:
                self._keys[choice.project, choice.name] = each["key"]["id"]
                self.secrets.append(each["secret"])

    async def _ensure_keyspace(self, project: str) -> None:
        if project not in self._keyspaces:
            self._keyspaces.add(project)
            await self._world.ask("POST", "/v1/keyspaces", json={"name": f"{project}-keys"})

    # ------------------------------------------------------------------------------------ what is sent

    def _body(self, choice: c.Choice) -> dict[str, Any]:
        match choice:
            case c.Deploy():
                return self._deploy(choice)
            case c.SetVariables(names=names):
                return {"variables": {name: self._secret(choice.project, name) for name in names}}
            case _:
                return {}

    def _deploy(self, choice: c.Deploy) -> dict[str, Any]:
        number = len(self._deployments[choice.project]) + 1
        commit = hashlib.sha256(f"{self._seed} {choice.project} {number}".encode()).hexdigest()[:40]
        body: dict[str, Any] = {
            "environment": choice.environment,
            "image": image_of(choice.app, number),
            "git": {"branch": choice.branch, "commit_sha": commit},
            "health": {"deadline": _DEADLINES.get(choice.app, _NO_DEADLINE)},
        }
        return body | ({"key_auth_id": f"{choice.project}-keys"} if choice.keys else {})

    def _secret(self, project: str, name: str) -> str:
        number = len(self.secrets)
        digest = hashlib.sha256(f"{self._seed} {project} {name} {number}".encode()).hexdigest()
        self.secrets.append(f"planted-{digest}")
        return self.secrets[-1]

    # ----------------------------------------------------------------------------------- duplicates

    async def _resend(self, choice: c.Resend) -> None:
        """The dispatcher sends it again, or somebody calls the handler a second time. Restate may be away."""
        operation_id = _nth(self._operations[choice.project], choice.operation)
        if operation_id is None:
            return
        async with self._world.store._db.read() as tx:
            (operation,) = await asked_operations(tx, operations.c.id == operation_id)
        path, body = _invocation(operation)
        headers = {"idempotency-key": operation_id} if choice.keyed else {}
        try:
            await self._world.ingress.post(path, json=body, headers=headers)
        except httpx.HTTPError:
            return


def _nth(known: Sequence[str | None], number: int) -> str | None:
    return known[number - 1] if number <= len(known) else None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {"detail": answer.text}
