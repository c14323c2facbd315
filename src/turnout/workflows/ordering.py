"""Order: from an account with an ACME server to a certificate that is kept, in steps that may each run twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

import restate

from turnout.domain.certificates import CertificateSource
from turnout.domain.issuing import Issuing, Problem, ProblemKind
from turnout.domain.issuing_keys import check_issued, new_key
from turnout.domain.issuing_ports import (
    AcmeAccount,
    AcmeOrder,
    Challenge,
    NotIssued,
    OrderStatus,
    account_place,
    order_place,
)
from turnout.workflows.config import IssuingParts
from turnout.workflows.confirming import until_served
from turnout.workflows.parts import Parts
from turnout.workflows.serde import optional
from turnout.workflows.steps import Steps

T = TypeVar("T")

_FIRST_LOOK: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_ACTOR: Final = "acme"
"""The actor of what an order leads to."""
_BUT_PENDING: Final = frozenset(OrderStatus) - {OrderStatus.PENDING}
_MADE: Final = frozenset({OrderStatus.VALID, OrderStatus.INVALID})


class Stumbled(Exception):
    """An order met a problem, which is in the journal already."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Ordering:
    """One visit's way to a certificate. The journal sees addresses; keys are opened inside a step and stay there."""

    def __init__(
        self, parts: Parts, with_parts: IssuingParts, ctx: restate.ObjectContext, steps: Steps, issuing: Issuing
    ) -> None:
        self._parts = parts
        self._db = parts.db
        self._with = with_parts
        self._acme = with_parts.acme
        self._ctx = ctx
        self._steps = steps
        self._issuing = issuing
        self._fqdn = issuing.fqdn
        self._place = order_place(issuing.workspace_id, issuing.id)
        self._published: list[str] = []

    async def obtain(self) -> None:
        """Get a certificate and keep it. An order that an earlier visit has begun is taken up where it is.

        Raises Stumbled, and TerminalError for trouble of our own; `withdraw` is then still to be called.
        """
        await self._register()
        order = await self._order()
        if order.status is OrderStatus.PENDING:
            for authorisation in order.authorisations:
                await self._prove(authorisation)
            order = await self._until(order, _BUT_PENDING)
        if order.status is OrderStatus.READY:
            order = await self._finalize(order)
        order = await self._until(order, _MADE)
        await self._save(order)

    async def withdraw(self) -> None:
        """Undo: no gateway answers the challenges any more. May be called at any time, and again."""

        async def withdraw() -> None:
            for path in self._published:
                await self._db.withdraw_challenge(fqdn=self._fqdn, path=path, project_id=self._issuing.project_id)

        if self._published:
            await self._steps.quietly("withdraw challenges", withdraw, type(None))

    # -------------------------------------------------------------------------------------------- steps

    async def _register(self) -> None:
        directory = self._acme.directory

        async def register() -> None:
            kept = await self._db.find_acme_account(directory=directory)
            if kept is None:  # kept before the server knows of it: no account is ever without its key
                key = self._with.boxes.seal(account_place(directory), new_key(self._with.key_type))
                await self._db.add_acme_account(directory=directory, key=key)
                kept = await self._db.find_acme_account(directory=directory)
            if kept is not None and kept.url is None:
                url = await self._acme.register(self._with.boxes.open(kept.place, kept.key))
                await self._db.set_acme_account(directory=directory, url=url)

        await self._ask("account", register, type(None))

    async def _order(self) -> AcmeOrder:
        async def order() -> AcmeOrder:
            account = await self._account()
            kept = await self._db.begin_order(issuing=self._issuing)
            if kept is not None and kept.order_url is not None:
                if (found := await self._taken_up(account, kept.order_url)) is not None:
                    return found
                await self._db.drop_order(issuing=self._issuing)
                kept = None
            if kept is None:  # kept before the order is made: no certificate is ever without its key
                key = self._with.boxes.seal(self._place, new_key(self._with.key_type))
                await self._db.keep_order_key(issuing=self._issuing, key=key)
            made = await self._acme.order(account, self._fqdn)
            await self._db.keep_order(issuing=self._issuing, order_url=made.url)
            return made

        return await self._ask("order", order, AcmeOrder)

    async def _taken_up(self, account: AcmeAccount, order_url: str) -> AcmeOrder | None:
        """An order of an earlier visit, or of an earlier attempt; None when nothing comes of it any more."""
        try:
            found = await self._acme.look(account, order_url)
        except NotIssued as error:
            if error.problem.kind is not ProblemKind.LOST:
                raise
            return None
        return None if found.status is OrderStatus.INVALID else found

    async def _prove(self, authorisation: str) -> None:
        """Have every gateway answer the challenge, and only then tell the server to ask."""

        async def read() -> Challenge | None:
            return await self._acme.challenge(await self._account(), authorisation)

        async def tell() -> None:
            await self._acme.answer(await self._account(), authorisation)

        challenge = await self._ask("read challenge", read, optional(Challenge))
        if challenge is None:
            return  # the name was proved before, and the server remembers
        self._published.append(challenge.path)  # before it is: what was begun is undone
        served = await until_served(self._parts, self._ctx, self._steps, generation=await self._publish(challenge))
        if not served.ok:
            detail = f"not every gateway answers the challenge: {served.reason}"
            raise Stumbled(Problem(kind=ProblemKind.TROUBLE, detail=detail))
        await self._ask("tell server", tell, type(None))

    async def _publish(self, challenge: Challenge) -> int:
        async def publish() -> int:
            body = self._acme.body(await self._account(), challenge)
            return await self._db.publish_challenge(
                fqdn=self._fqdn,
                path=challenge.path,
                body=body,
                expires_at=self._with.clock() + timedelta(seconds=2 * self._with.order_seconds),
                project_id=self._issuing.project_id,
            )

        return await self._steps.quietly("publish challenge", publish, int)

    async def _finalize(self, order: AcmeOrder) -> AcmeOrder:
        async def finalize() -> AcmeOrder:
            account = await self._account()
            found = await self._acme.look(account, order.url)
            if found.status is not OrderStatus.READY:
                return found  # by an earlier attempt of this step
            await self._acme.finalize(account, found, fqdn=self._fqdn, key_pem=await self._key())
            return await self._acme.look(account, order.url)

        return await self._ask("finalize", finalize, AcmeOrder)

    async def _save(self, order: AcmeOrder) -> None:
        async def save() -> None:
            chain = await self._acme.download(await self._account(), order.certificate_url or "")
            pair = check_issued(chain, key_pem=await self._key(), fqdn=self._fqdn, now=self._with.clock())
            certificate = self._with.boxes.certificate(
                pair,
                workspace_id=self._issuing.workspace_id,
                project_id=self._issuing.project_id,
                source=CertificateSource.ACME,
            )
            await self._db.save_certificate(certificate=certificate, actor=_ACTOR)

        await self._ask("save certificate", save, type(None))

    # -------------------------------------------------------------------------------------------- parts

    async def _until(self, order: AcmeOrder, wanted: frozenset[OrderStatus]) -> AcmeOrder:
        """Look again until the server has got so far. Pauses are durable, and as long as the server wants them."""

        async def look() -> AcmeOrder:
            return await self._acme.look(await self._account(), order.url)

        pause, waited = _FIRST_LOOK, 0.0
        while order.status not in wanted:
            if waited >= self._with.order_seconds:
                detail = f"the ACME server has not finished the order within {waited:.0f} s; it is taken up again"
                raise Stumbled(Problem(kind=ProblemKind.UNREACHABLE, detail=detail))
            seconds = max(pause, min(order.look_again_seconds or 0.0, self._with.order_seconds))
            await self._ctx.sleep(timedelta(seconds=seconds))
            waited += seconds
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            order = await self._ask("look at order", look, AcmeOrder)
        if order.status is OrderStatus.INVALID:
            silent = Problem(kind=ProblemKind.LOST, detail="the ACME server has given the order up without saying why")
            raise Stumbled(order.problem or silent)
        return order

    async def _account(self) -> AcmeAccount:
        """Only inside a step: it has the key."""
        kept = await self._db.find_acme_account(directory=self._acme.directory)
        if kept is None or kept.url is None:
            raise NotIssued(Problem(kind=ProblemKind.ACCOUNT_LOST, detail="the account with the ACME server is gone"))
        return AcmeAccount(url=kept.url, key_pem=self._with.boxes.open(kept.place, kept.key))

    async def _key(self) -> str:
        """Only inside a step."""
        kept = await self._db.pending_order(issuing=self._issuing)
        return self._with.boxes.open(self._place, kept.key)

    async def _ask(self, name: str, action: Callable[[], Awaitable[T]], returns: type[T]) -> T:
        """A step that talks to the ACME server. Its problems are answers, and not tried again within the visit: that
        would be every second, and the server may have asked for an hour. Raises Stumbled."""

        async def asked() -> T | Problem:
            try:
                async with asyncio.timeout(self._parts.limits.step_seconds * 0.9):
                    return await action()
            except NotIssued as error:
                return error.problem
            except TimeoutError:
                detail = f"the ACME server {self._acme.directory} did not answer in time"
                return Problem(kind=ProblemKind.UNREACHABLE, detail=detail)

        union: Any = returns | Problem  # no class, but as good as one
        answer = await self._steps.quietly(name, asked, union)
        if isinstance(answer, Problem):
            raise Stumbled(answer)
        return cast(T, answer)
