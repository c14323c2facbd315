"""All there is at one moment: every row of the store, what krane runs, what the gateway serves, what Restate is at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from turnout.domain.secrets import snapshot_from_bytes
from turnout.store import Store
from turnout.store.schema import metadata

Row = SimpleNamespace
"""A row, a column an attribute."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A domain as the gateway has it."""

    deployment_id: str
    has_instances: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Read at once; nothing in it changes. The rules in `invariants` look at nothing else."""

    tables: Mapping[str, tuple[Row, ...]]
    krane_runs: Mapping[str, str]
    """What krane runs: the status of each deployment's instance."""
    gateway_serves: Mapping[str, Served]
    went_dark: tuple[tuple[str, str], ...] = ()
    """Domains, each with its deployment, that had somewhere to go and then had not, though nothing moved them."""
    invocations: tuple[str, ...] | None = None
    """What Restate is at, but for what it was told to do later. None: nobody has asked it."""
    calls_later: int = field(default=0)

    def __getitem__(self, table: str) -> tuple[Row, ...]:
        return self.tables[table]

    @cached_property
    def operations(self) -> dict[str, Row]:
        """By id."""
        return {row.id: row for row in self["operations"]}

    @cached_property
    def deployments(self) -> dict[str, Row]:
        """By id."""
        return {row.id: row for row in self["deployments"]}

    @cached_property
    def projects(self) -> dict[str, Row]:
        """By name."""
        return {row.slug: row for row in self["projects"]}

    @cached_property
    def environments(self) -> dict[str, str]:
        """Names by id."""
        return {row.id: row.slug for row in self["environments"]}

    @cached_property
    def switches(self) -> tuple[Row, ...]:
        """In the order they happened."""
        return tuple(sorted(self["switches"], key=lambda row: row.generation))

    def of_project(self, table: str, project_id: str) -> tuple[Row, ...]:
        """The rows of a project."""
        return tuple(row for row in self[table] if row.project_id == project_id)

    def variables_of(self, deployment_id: str) -> dict[str, int]:
        """The versions of the variables that a deployment was made with."""
        return {each.name: each.version for each in snapshot_from_bytes(self.deployments[deployment_id].env_snapshot)}

    def text(self) -> str:
        """Everything that is written down in the store, for whoever looks for what must not be there."""
        return "\n".join(repr(row) for rows in self.tables.values() for row in rows)


async def read_tables(store: Store) -> dict[str, tuple[Row, ...]]:
    """Every row of every table, of one moment."""
    async with store._db.read() as tx:
        return {
            table.name: tuple(Row(**row._mapping) for row in await tx.execute(select(table)))
            for table in metadata.sorted_tables
        }


def as_served(projects: Iterable[Any]) -> dict[str, Served]:
    """What the gateway's views come to."""
    return {
        route.fqdn: Served(
            deployment_id=route.deployment_id,
            has_instances=any(
                target.addresses for target in view.targets if target.deployment_id == route.deployment_id
            ),
        )
        for view in projects
        for route in view.routes
    }
