"""One look at everything that could prove a claim."""

from __future__ import annotations

from turnout.domain.proofs import (
    Claim,
    Finding,
    NotSeenError,
    Pages,
    ProofMethod,
    TxtRecords,
    judge_page,
    judge_records,
)


class NetProver:
    """Implements `Prover` of `domain.proofs` with a resolver and a web client."""

    def __init__(self, *, records: TxtRecords, pages: Pages) -> None:
        self._records = records
        self._pages = pages

    async def look(self, claim: Claim) -> Finding:
        """The record first: it proves more than a page does. See `Prover`."""
        in_dns = await self._look_at_records(claim)
        if in_dns is None:
            return Finding(method=ProofMethod.TXT, problem=None)
        on_the_web = await self._look_at_page(claim)
        if on_the_web is None:
            return Finding(method=ProofMethod.HTTP, problem=None)
        return Finding(method=None, problem=f"DNS: {in_dns}. HTTP: {on_the_web}.")

    async def _look_at_records(self, claim: Claim) -> str | None:
        try:
            return judge_records(claim, await self._records.txt(claim.record_name))
        except NotSeenError as error:
            return str(error)

    async def _look_at_page(self, claim: Claim) -> str | None:
        try:
            return judge_page(claim, await self._pages.text(claim.fqdn, claim.http_path))
        except NotSeenError as error:
            return str(error)
