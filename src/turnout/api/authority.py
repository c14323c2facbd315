"""The local authority, made with the first start of a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from turnout.domain.certificates import Certificate, CertificateSource
from turnout.domain.errors import Undecryptable
from turnout.domain.local_authority import ROOT_RENEWED_BEFORE, make_root
from turnout.store import Store
from turnout.vault import Boxes


async def ensure_authority(store: Store, boxes: Boxes, logger: Any) -> None:
    """Make the root that local names are served with; servers that race agree on one.

    Another one is made before it ends, and when its key was sealed with master keys that are lost. Without any master
    keys there is none, and a line in the log: whoever has no local names must not suffer from it.
    """
    now = datetime.now(UTC)
    current = await store.find_authority()
    if current is not None and current.not_after - now > ROOT_RENEWED_BEFORE and _opens(boxes, current):
        return
    try:
        fresh = boxes.certificate(make_root(now), workspace_id=None, source=CertificateSource.LOCAL)
    except Undecryptable as error:
        logger.warning("certificates.authority", error=error.detail)
        return
    made = await store.save_authority(certificate=fresh, instead_of=None if current is None else current.id)
    logger.info("certificates.authority", certificate_id=made.id, fingerprint=made.fingerprint)


def _opens(boxes: Boxes, root: Certificate) -> bool:
    try:
        boxes.open(root.place, root.key)
    except Undecryptable:
        return False
    return True
