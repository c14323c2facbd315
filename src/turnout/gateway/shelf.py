"""Documents that were read lately, ready for use, within a budget of memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from turnout.checking.spec import Spec
from turnout.domain.errors import Invalid, NotFound
from turnout.gateway.specs import SpecFolder

_TEXT: Final = 24 * 1024 * 1024
"""Bytes of documents; one takes about eight times as much as its text."""
_SCHEMAS: Final = 40_000
"""Compiled schemas of all documents; one takes about 3 KiB."""


class Shelf:
    """The documents of a folder, most recently used last."""

    def __init__(self, folder: SpecFolder, *, text: int = _TEXT, schemas: int = _SCHEMAS) -> None:
        self._folder = folder
        self._text, self._schemas = text, schemas
        self._specs: OrderedDict[str, tuple[Spec, int]] = OrderedDict()
        self._unusable: dict[str, str] = {}

    def take(self, spec_id: str) -> Spec:
        """Raises NotFound when there is no such document, and Invalid when it cannot be used."""
        if spec_id in self._specs:
            self._specs.move_to_end(spec_id)
            return self._specs[spec_id][0]
        if spec_id in self._unusable:
            raise Invalid(self._unusable[spec_id])
        try:
            document = self._folder.read(spec_id)
        except ValueError:
            document = None
        if document is None:
            raise NotFound("this app's OpenAPI document is not here yet")
        try:
            spec = Spec(document)
        except Invalid as error:
            self._unusable[spec_id] = error.detail
            raise
        self._specs[spec_id] = (spec, len(document))
        return spec

    def tidy(self) -> None:
        """Keep to the budget: give back what was used longest ago."""
        while len(self._specs) > 1 and sum(size for _, size in self._specs.values()) > self._text:
            self._specs.popitem(last=False)
        for spec, _ in self._specs.values():
            if sum(each.size for each, _ in self._specs.values()) <= self._schemas:
                return
            spec.forget()
