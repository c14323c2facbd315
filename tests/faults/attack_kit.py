"""Two workspaces in one store, the API over it, and what every refusal has to look like.

`acme` is the attacker's, `other` the victim's: it owns one of everything that has an id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.certificates_kit import Authority
from tests.contract.domain_kit import add
from tests.contract.store_kit import REGION, Clock, Yard
from tests.contract.test_api_variables import Api
from turnout.domain.certificates import CertificateSource
from turnout.domain.ids import new_id
from turnout.domain.keyspaces import new_key
from turnout.domain.records import Backend
from turnout.domain.statuses import InstanceStatus
from turnout.domain.tokens import TokenAccess, hash_token
from turnout.store import Store

SECRET = "planted-2fX8kQ"
"""In a variable, a token and a hostile input: no refusal may repeat it."""

Dump = dict[str, list[tuple[Any, ...]]]


@dataclass
class Belongings:
    """What a workspace has, by the name of the path parameter that would name it."""

    ids: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    """What only somebody who can see the workspace's data could know."""


class World:
    """The store, the API, and both workspaces."""

    def __init__(self, store: Store, clock: Clock, home: Path, attacker: Yard, victim: Yard) -> None:
        self.store, self.clock, self.home = store, clock, home
        self.attacker, self.victim = attacker, victim
        self.api = Api(attacker, home, TURNOUT_DEPLOY_REGIONS=REGION, TURNOUT_DEPLOY_KEEP_STOPPED="0")
        self.belongings = Belongings()

    @property
    def app(self) -> Any:
        """The ASGI application."""
        return self.api._app

    def client(self, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client with this token; None sends none."""
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers, timeout=30)

    async def token(
        self, name: str, *, access: str = "admin", region: str | None = None, of: Yard | None = None
    ) -> str:
        """A good token, of the attacker's workspace unless told otherwise."""
        token = f"tno_{SECRET}_{name}"
        await self.store.add_token(
            name=name,
            access=access,  # type: ignore[arg-type]
            workspace_id=(of or self.attacker).workspace.id,
            region=region,
            token_hash=hash_token(token),
        )
        return token

    async def dump(self, *, apart_from: tuple[str, ...] = ()) -> Dump:
        """Every row, and every file of the home; `apart_from` names tables."""
        rows: Dump = {name: found for name, found in (await self.attacker.dump()).items() if name not in apart_from}
        rows["files"] = sorted((str(path), path.stat().st_size) for path in self.home.rglob("*") if path.is_file())
        return rows


@asynccontextmanager
async def world(store: Store, clock: Clock, home: Path) -> AsyncIterator[World]:
    """The attacker has one live app; the victim has one of everything."""
    attacker = Yard(store, clock, await store.ensure_workspace(slug="acme"))
    victim = Yard(store, clock, await store.ensure_workspace(slug="other"))
    made = World(store, clock, home, attacker, victim)
    await store.krane_connected(region=REGION, backends=(Backend.DOCKER, Backend.PROCESS))
    await attacker.ship(project="shop")
    made.belongings = await _furnish(made)
    yield made


async def _furnish(made: World) -> Belongings:
    """One of everything, for the victim."""
    store, yard = made.store, made.victim
    workspace = yard.workspace.id
    first = await yard.ship(project="vault-app")
    second = await yard.ship(project="vault-app")
    await yard.store.record_source(workspace_id=workspace, source_id="e" * 64, size=1)
    keyspace = await store.create_keyspace(workspace_id=workspace, slug="vip-customers", limit=None, actor="vera")
    key, _ = await store.add_key(
        workspace_id=workspace,
        reference=keyspace.id,
        new=new_key(),
        name="vip-key",
        limit=None,
        expires_at=None,
        actor="vera",
    )
    pair = Authority(made.clock.now).checked("vip.example.net")
    sealed = made.api.boxes.certificate(pair, workspace_id=workspace, source=CertificateSource.UPLOADED)
    certificate = await store.save_certificate(certificate=sealed, actor="vera")
    domain = await add(yard, "vip.example.net", project="vault-app")
    token = await store.create_token(
        workspace_id=workspace,
        name="vip-token",
        access=TokenAccess.DEPLOY,
        token_hash="e" * 64,
        expires_at=None,
        actor="vera",
    )
    instance = await yard.report(second.id, InstanceStatus.RUNNING, slot=1, id=new_id("ins"))
    return Belongings(
        ids={
            "project": "vault-app",
            "environment": "production",
            "keyspace": keyspace.id,
            "key_id": key.id,
            "certificate_id": certificate.id,
            "operation_id": second.operation_id,
            "deployment_id": second.id,
            "before": first.id,
            "after": second.id,
            "fqdn": domain.fqdn,
            "instance_id": instance,
            "token_id": token.id,
            "region": REGION,
        },
        words=("vip-customers", "vip-key", "vip-token", "vera", first.operation_id),
    )


# ----------------------------------------------------------------------------------- what a refusal looks like

_NEVER: Final = ("Traceback", 'File "', "sqlalchemy", "pydantic", "object at 0x", SECRET)
"""What no refusal contains: how we work, and what was a secret."""


def refusal(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The problem that an answer is; the test fails when it is none, or not one plain sentence."""
    told = f"{answer.request.method} {str(answer.request.url)[:200]}: {answer.status_code} {answer.text[:300]!r}"
    assert answer.status_code in (statuses or range(400, 500)), told
    assert answer.headers["content-type"] == "application/problem+json", told
    problem: dict[str, Any] = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail"}, told
    assert problem["status"] == answer.status_code, told
    detail = problem["detail"]
    assert detail, told
    assert len(detail) <= 2000, told
    assert detail.isprintable(), told
    assert not [each for each in _NEVER if each in answer.text], told
    return problem
