"""The store in one: every part, over one open database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from turnout.store.acme_accounts import AcmeAccounts
from turnout.store.admission import Admission
from turnout.store.build_places import BuildPlaces
from turnout.store.cancelling import Cancelling
from turnout.store.certificates import Certificates
from turnout.store.challenges import Challenges
from turnout.store.changes import watch
from turnout.store.checkable_documents import CheckableDocuments
from turnout.store.confirmations import Confirmations
from turnout.store.database import Clock, Database, parse_url
from turnout.store.denials import Denials
from turnout.store.deployments import Deployments
from turnout.store.domains import Domains
from turnout.store.endings import Endings
from turnout.store.gateway_feed import GatewayFeeds
from turnout.store.issuing import Issuings
from turnout.store.issuing_keys import IssuingKeys
from turnout.store.issuing_visits import IssuingVisits
from turnout.store.jobs import Jobs
from turnout.store.keeping import Keeping
from turnout.store.keys import Keys
from turnout.store.keyspace_keys import KeyspaceKeys
from turnout.store.keyspaces import Keyspaces
from turnout.store.krane import Krane
from turnout.store.measures import Measures
from turnout.store.mending import Mending
from turnout.store.migrate import check_migrated
from turnout.store.observations import Observations
from turnout.store.openapi import OpenApi
from turnout.store.operations import Operations
from turnout.store.placements import Placements
from turnout.store.protections import Protections
from turnout.store.proving import Proving
from turnout.store.reads import Reads
from turnout.store.removal import Removal
from turnout.store.restored import Restored
from turnout.store.switch import Switching
from turnout.store.tenants import Tenants
from turnout.store.tokens import Tokens
from turnout.store.uncarried import Uncarried
from turnout.store.variables import Variables
from turnout.store.waits import Waits
from turnout.store.waking import Waking
from turnout.store.watched import Watched


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Store(
    Tenants,
    Tokens,
    Denials,
    Observations,
    IssuingVisits,
    IssuingKeys,
    Issuings,
    AcmeAccounts,
    Admission,
    Jobs,
    Cancelling,
    Operations,
    Deployments,
    OpenApi,
    CheckableDocuments,
    BuildPlaces,
    Placements,
    Restored,
    Endings,
    Waking,
    Keeping,
    Removal,
    Krane,
    Switching,
    Protections,
    Waits,
    GatewayFeeds,
    Reads,
    Measures,
    Keys,
    Keyspaces,
    KeyspaceKeys,
    Variables,
    Domains,
    Proving,
    Challenges,
    Confirmations,
    Certificates,
    Uncarried,
    Watched,
    Mending,
):
    """All that Turnout knows. Each part has a file of its name; each method is one transaction.

    Every method may raise Unavailable: the database is away, locked, full or not migrated, and the same call
    may succeed later.
    """


@asynccontextmanager
async def open_store(url: str, *, clock: Clock = utc_now, must_answer: bool = True) -> AsyncIterator[Store]:
    """Open the store at a database URL, and close it at the end.

    Several processes may have one store open. Raises Invalid for a URL that Turnout does not work with, and
    Unavailable when the database is away or has not been migrated; without `must_answer` that is left to the
    first call, for whoever has something to do meanwhile.
    """
    parsed = parse_url(url)
    database = Database(parsed, clock)
    changes = watch(parsed)
    try:
        if must_answer:
            async with database.read() as tx:
                await tx.run_sync(check_migrated)
        yield Store(database=database, changes=changes)
    finally:
        await changes.close()
        await database.close()
