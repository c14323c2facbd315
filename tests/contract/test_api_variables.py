"""The API's routes for variables, keys and comparison, over a real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from tests.contract.store_kit import REGION, Yard
from tests.faults.rows import Row
from turnout.api.app import make_app
from turnout.api.logs import LogFiles
from turnout.api.parts import Parts
from turnout.builds.garbage import Collector
from turnout.builds.output import BuildOutput
from turnout.builds.sources import SourceStore
from turnout.domain.documents import StrayReport
from turnout.domain.findings import Finding, FindingKind
from turnout.domain.tokens import hash_token
from turnout.settings import load_settings
from turnout.vault import Boxes, MasterKeys, Vault

VARIABLES = "/v1/projects/shop/environments/production/variables"
SECRET = "planted-2fX8kQ"


class Restate:
    """It is there."""

    async def restate_is_up(self) -> bool:
        return True


class Watchdog:
    """It has found nothing, unless the test says so."""

    found: tuple[Finding, ...] = ()

    def findings(self, *, workspace_id: str) -> tuple[Finding, ...]:
        return tuple(each for each in self.found if each.workspace_id in (None, workspace_id))

    def repairs(self, *, workspace_id: str) -> dict[FindingKind, int]:
        return {}

    def seconds_since_look(self) -> float:
        return 1.5

    def heard_of_strays(self, *, region: str, strays: Iterable[StrayReport]) -> None:
        self.strays = tuple(strays)


class Api:
    """The API of one store, and tokens for it."""

    def __init__(self, yard: Yard, home: Path, **environment: str) -> None:
        settings = load_settings({"TURNOUT_HOME": str(home), **environment})
        self.yard = yard
        self.masters = MasterKeys(settings.vault_keys_file)
        self.masters.make_if_missing()
        self.vault = Vault(yard.store, self.masters)
        self.watchdog = Watchdog()
        self.boxes = Boxes(self.masters)
        parts = Parts(
            store=yard.store,
            vault=self.vault,
            boxes=self.boxes,
            build_output=BuildOutput(home),
            collector=Collector(home),
            sources=SourceStore(home, upload_mib=1, unpacked_mib=1),
            logs=LogFiles(home / "logs", limit_bytes=1000),
            settings=settings,
            gateway_url="http://127.0.0.1:8000",
            restate=Restate(),
            watchdog=self.watchdog,
            logger=structlog.get_logger(),
        )
        self._app = make_app(parts)

    @asynccontextmanager
    async def signed_in(self, access: str = "admin", region: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a token of the workspace."""
        token = f"token-{self.yard.workspace.slug}-{access}-{region}"
        await self.yard.store.add_token(
            name="alice",
            access=access,  # type: ignore[arg-type]
            workspace_id=self.yard.workspace.id,
            region=region,
            token_hash=hash_token(token),
        )
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            yield client

    async def krane_reads(self, deployment_id: str, region: str = REGION) -> Any:
        """What krane is told."""
        async with self.signed_in("krane", region) as krane:
            return await krane.get(f"/v1/regions/{region}/deployments/{deployment_id}/environment")


@pytest.fixture
def api(yard: Yard, tmp_path: Path) -> Api:
    """The API."""
    return Api(yard, tmp_path / "home")


def versions(answer: httpx.Response) -> dict[str, int]:
    """What an answer lists."""
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["version"] for each in answer.json()["variables"]}


