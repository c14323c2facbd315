"""The workflows, as Restate calls them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from turnout.bootstrap.keys import open_boxes, open_vault
from turnout.bootstrap.shared import make_logger
from turnout.builds.local import LocalBuilds
from turnout.domain.issuing_keys import KeyType
from turnout.domain.proofs import Prover
from turnout.domain.resolvers import parse_resolvers
from turnout.proofs import Lookups, NetProver, WebPages
from turnout.revision import workflow_revision
from turnout.settings import Settings
from turnout.store import open_store
from turnout.workflows import Config, Workflow
from turnout.workflows.config import IssuingParts
from turnout.workflows.serving import serve
from turnout.workflows.steps import Hook


async def run_worker(settings: Settings, *, hook: Hook | None = None) -> None:
    """The workflows, as Restate calls them. `hook` is for tests: see `workflows.steps`."""
    logger = make_logger("worker")
    revision = workflow_revision()
    async with open_store(settings.database_url) as store:
        vault = open_vault(store, settings)

        async def secrets(deployment_id: str, names: tuple[str, ...]) -> dict[str, str]:
            snapshot = await store.snapshot_of(deployment_id=deployment_id)
            named = snapshot.named(names)
            values = await vault.decrypt_bulk([(snapshot.place(each), each.sealed) for each in named])
            return dict(zip((each.name for each in named), values, strict=True))

        workflow = Workflow(
            Config(
                db=store,
                logger=logger,
                vault=vault,
                build_client=LocalBuilds(
                    settings.home, unpacked_mib=settings.api.unpacked_mib, docker=settings.build, secrets=secrets
                ),
                default_domain=settings.gateway.apex,
                available_regions=settings.regions,
                limits=settings.deploy,
                prover=_prover(settings),
                domains=settings.domains,
                issuing=_issuing(settings),
            ),
            hook=hook,
        )
        await serve(workflow, settings.restate, logger, revision=revision)


def _prover(settings: Settings) -> Prover:

    lookups = Lookups(resolvers=parse_resolvers(settings.dns.resolvers), timeout=settings.dns.timeout_seconds)
    pages = WebPages(
        lookups,
        port=settings.domains.http_port,
        timeout=settings.domains.http_seconds,
        private=settings.domains.private_addresses == "allow",
    )
    return NetProver(records=lookups, pages=pages)


def _issuing(settings: Settings) -> IssuingParts | None:
    """None when nobody has agreed to an ACME server's terms."""
    asked = settings.acme
    if not asked.email:
        return None
    from turnout.acme import AcmeClient, external_account  # a library of its own size, for those who asked for it

    return IssuingParts(
        acme=AcmeClient(
            asked.directory,
            contact=asked.email,
            ca_file=Path(asked.ca_file).expanduser() if asked.ca_file else None,
            external_account=partial(external_account, asked.eab_kid, asked.eab_key_file),
        ),
        boxes=open_boxes(settings),
        key_type=KeyType(asked.key_type),
        order_seconds=asked.order_seconds,
    )
