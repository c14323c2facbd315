"""Typed JSON in and out of the journal."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter
from restate.serde import Serde

T = TypeVar("T")


class JsonOf(Serde[T], Generic[T]):
    """Any type pydantic can write as JSON and read back: our frozen records, enums, times, None."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = _adapter(kind)  # type: ignore[arg-type]  # mypy does not know that a type can be hashed

    def serialize(self, obj: T | None) -> bytes:
        """Write one value."""
        return self._adapter.dump_json(obj)  # type: ignore[arg-type]  # None only where the type allows it

    def deserialize(self, buf: bytes) -> T | None:
        """Read it back; raises ValueError when it is something else."""
        return self.read(buf or b"null")

    def read(self, text: bytes) -> T:
        """Read what is known to be there."""
        return self._adapter.validate_json(text)


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Made once for each type: that takes longer than many a step, and every step needs one."""
    return TypeAdapter(kind)


def optional(kind: type[T]) -> type[T | None]:
    """The type, or None. No class, but pydantic takes it for one, and a step returns it."""
    union: Any = kind | None
    return cast(type[T | None], union)
