"""New keys while everything runs. Interrupted at any point, everything is readable, and a second call goes on."""

from __future__ import annotations

from dataclasses import replace

from turnout.api.parts import Caller
from turnout.domain.secret_documents import RotateBody, RotatedDocument
from turnout.domain.secrets import Place, SealedVariable, Snapshot


async def rotate(caller: Caller, body: RotateBody) -> RotatedDocument:
    """Make a new master key, new data keys, or both, and encrypt with them what the old ones did."""
    vault = caller.parts.vault
    if body.master:
        await vault.rotate_master()
    wrapped = await vault.rewrap() + await _certificates(caller)
    environments = await caller.store.environments_with_secrets(workspace_id=caller.workspace_id) if body.data else ()
    values = 0
    for environment_id in environments:
        await vault.create_dek(environment_id=environment_id)
        values += await _variables(caller, environment_id) + await _snapshots(caller, environment_id)
    return RotatedDocument(
        master_key_id=vault.active_master(),
        data_keys_wrapped=wrapped,
        data_keys_made=len(environments),
        values_encrypted=values,
    )


async def _certificates(caller: Caller) -> int:
    """The boxes of private keys. Gateways read each of them again, so that their snapshots need no old master key."""
    boxes, store, done = caller.parts.boxes, caller.store, 0
    while found := await store.certificates_not_under(master_key_id=boxes.active_master(), limit=100):
        for each in found:
            done += await store.rewrap_certificate(before=each, after=boxes.rewrap(each.place, each.key))
    for place, sealed in await store.issuing_keys_not_under(master_key_id=boxes.active_master()):
        done += await store.rewrap_issuing_key(before=sealed, after=boxes.rewrap(place, sealed))
    return done


async def _variables(caller: Caller, environment_id: str) -> int:
    """What is set now. One that is set anew meanwhile has the new key already."""
    done = 0
    for each in await caller.store.sealed_variables(environment_id=environment_id):
        place = Place(
            workspace_id=caller.workspace_id, environment_id=environment_id, name=each.name, version=each.version
        )
        fresh = await caller.parts.vault.re_encrypt(place, each.sealed)
        if fresh != each.sealed:
            done += await caller.store.replace_sealed(environment_id=environment_id, before=each, after=fresh)
    return done


async def _snapshots(caller: Caller, environment_id: str) -> int:
    """What deployments keep. After the variables, so that deployments made from now on have the new key anyway."""
    done = 0
    for deployment_id in await caller.store.snapshots_in(environment_id=environment_id):
        snapshot = await caller.store.snapshot_of(deployment_id=deployment_id)
        fresh = [await _fresh(caller, snapshot, each) for each in snapshot.variables]
        changed = sum(one != other for one, other in zip(fresh, snapshot.variables, strict=True))
        if changed and await caller.store.replace_snapshot(
            deployment_id=deployment_id, before=snapshot.variables, after=fresh
        ):
            done += changed
    return done


async def _fresh(caller: Caller, snapshot: Snapshot, each: SealedVariable) -> SealedVariable:
    return replace(each, sealed=await caller.parts.vault.re_encrypt(snapshot.place(each), each.sealed))
