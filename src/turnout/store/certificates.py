"""Certificates: saved, listed, removed, and told to the gateways. Their private keys come sealed and stay so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.certificates import Certificate, CertificateSource, NewCertificate, SealedKey
from turnout.domain.errors import NotFound
from turnout.domain.views import CertificateView
from turnout.store.audit import write_audit
from turnout.store.counters import take_number
from turnout.store.part import Part
from turnout.store.schema import certificates, workspaces

_KEPT = certificates.c.removed_at.is_(None)
_AUTHORITY = (_KEPT, certificates.c.source == CertificateSource.LOCAL)


class Certificates(Part):
    """What is served over HTTPS, and the local authority."""

    async def save_certificate(self, *, certificate: NewCertificate, actor: str) -> Certificate:
        """Keep a certificate; gateways serve it from their next look on.

        It takes the place of the workspace's certificates of the same source for the same names, whose keys are
        forgotten. Saving the same chain again changes nothing and returns what is there: `certificate.id` is then
        nobody's. Raises NotFound without the workspace.
        """
        async with self._db.write() as tx:
            await _hold(tx, certificate.workspace_id)
            mine = (_KEPT, certificates.c.workspace_id == certificate.workspace_id)
            same = select(certificates).where(*mine, certificates.c.fingerprint == certificate.fingerprint)
            if (row := (await tx.execute(same)).one_or_none()) is not None:
                return _certificate_from(row)
            now = self._db.now()
            rivals = select(certificates.c.id, certificates.c.names).where(
                *mine, certificates.c.source == certificate.source
            )
            replaced = [row.id for row in await tx.execute(rivals) if tuple(row.names) == certificate.names]
            await _insert(tx, certificate, now)
            await forget_certificates(tx, replaced, now, replaced_by=certificate.id)
            await _audit(tx, certificate, now, actor=actor, action="certificate.saved")
            return await _found(tx, certificate.id)

    async def list_certificates(self, *, workspace_id: str) -> tuple[Certificate, ...]:
        """The certificates of a workspace, newest first."""
        mine = select(certificates).where(_KEPT, certificates.c.workspace_id == workspace_id)
        async with self._db.read() as tx:
            found = await tx.execute(mine.order_by(certificates.c.created_at.desc(), certificates.c.id.desc()))
            return tuple(_certificate_from(row) for row in found)

    async def certificates_due(
        self, *, before: datetime, source: CertificateSource = CertificateSource.ACME
    ) -> tuple[Certificate, ...]:
        """Those of a source, in every workspace, that end before that time: what has to be renewed, soonest first."""
        due = (_KEPT, certificates.c.source == source, certificates.c.not_after < before)
        statement = select(certificates).where(*due).order_by(certificates.c.not_after, certificates.c.id)
        async with self._db.read() as tx:
            return tuple(_certificate_from(row) for row in await tx.execute(statement))

    async def remove_certificate(self, *, workspace_id: str, certificate_id: str, actor: str) -> Certificate:
        """Forget a certificate and its key; gateways stop serving it. Returns what it was. Raises NotFound."""
        async with self._db.write() as tx:
            mine = (certificates.c.id == certificate_id, certificates.c.workspace_id == workspace_id)
            row = (await tx.execute(select(certificates).where(*mine, _KEPT).with_for_update())).one_or_none()
            if row is None:
                raise NotFound(f"there is no certificate {certificate_id}; `turnout certs ls` lists them")
            certificate, now = _certificate_from(row), self._db.now()
            await forget_certificates(tx, [certificate_id], now)
            await _audit(tx, certificate, now, actor=actor, action="certificate.removed")
            return certificate

    # -------------------------------------------------------------------------------- the local authority

    async def find_authority(self) -> Certificate | None:
        """The root of the local authority; None before it was made."""
        async with self._db.read() as tx:
            row = (await tx.execute(select(certificates).where(*_AUTHORITY))).one_or_none()
            return None if row is None else _certificate_from(row)

    async def save_authority(self, *, certificate: NewCertificate, instead_of: str | None) -> Certificate:
        """Keep a root, in the place of the one of that id, and return the one that is in use.

        That is another one when somebody was quicker.
        """
        async with self._db.write() as tx:
            now = self._db.now()
            # The row that everybody who would make a root takes hold of, since there may be no root to hold.
            await tx.execute(select(workspaces.c.id).order_by(workspaces.c.id).limit(1).with_for_update())
            current = (await tx.execute(select(certificates).where(*_AUTHORITY))).one_or_none()
            if current is not None and current.id != instead_of:
                return _certificate_from(current)
            if current is not None:
                await forget_certificates(tx, [current.id], now)
            await _insert(tx, certificate, now)
            return await _found(tx, certificate.id)

    # ------------------------------------------------------------------------------------------- its keys

    async def keeps_private_keys(self) -> bool:
        """Whether a key is sealed here that nobody could make again: then its master keys must not be made anew.

        The root of the local authority is not one: whoever has lost its key makes another.
        """
        theirs = (_KEPT, certificates.c.source != CertificateSource.LOCAL)
        async with self._db.read() as tx:
            return (await tx.execute(select(certificates.c.id).where(*theirs).limit(1))).first() is not None

    async def certificates_not_under(self, *, master_key_id: str, limit: int) -> tuple[Certificate, ...]:
        """Some of those whose boxes are wrapped with another master key, oldest first."""
        others = (_KEPT, certificates.c.master_key_id != master_key_id)
        statement = select(certificates).where(*others).order_by(certificates.c.id).limit(limit)
        async with self._db.read() as tx:
            return tuple(_certificate_from(row) for row in await tx.execute(statement))

    async def rewrap_certificate(self, *, before: Certificate, after: SealedKey) -> bool:
        """Replace the box of a key, and tell the gateways, whose snapshots hold it; False when it is not that one."""
        same = (certificates.c.id == before.id, certificates.c.sealed_key == before.key.box)
        async with self._db.write() as tx:
            values = {"master_key_id": after.master_key_id, "sealed_key": after.box}
            if (await tx.execute(update(certificates).where(*same).values(**values))).rowcount != 1:
                return False
            mine = update(certificates).where(certificates.c.id == before.id)
            await tx.execute(mine.values(change=await take_number(tx, "change")))
            return True


async def changed_certificates(tx: AsyncConnection, after: int, *, gone: bool) -> tuple[CertificateView, ...]:
    """What a gateway has to know of the certificates that changed after that number.

    Those that are gone only if asked for: a gateway that begins has none of them.
    """
    statement = select(certificates).where(certificates.c.change > after).order_by(certificates.c.id)
    if not gone:
        statement = statement.where(_KEPT)
    return tuple(
        CertificateView(
            id=row.id,
            workspace_id=row.workspace_id,
            source=CertificateSource(row.source),
            names=tuple(row.names),
            fingerprint=row.fingerprint,
            chain_pem=row.chain_pem,
            key=_key_from(row),
            not_before=row.not_before,
            not_after=row.not_after,
            created_at=row.created_at,
        )
        for row in await tx.execute(statement)
    )


async def _hold(tx: AsyncConnection, workspace_id: str | None) -> None:
    """One change of a workspace's certificates at a time. Raises NotFound."""
    statement = select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True)
    if (await tx.execute(statement)).first() is None:
        raise NotFound(f"there is no workspace {workspace_id}")


