"""The small model of one project: what leads where, and what a switch makes of it. It shares no code with Turnout.

It decides nothing about when things happen: the caller tells it the switches in the order of their generations, and it
says what each of them must have done. What may have come out of a refusal or a fault is in `judge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.faults.histories.choices import App

PRODUCTION: Final = "production"

Name = tuple[str, str]
"""What a route is called here: its stickiness, and whose it is. The name under the apex is `("live", "")`."""


class Refused(Exception):
    """The gates say no; the text says why."""


@dataclass(kw_only=True)
class Version:
    """One deployment."""

    id: str
    environment: str
    branch: str | None
    app: App
    order: int
    """Its place among the project's operations, as they were asked for."""
    variables: dict[str, int]
    """The versions of the variables that it was made with."""
    status: str = "pending"
    removed: bool = False

    @property
    def able(self) -> bool:
        """Whether it is ready, or can be made so."""
        return self.status in ("ready", "stopped") and not self.removed


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What a switch did."""

    live_before: str | None
    live_after: str | None
    rolled_back: bool
    names: dict[Name, str | None]
    """The names that lead elsewhere now, each with where it led."""


@dataclass(kw_only=True)
class Project:
    """What is true of one project."""

    slug: str
    versions: dict[str, Version] = field(default_factory=dict)
    live: str | None = None
    rolled_back: bool = False
    routes: dict[Name, str] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    """Domains of its own."""
    asked_domains: set[str] = field(default_factory=set)
    variables: dict[str, dict[str, int]] = field(default_factory=lambda: {PRODUCTION: {}, "preview": {}})
    """By environment; the version of each that is set."""
    last_versions: dict[tuple[str, str], int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    """The names of the keys that let somebody in."""
    _lives: list[tuple[bool, str]] = field(default_factory=list)

    # ------------------------------------------------------------------------------------ switches

    def deploy(self, version: Version) -> Moved:
        """A new version is ready: it takes its own name, its branch's, and unless rolled back what follows them."""
        names: dict[Name, str] = {("none", version.id): version.id}
        if version.branch is not None:
            names["branch", f"{version.environment}/{version.branch}"] = version.id
        goes_live = version.environment == PRODUCTION and not self.rolled_back
        if goes_live or version.environment != PRODUCTION:
            names["environment", version.environment] = version.id
        if goes_live:
            names |= {("live", name): version.id for name in ("", *self.proved)}
        version.status = "ready"
        return self._move(names, live=version.id if goes_live else self.live, rolled_back=self.rolled_back)

    def rollback(self, source: str, target: str) -> Moved:
        """The target takes what follows the live version; the mark is set."""
        if (refusal := self.why_no_rollback(source, target)) is not None:
            raise Refused(refusal)
        return self._take_live(target, back=True)

    def promote(self, target: str) -> Moved:
        """The target takes what follows the live version; the mark is cleared."""
        if (refusal := self.why_no_promote(target)) is not None:
            raise Refused(refusal)
        return self._take_live(target, back=False)

    def _take_live(self, target: str, *, back: bool) -> Moved:
        self.versions[target].status = "ready"
        follows = {name: target for name in self.routes if name[0] == "live" or name == ("environment", PRODUCTION)}
        return self._move(follows, live=target, rolled_back=back, back=back)

    def _move(self, names: dict[Name, str], *, live: str | None, rolled_back: bool, back: bool = False) -> Moved:
        moved = {name: self.routes.get(name) for name, to in names.items() if self.routes.get(name) != to}
        before = self.live
        self.routes |= names
        self.live, self.rolled_back = live, rolled_back
        if live is not None:
            self._lives.append((back, live))
        return Moved(live_before=before, live_after=live, rolled_back=rolled_back, names=moved)

    # ------------------------------------------------------------------------------------- refusals

    def why_no_rollback(self, source: str | None, target: str | None) -> str | None:
        """None when it may happen as things are. A stopped target is started first."""
        if self.live is None:
            return "nothing is live"
        if source != self.live:
            return f"{source} is not live"
        if target is None or target not in self.versions:
            return "there is no such version"
        if target == source:
            return "source and target are the same"
        if self.versions[target].environment != PRODUCTION:
            return "it is of another environment"
        return None if self.versions[target].able else f"it is {self.versions[target].status}"

    def why_no_promote(self, target: str) -> str | None:
        """None when it may happen as things are."""
        if target not in self.versions:
            return "there is no such version"
        if self.live == target:
            return "it is live already"
        if self.versions[target].environment != PRODUCTION:
            return "it is of another environment"
        if not any(name[0] in ("live", "environment") for name in self.routes):
            return "there are no domains to move"
        return None if self.versions[target].able else f"it is {self.versions[target].status}"

    def before_live(self) -> list[str]:
        """What was live before, nearest first: where a rollback leads that names nothing.

        Going back to the last time that a version was live takes away what came after that time.
        """
        stack: list[str] = []
        for went_back, live in self._lives:
            if went_back and live in stack:
                while stack[-1] != live:
                    stack.pop()
            elif not stack or stack[-1] != live:
                stack.append(live)
        nearest: list[str] = []
        for each in reversed(stack[:-1]):
            if each != stack[-1] and each not in nearest:
                nearest.append(each)
        return nearest

    # --------------------------------------------------------------------------- what is no switch

    def prove(self, fqdn: str) -> None:
        """A domain of its own is proved: it leads to the live version at once, if there is one."""
        self.proved.add(fqdn)
        if self.live is not None:
            self.routes["live", fqdn] = self.live

    def give_up(self, fqdn: str) -> None:
        """It leads nowhere any more. It may have been asked for again by now, which is proved later."""
        self.proved.discard(fqdn)
        self.routes.pop(("live", fqdn), None)

    def remove(self, deployment_id: str) -> None:
        """A version is forgotten, with its own name."""
        self.versions[deployment_id].removed = True
        self.routes.pop(("none", deployment_id), None)

    def set_variables(self, environment: str, names: tuple[str, ...]) -> None:
        """Each has a new value, and the version after its last one."""
        for name in names:
            version = self.last_versions.get((environment, name), 0) + 1
            self.last_versions[environment, name] = version
            self.variables[environment][name] = version

    def overtaken(self, version: Version, by: Version) -> bool:
        """Whether one deploy may end because of the other one."""
        same = (version.environment, version.branch) == (by.environment, by.branch)
        return same and version.order < by.order
