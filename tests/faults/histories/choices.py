"""What people ask for in a history, and the history itself. Data alone, and readable.

Deployments and operations are named by their place among those that their project was asked for, counted from one: so a
history can be written down before anybody knows an id, or what becomes of anything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from tests.faults.histories.mishaps import Fault


class App(StrEnum):
    """What is deployed, by what becomes of it."""

    GOOD = "good"
    SLOW = "slow"
    """Starts, and passes its check a moment later."""
    EXITS = "exits"
    NEVER = "never"
    """Never passes its check."""
    ONCE = "once"
    """Starts the first time, and exits when it is started again."""

    @property
    def starts(self) -> bool:
        """Whether its deploy goes well when nobody interferes."""
        return self not in (App.EXITS, App.NEVER)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing that somebody asks of a project."""

    project: str
    after: float = 0.0
    """Seconds after what was asked of the project before it."""

    def told(self) -> str:
        """As a line of a printed history."""
        said = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in ("project", "after") and value not in (None, False, ()):
                said.append(each.name if value is True else f"{each.name}={value}")
        return f"{self.project:8} +{self.after:4.2f} s  {type(self).__name__.lower()} {' '.join(said)}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Deploy(Choice):
    """A new version."""

    environment: str
    branch: str | None
    app: App
    keys: bool = False
    """Whether requests need a key of the project's keyspace."""


@dataclass(frozen=True, kw_only=True)
class Rollback(Choice):
    """Back to the deployment of that number, or to what was live before."""

    to: int | None
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class Promote(Choice):
    """The deployment takes the live domains."""

    deployment: int
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class Start(Choice):
    """A stopped deployment runs again."""

    deployment: int


@dataclass(frozen=True, kw_only=True)
class Stop(Choice):
    """A deployment runs nowhere."""

    deployment: int
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class Remove(Choice):
    """A deployment is forgotten."""

    deployment: int


@dataclass(frozen=True, kw_only=True)
class Keep(Choice):
    """What is stopped beyond what is to be kept is removed, in all projects."""


@dataclass(frozen=True, kw_only=True)
class Cancel(Choice):
    """The operation is not wanted any more."""

    operation: int
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class Resend(Choice):
    """The operation is sent to the workflows once more: as the dispatcher does, or as a stranger without its key."""

    operation: int
    keyed: bool = True


@dataclass(frozen=True, kw_only=True)
class SetVariables(Choice):
    """Variables of an environment get new values; the values are secrets of the history."""

    environment: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UnsetVariable(Choice):
    """A variable is removed."""

    environment: str
    name: str


@dataclass(frozen=True, kw_only=True)
class AddKey(Choice):
    """A key of the project's keyspace, which comes into being with the first one."""

    name: str


@dataclass(frozen=True, kw_only=True)
class RevokeKey(Choice):
    """A key lets nobody in any more."""

    name: str
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class Protect(Choice):
    """Who may visit an environment."""

    environment: str
    allow: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AddDomain(Choice):
    """A name of the project's own; its proof is there."""

    fqdn: str
    twice: bool = False


@dataclass(frozen=True, kw_only=True)
class RemoveDomain(Choice):
    """The name is given up."""

    fqdn: str


@dataclass(frozen=True)
class Batch:
    """What happens at once: choices of several projects and faults, before everything is waited for and looked at."""

    choices: tuple[Choice, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class History:
    """All of it, and how it is to be read."""

    seed: int
    warm: bool
    """Whether what was replaced stays warm for the whole history, or hardly at all."""
    batches: tuple[Batch, ...]

    def told(self) -> str:
        """The whole history as text, and how to have it again."""
        count = sum(len(batch.choices) for batch in self.batches)
        kept = "replaced versions stay warm" if self.warm else "replaced versions are stopped at once"
        lines = [f"history of seed {self.seed}: {count} operations in {len(self.batches)} batches; {kept}"]
        for number, batch in enumerate(self.batches, 1):
            lines += [f"  batch {number}", *(f"    {each.told()}" for each in batch.faults)]
            lines += [f"    {each.told()}" for each in batch.choices]
        lines.append(f"again: make soak SEED={self.seed} OPERATIONS={count}")
        return "\n".join(lines)
