"""The certificates a gateway knows, found by the names they are for. Costs what is asked, not what exists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from turnout.domain.certificates import CertificateSource, choose, is_valid, patterns
from turnout.domain.hostnames import is_local
from turnout.domain.views import CertificateView


@dataclass(frozen=True, kw_only=True, slots=True)
class Touched:
    """What a change of certificates may have changed for."""

    names: frozenset[str] = frozenset()
    """Names of certificates, wildcards among them."""
    local: bool = False
    """All local names: the authority that issues for them is another one, or is gone."""

    def __bool__(self) -> bool:
        return bool(self.names) or self.local

    def concerns(self, host: str) -> bool:
        """Whether another certificate may serve this host now."""
        return (self.local and is_local(host)) or not self.names.isdisjoint(patterns(host))


class Certificates:
    """All of them, by id and by name."""

    def __init__(self) -> None:
        self.views: dict[str, CertificateView] = {}
        self._by_name: defaultdict[tuple[str | None, str], dict[str, CertificateView]] = defaultdict(dict)
        self._authority: CertificateView | None = None

    def apply(self, views: Iterable[CertificateView], *, whole: bool) -> Touched:
        """Take changes in; with `whole`, those that are not among them are gone. Returns what they touch."""
        changed = {view.id: view for view in views if view != self.views.get(view.id)}
        gone = {name for name, view in changed.items() if view.key is None}
        if whole:
            gone |= self.views.keys() - {view.id for view in views}
        touched = [view for name in gone if (view := self._drop(name)) is not None]
        for name, view in changed.items():
            if name not in gone:
                touched += [view, *([before] if (before := self._drop(name)) is not None else [])]
                self._add(view)
        return Touched(
            names=frozenset(name for view in touched for name in view.names),
            local=any(view.source is CertificateSource.LOCAL for view in touched),
        )

    def find(self, host: str, *, workspace_id: str, now: datetime) -> CertificateView | None:
        """What serves a host of that workspace: its best certificate, or the root to issue one with.

        None when nothing does. The local authority serves local names that nothing valid is there for.
        """
        fitting = (each for name in patterns(host) for each in self._by_name.get((workspace_id, name), {}).values())
        best = choose(fitting, host, now)
        if (best is None or not is_valid(best, now)) and self._authority is not None and is_local(host):
            return self._authority
        return best

    def _add(self, view: CertificateView) -> None:
        self.views[view.id] = view
        for name in view.names:
            self._by_name[view.workspace_id, name][view.id] = view
        if view.source is CertificateSource.LOCAL:
            self._authority = view

    def _drop(self, certificate_id: str) -> CertificateView | None:
        view = self.views.pop(certificate_id, None)
        if view is None:
            return None
        for name in view.names:
            del self._by_name[view.workspace_id, name][certificate_id]
            if not self._by_name[view.workspace_id, name]:
                del self._by_name[view.workspace_id, name]
        if self._authority is view:
            self._authority = None
        return view
