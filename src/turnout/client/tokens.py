"""The calls about tokens."""

from __future__ import annotations

from turnout.client.wire import Wire, segment
from turnout.domain.token_documents import TokenBody, TokenCreated, TokenDocument, TokenList

_PATH = "/v1/tokens"


class TokenCalls(Wire):
    """For whoever signs in with an admin's token. Every method raises TurnoutError."""

    async def tokens(self) -> TokenList:
        """The tokens of the workspace that let in, by name."""
        return await self.ask(TokenList, "GET", _PATH)

    async def create_token(self, body: TokenBody) -> TokenCreated:
        """Make one; no other answer ever holds its text. Raises Invalid, and Conflict for a taken name."""
        content, headers = body.model_dump_json().encode(), {"content-type": "application/json"}
        return await self.ask(TokenCreated, "POST", _PATH, content=content, headers=headers)

    async def revoke_token(self, token_id: str) -> TokenDocument:
        """Let it in no more, for ever. Raises NotFound, and Conflict for the token that asks and for a krane's."""
        return await self.ask(TokenDocument, "DELETE", f"{_PATH}/{segment(token_id)}")
