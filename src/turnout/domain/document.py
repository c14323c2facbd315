"""The two kinds of JSON that travel: what is asked, and what is answered."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Document(BaseModel):
    """Unknown fields are refused: a misspelt setting must not be silently ignored.

    So is half of a surrogate pair, wherever it stands: JSON can say it, and nothing can write it down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, data: Any) -> Any:
        left = [data]
        while left:
            each = left.pop()
            if isinstance(each, dict):
                left += (*each, *each.values())
            elif isinstance(each, list):
                left += each
            elif isinstance(each, str) and not each.isascii() and any("\ud800" <= one <= "\udfff" for one in each):
                raise PydanticCustomError("text", "holds half of a surrogate pair, which is no character")
        return data


class Answer(BaseModel):
    """Unknown fields are allowed, so that an older client can read a newer server."""

    model_config = ConfigDict(extra="ignore", frozen=True)