async def _insert(tx: AsyncConnection, certificate: NewCertificate, now: datetime) -> None:
    await tx.execute(
        insert(certificates).values(
            id=certificate.id,
            workspace_id=certificate.workspace_id,
            project_id=certificate.project_id,
            source=certificate.source,
            names=list(certificate.names),
            fingerprint=certificate.fingerprint,
            chain_pem=certificate.chain_pem,
            master_key_id=certificate.key.master_key_id,
            sealed_key=certificate.key.box,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            created_at=now,
            change=await take_number(tx, "change"),
        )
    )


async def forget_certificates(
    tx: AsyncConnection, ids: list[str], now: datetime, *, replaced_by: str | None = None
) -> None:
    """Have the gateways serve them no more. The rows stay for the gateways' feed; the keys do not."""
    if not ids:
        return
    gone = {"removed_at": now, "replaced_by": replaced_by, "master_key_id": None, "sealed_key": None}
    change = await take_number(tx, "change")
    await tx.execute(update(certificates).where(certificates.c.id.in_(ids)).values(**gone, change=change))


async def _found(tx: AsyncConnection, certificate_id: str) -> Certificate:
    return _certificate_from((await tx.execute(select(certificates).where(certificates.c.id == certificate_id))).one())


async def _audit(tx: AsyncConnection, certificate: NewCertificate, now: datetime, *, actor: str, action: str) -> None:
    assert certificate.workspace_id is not None, "only the local authority has none, and nobody saves that one by hand"  # noqa: S101
    await write_audit(
        tx,
        at=now,
        workspace_id=certificate.workspace_id,
        project_id=certificate.project_id,
        actor=actor,
        action=action,
        subject=certificate.id,
        detail={"names": list(certificate.names), "fingerprint": certificate.fingerprint},
    )


def _key_from(row: Row[Any]) -> SealedKey | None:
    return None if row.sealed_key is None else SealedKey(master_key_id=row.master_key_id, box=row.sealed_key)


def _certificate_from(row: Row[Any]) -> Certificate:
    key = _key_from(row)
    assert key is not None, "only certificates that are kept become records"  # noqa: S101
    return Certificate(
        id=row.id,
        workspace_id=row.workspace_id,
        project_id=row.project_id,
        source=CertificateSource(row.source),
        names=tuple(row.names),
        fingerprint=row.fingerprint,
        chain_pem=row.chain_pem,
        key=key,
        not_before=row.not_before,
        not_after=row.not_after,
        created_at=row.created_at,
    )