async def test_set_list_and_remove(api: Api) -> None:
    """Names, versions and times come back, values never; setting the same again changes nothing."""
    async with api.signed_in() as client:
        assert (await client.get(VARIABLES)).status_code == 404
        answer = await client.put(VARIABLES, json={"variables": {"B": SECRET, "A": ""}})
        assert versions(answer) == {"A": 1, "B": 1}
        assert answer.json()["project"] == "shop"
        assert list(answer.json()["variables"][0]) == ["name", "version", "updated_at"]
        assert versions(await client.put(VARIABLES, json={"variables": {"B": SECRET, "A": "2"}})) == {"A": 2, "B": 1}
        assert versions(await client.get(VARIABLES)) == {"A": 2, "B": 1}
        assert versions(await client.delete(VARIABLES, params={"name": ["A", "B"]})) == {}
        assert (await client.delete(VARIABLES, params={"name": "A"})).status_code == 404
        assert (await client.delete(VARIABLES)).status_code == 400
        assert versions(await client.put(VARIABLES, json={"variables": {"B": SECRET}})) == {"B": 2}


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"variables": {}}, 400, ""),
        ({"variables": {"PORT": SECRET}}, 400, "PORT"),
        ({"variables": {"HOME": SECRET}}, 400, "HOME"),
        ({"variables": {"TURNOUT_REGION": SECRET}}, 400, "TURNOUT_REGION"),
        ({"variables": {"A": SECRET, "9B": SECRET}}, 400, "digit"),
        ({"variables": {"A-B": SECRET}}, 400, "letters"),
        ({"variables": {"A" * 129: SECRET}}, 400, "128"),
        ({"variables": {"A": SECRET + "\0"}}, 400, "NUL"),
        ({"variables": {"A": "\ud800"}}, 400, ""),
        ({"variables": {"A": SECRET * 9000}}, 413, "64 KiB"),
        ({"variables": {f"A{n}": SECRET * 3000 for n in range(15)}}, 413, "512 KiB"),
        ({"variables": {"A": 5}}, 400, "A"),
        ({"variables": {"A": SECRET}, "other": SECRET}, 400, "other"),
    ],
)
async def test_what_cannot_be_set(api: Api, body: Any, status: int, names: str) -> None:
    """Refused with a sentence that quotes no value, and nothing is set."""
    async with api.signed_in() as client:
        content = json.dumps(body).encode()
        answer = await client.put(VARIABLES, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == status, answer.text
        assert names in answer.json()["detail"]
        assert SECRET not in answer.text
        assert (await client.get(VARIABLES)).status_code == 404 or versions(await client.get(VARIABLES)) == {}


async def test_many_who_set_at_once(api: Api) -> None:
    """Everybody's is set, one after the other."""
    async with api.signed_in() as client:
        answers = await asyncio.gather(
            *(client.put(VARIABLES, json={"variables": {"A": str(n), f"B{n}": "x"}}) for n in range(4))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert versions(await client.get(VARIABLES)) == {"A": 4, "B0": 1, "B1": 1, "B2": 1, "B3": 1}


async def test_krane_alone_reads_values(api: Api) -> None:
    """With the token of a region where the deployment shall run; the answer is not to be cached."""
    async with api.signed_in() as client:
        await client.put(VARIABLES, json={"variables": {"A": SECRET, "B": "ü\n"}})
        shipped = await api.yard.ship()
        await client.put(VARIABLES, json={"variables": {"A": "later"}})
        refused = await client.get(f"/v1/regions/{REGION}/deployments/{shipped.id}/environment")
        assert refused.status_code == 403
    answer = await api.krane_reads(shipped.id)
    assert answer.json() == {"variables": {"A": SECRET, "B": "ü\n"}}
    assert answer.headers["cache-control"] == "no-store"
    assert (await api.krane_reads(shipped.id, "south")).status_code == 404
    assert (await api.krane_reads("dep_" + "0" * 26)).status_code == 404
    assert (await api.krane_reads("nonsense")).status_code == 400
    async with api.signed_in("krane", "south") as krane:
        foreign = await krane.get(f"/v1/regions/{REGION}/deployments/{shipped.id}/environment")
        assert foreign.status_code == 403
        assert (await krane.get(VARIABLES)).status_code == 403


async def test_rotation_of_all_keys(api: Api) -> None:
    """Everything reads as before, with nothing left under the old keys; a second one goes on from there."""
    async with api.signed_in() as client:
        await client.put(VARIABLES, json={"variables": {"A": SECRET, "B": "2"}})
        shipped = await api.yard.ship()
        before = api.vault.active_master()
        done = (await client.post("/v1/vault/rotate", json={})).json()
        assert done["master_key_id"] == api.vault.active_master() != before
        assert (done["data_keys_wrapped"], done["data_keys_made"], done["values_encrypted"]) == (2, 1, 4)
        assert (await api.krane_reads(shipped.id)).json() == {"variables": {"A": SECRET, "B": "2"}}
        content = json.loads(api.masters.file.read_text())
        del content["keys"][before]
        api.masters.file.write_text(json.dumps(content))
        assert (await api.krane_reads(shipped.id)).json() == {"variables": {"A": SECRET, "B": "2"}}
        only_data = (await client.post("/v1/vault/rotate", json={"master": False})).json()
        assert only_data["master_key_id"] == done["master_key_id"]
        assert (only_data["data_keys_wrapped"], only_data["values_encrypted"]) == (0, 4)
        again = await client.put(VARIABLES, json={"variables": {"A": SECRET}})
        assert versions(again) == {"A": 1, "B": 1}, "the fingerprint says that it is the same"


async def test_without_the_master_keys(api: Api) -> None:
    """Said with where they are looked for; nothing is made up, nothing set."""
    async with api.signed_in() as client:
        await client.put(VARIABLES, json={"variables": {"A": SECRET}})
        shipped = await api.yard.ship()
        api.vault._open.clear()  # as it is after the next start
        api.masters.file.rename(api.masters.file.with_suffix(".away"))
        answer = await api.krane_reads(shipped.id)
        assert (answer.status_code, answer.json()["type"]) == (500, "undecryptable")
        assert "TURNOUT_VAULT_KEYS_FILE" in answer.json()["detail"]
        assert (await client.put(VARIABLES, json={"variables": {"A": "2"}})).status_code == 500
        assert versions(await client.get(VARIABLES)) == {"A": 1}


async def test_diff_names_what_differs_and_no_value(api: Api) -> None:
    """Image, git, settings, and variables by name; over environments names are not compared."""
    async with api.signed_in() as client:
        await client.put(VARIABLES, json={"variables": {"SAME": SECRET, "CHANGED": SECRET, "GONE": SECRET}})
        first = await api.yard.ship(image="shop:v1")
        await client.put(VARIABLES, json={"variables": {"CHANGED": SECRET + "2", "NEW": SECRET}})
        await client.put(VARIABLES, json={"variables": {"SAME": "other"}})
        await client.put(VARIABLES, json={"variables": {"SAME": SECRET}})
        await client.delete(VARIABLES, params={"name": "GONE"})
        await client.post("/v1/vault/rotate", json={})
        second = await api.yard.ship(image="shop:v2", command=("serve", "--fast"))
        answer = await client.get(f"/v1/deployments/{first.id}/diff/{second.id}")
        assert answer.json()["variables"] == {
            "added": ["NEW"], "removed": ["GONE"], "changed": ["CHANGED"], "not_compared": [],
        }  # fmt: skip
        changes = {each["field"]: (each["before"], each["after"]) for each in answer.json()["changes"]}
        assert changes["image"] == ("shop:v1", "shop:v2")
        assert changes["command"] == (["serve", "$PORT"], ["serve", "--fast"])
        assert set(changes) == {"image", "command", "git.commit_sha"}
        assert SECRET not in answer.text
        same = (await client.get(f"/v1/deployments/{first.id}/diff/{first.id}")).json()
        assert same["same"] is True
        await client.put(VARIABLES.replace("production", "preview"), json={"variables": {"SAME": SECRET}})
        preview = await api.yard.ship(environment="preview")
        over = (await client.get(f"/v1/deployments/{first.id}/diff/{preview.id}")).json()
        assert over["variables"]["not_compared"] == ["SAME"]
        assert (await client.get(f"/v1/deployments/{first.id}/diff/dep_none")).status_code == 404
