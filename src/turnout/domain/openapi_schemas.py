"""Schemas as they can be compared: references followed, `allOf` flattened, the dialects of 3.0 and 3.1 made one.

A schema is a tuple of nodes of the document that hold together. Expanded, it is a set of atoms: nodes without their
references and their `allOf`. There are finitely many of those, so that a recursive schema has an end: whoever walks
from schema to schema remembers the keys it has met.
"""

from __future__ import annotations

from typing import Any, Final

from turnout.domain.openapi_document import ApiDescription, TooLargeError
from turnout.domain.openapi_refs import References
from turnout.domain.openapi_unions import Branch, Schema, branches_of, label_of, nullable_schemas, unions
from turnout.domain.openapi_views import Atom, View, constrains, view_of, weight_of

Key = frozenset[tuple[int, bool]]
"""What a schema is made of: equal keys of one document mean the same schema, as long as the document is there."""

MAX_ATOMS: Final = 1000
"""Nodes that hold together in one schema."""
MAX_READ: Final = 32 * 1024 * 1024
"""Characters of unions and conditions that are read in one comparison, each time they are."""

_NEVER: Final[dict[str, Any]] = {"not": {}}
_NULL: Final[dict[str, Any]] = {"type": "null"}
_MARKS: Final = frozenset({"readOnly", "writeOnly"})


class Schemas:
    """The schemas of one document."""

    def __init__(self, description: ApiDescription) -> None:
        self._references = References(description)
        self._expanded: dict[tuple[int, ...], tuple[tuple[Atom, ...], Key]] = {}
        self._weights: dict[int, int] = {}
        self._read = 0
        self._siblings_count = description.version == "3.1"
        """In 3.0 nothing beside a `$ref` has a meaning."""

    def atoms(self, schema: Schema) -> tuple[Atom, ...]:
        """What the schema is made of, in the order of the document. Raises TooLargeError."""
        return self._remembered(schema)[0]

    def key(self, schema: Schema) -> Key:
        """What the schema is made of, as something that can be remembered."""
        return self._remembered(schema)[1]

    def says(self, schema: Schema, flag: str) -> bool:
        """Whether one of its nodes says so, as in `readOnly: true`."""
        return any(atom.node.get(flag) is True for atom in self.atoms(schema))

    def branches(self, schema: Schema) -> tuple[Branch, ...]:
        """The schemas of which one has to match, when it is nothing but a union; else itself alone."""
        self._charge(schema)
        asking = [atom for atom in self.atoms(schema) if constrains(atom.node) or unions(atom.node)]
        if len(asking) == 1 and not constrains(asking[0].node) and len(found := unions(asking[0].node)) == 1:
            return branches_of([*found[0], _NULL] if asking[0].nullable else found[0])
        return (Branch(label=label_of(schema), schema=schema),)

    def alternatives(self, schema: Schema) -> tuple[Branch, ...]:
        """The same, with "this or null" as a union of two, for whoever compares it with a larger union."""
        found = self.branches(schema)
        node = self._references.resolve(schema[0]) if len(schema) == 1 else {}
        inner = nullable_schemas(node)
        if len(found) > 1 or len(inner) != 1 or constrains(node) or unions(node) or "allOf" in node:
            return found
        return branches_of([inner[0], _NULL])

    def view(self, schema: Schema) -> View:
        """All that it asks for. Raises TooLargeError when too much has been read."""
        self._charge(schema)
        return view_of(self.atoms(schema))

    def _charge(self, schema: Schema) -> None:
        """What stands in many schemas is read many times: that has an end."""
        for atom in self.atoms(schema):
            if id(atom.node) not in self._weights:
                self._weights[id(atom.node)] = weight_of(atom.node)
            self._read += self._weights[id(atom.node)]
        if self._read > MAX_READ:
            raise TooLargeError

    def _remembered(self, schema: Schema) -> tuple[tuple[Atom, ...], Key]:
        nodes = tuple(map(id, schema))
        if nodes not in self._expanded:
            atoms = self._expand(schema)
            self._expanded[nodes] = atoms, frozenset((id(atom.node), atom.nullable) for atom in atoms)
        return self._expanded[nodes]

    def _expand(self, schema: Schema) -> tuple[Atom, ...]:
        found: list[Atom] = []
        seen: set[tuple[int, bool]] = set()
        waiting = [(node, False) for node in reversed(schema)]
        while waiting:
            given, nullable = waiting.pop()
            node = _NEVER if given is False else given
            if not isinstance(node, dict) or (id(node), nullable) in seen:
                continue
            seen.add((id(node), nullable))
            if len(seen) > MAX_ATOMS:
                raise TooLargeError
            target = self._references.target(node["$ref"]) if isinstance(node.get("$ref"), str) else None
            if target is not None:
                waiting.append((target, nullable))
                if not self._siblings_count:
                    continue
            parts = node.get("allOf")
            inherited = nullable or (node.get("nullable") is True and "type" not in node)
            waiting += [(part, inherited) for part in reversed(parts if isinstance(parts, list) else [])]
            waiting += [(only, True) for only in nullable_schemas(node)]
            if _says_something(node, leads=target is not None):
                found.append(Atom(node, nullable))
        return tuple(found)


def _says_something(node: dict[str, Any], *, leads: bool) -> bool:
    """Whether it is more than what it refers to, and words for people."""
    asks = constrains(node) or bool(unions(node)) or not _MARKS.isdisjoint(node)
    return asks or ("$ref" in node and not leads)
