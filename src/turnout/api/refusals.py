"""Who was turned away is told: strangers in the log, those we know in the audit log, and nobody more than sparingly."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final

from fastapi import Request

from turnout.api.access import Access, token_of
from turnout.domain.errors import Forbidden, NotFound, TurnoutError, Unauthenticated
from turnout.domain.sparing import Sparing
from turnout.domain.tokens import TokenRecord, hash_token
from turnout.store import Store

_EVERY_SECONDS: Final = 60.0
_SHOWN: Final = 8
"""Hexadecimal digits of a token's hash: enough to know one again, and nothing to sign in with."""


class Refusals:
    """Tells of refused callers, of each at once and then every minute with how many were left out."""

    def __init__(self, store: Store, logger: Any) -> None:
        self._store = store
        self._logger = logger
        self._sparing = Sparing(every_seconds=_EVERY_SECONDS)

    async def note(self, request: Request, error: TurnoutError, *, needed: Access, token: TokenRecord | None) -> None:
        """Tell of a refusal, if it is one about access. Comes after the answer: how long it takes tells nobody."""
        asked = f"{request.method} {request.scope['route'].path}"
        if isinstance(error, Unauthenticated):
            self._stranger(request, asked)
        if token is None:
            return
        with suppress(TurnoutError):  # the store is away, and the log has the line
            if isinstance(error, Forbidden):
                await self._denied(asked, needed, token)
            elif isinstance(error, NotFound):
                await self._foreign(asked, f"{request.url.path} {error.detail}", token)

    def _stranger(self, request: Request, asked: str) -> None:
        """One without a token, or whose token nobody knows; of the token only the beginning of its hash."""
        client = request.client.host if request.client else None
        left_out = self._sparing.left_out(("stranger", client), now=time.monotonic())
        if left_out is None:
            return
        token = token_of(request)
        shown = None if token is None else hash_token(token)[:_SHOWN]
        self._logger.warning("api.stranger", asked=asked, client=client, token_sha256=shown, left_out=left_out)

    async def _denied(self, asked: str, needed: Access, token: TokenRecord) -> None:
        """One whose token is for something else."""
        left_out = self._sparing.left_out(("denied", token.id, asked), now=time.monotonic())
        if left_out is not None:
            self._logger.warning("api.denied", asked=asked, token_id=token.id, needed=needed, left_out=left_out)
            await self._store.record_denied(token=token, asked=asked, needed=needed, left_out=left_out)

    async def _foreign(self, asked: str, named: str, token: TokenRecord) -> None:
        """One who named what is another workspace's, and was told that there is no such thing."""
        for each, owner in (await self._store.foreign_owners(workspace_id=token.workspace_id, text=named)).items():
            left_out = self._sparing.left_out(("foreign", token.id, each), now=time.monotonic())
            if left_out is None:
                continue
            self._logger.warning("api.foreign", asked=asked, token_id=token.id, subject=each, left_out=left_out)
            await self._store.record_foreign(token=token, subject=each, owner=owner, asked=asked, left_out=left_out)
