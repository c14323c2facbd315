"""The answers of the API, against the model: what had to be accepted, what had to be refused.

The first request to a project in a batch meets a project at rest, so its answer is known exactly. Those after it meet
operations under way: there a refusal may be right or wrong, and is only held to be one plain sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.histories import choices as c
from tests.faults.histories.model import PRODUCTION, Project, Version
from tests.faults.histories.picture import Picture
from tests.faults.histories.record import Record, Request


@dataclass(kw_only=True)
class Asked:
    """An operation that was accepted."""

    operation_id: str
    choice: c.Choice
    deployment_id: str
    cancelled: bool = False
    """Whether its cancellation was accepted."""


@dataclass(kw_only=True)
class Batch:
    """What is known of one project's part in a batch."""

    project: Project
    record: Record
    asked: dict[str, Asked] = field(default_factory=dict)
    given_up: list[tuple[int, str]] = field(default_factory=list)
    """Domains, with the generation that gave them up."""
    accepted: dict[str, list[type[c.Choice]]] = field(default_factory=dict)
    """What was accepted about each deployment."""
    moments: list[tuple[str | None, bool]] = field(default_factory=list)
    """What was live, and whether it was marked, one after the other."""
    switched: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Deployments that a name was taken from."""

    @property
    def kept(self) -> bool:
        """Whether somebody had the stopped ones removed: that concerns all projects."""
        return any(isinstance(each.choice, c.Keep) for many in self.record.requests.values() for each in many)

    def about(self, deployment_id: str) -> list[type[c.Choice]]:
        """What was accepted about it."""
        return self.accepted.get(deployment_id, [])

    def was_woken(self, deployment_id: str) -> bool:
        """Whether an operation was asked for that starts it if it is stopped."""
        return any(each in (c.Start, c.Rollback, c.Promote) for each in self.about(deployment_id))


def heard(batch: Batch, requests: list[Request], picture: Picture) -> list[str]:
    """Take the answers in, one after the other."""
    found: list[str] = []
    for place, request in enumerate(requests):
        if not request.accepted and not _is_plain(request):
            found.append(f"{request.choice.told()} was answered {request.status}: {request.answer}")
        exact = place == 0 or (place == 1 and request.choice == requests[0].choice and not requests[0].accepted)
        found += [f"{request.choice.told()}: {each}" for each in _hear(batch, request, picture, exact=exact)]
    return found


def _is_plain(request: Request) -> bool:
    """A refusal is a problem document with one sentence, and no breakdown."""
    answer = request.answer
    return request.status < 500 and isinstance(answer, dict) and len(answer.get("detail", "")) > 8


def _hear(batch: Batch, request: Request, picture: Picture, *, exact: bool) -> Iterator[str]:
    project, choice = batch.project, request.choice
    refusal = _refusal(project, request)
    if exact and refusal is not _UNKNOWN and (refusal is None) is not request.accepted:
        yield f"answered {request.status} {request.answer.get('detail', '')!r}; the model says {refusal or 'yes'}"
    if not request.accepted:
        return
    match choice:
        case c.Deploy():
            _asked(batch, request, request.answer["deployment_id"])
            project.versions[request.answer["deployment_id"]] = Version(
                id=request.answer["deployment_id"],
                environment=choice.environment,
                branch=choice.branch,
                app=choice.app,
                order=len(project.versions),
                variables=dict(project.variables[choice.environment]),
            )
        case c.Rollback() | c.Promote() | c.Start():
            target = request.answer["deployment_id"]
            if exact and isinstance(choice, c.Rollback) and choice.to is None:
                yield from _unnamed(batch, target)
            _asked(batch, request, target)
        case c.Stop() | c.Remove():
            batch.accepted.setdefault(request.about or "", []).append(type(choice))
        case c.Cancel():
            if request.about in batch.asked:
                batch.asked[request.about].cancelled = True
        case c.SetVariables():
            project.set_variables(choice.environment, choice.names)
        case c.UnsetVariable():
            project.variables[choice.environment].pop(choice.name, None)
        case c.AddKey():
            project.keys = (project.keys or set()) | {choice.name}
        case c.RevokeKey():
            project.keys = (project.keys or set()) - {choice.name}
        case c.Protect():
            project.protections[choice.environment] = choice.allow
        case c.AddDomain():
            project.asked_domains.add(choice.fqdn)
        case c.RemoveDomain():
            batch.given_up.append((request.answer["generation"], choice.fqdn))
            project.asked_domains.discard(choice.fqdn)


def _asked(batch: Batch, request: Request, target: str) -> None:
    operation_id = request.answer["operation_id"]
    batch.asked[operation_id] = Asked(operation_id=operation_id, choice=request.choice, deployment_id=target)
    batch.accepted.setdefault(target, []).append(type(request.choice))


def _unnamed(batch: Batch, target: str) -> Iterator[str]:
    """A rollback that names nothing goes to what was live before: the nearest that runs, else the nearest that can."""
    project = batch.project
    able = [each for each in project.before_live() if project.versions[each].able]
    running = [each for each in able if project.versions[each].status == "ready"]
    legal = (running or able)[:1] if batch.record.warm else able
    if target not in legal:
        yield f"leads back to {target}; the model says {legal}"


_UNKNOWN = "unknown"


def _refusal(project: Project, request: Request) -> str | None:
    """Why the request has to be refused by a project at rest; None when it has to be accepted."""
    choice = request.choice
    about = project.versions.get(request.about or "")
    match choice:
        case c.Deploy() | c.SetVariables() | c.AddDomain() | c.Keep():
            return None
        case c.Rollback(to=None):
            able = [each for each in project.before_live() if project.versions[each].able]
            return None if able else "nothing was live before"
        case c.Rollback():
            return project.why_no_rollback(project.live, request.about)
        case c.Promote():
            return project.why_no_promote(request.about or "")
        case c.Start():
            return None if about is not None and about.able else "it cannot be started"
        case c.Stop():
            if about is None or not about.able:
                return "nothing of it runs"
            return _leads(project, about)
        case c.Remove():
            return "there is no such version" if about is None or about.removed else _leads(project, about)
        case c.UnsetVariable():
            return None if choice.name in project.variables[choice.environment] else "it is not set"
        case c.AddKey():
            return "there is one of that name" if choice.name in (project.keys or ()) else None
        case c.RemoveDomain():
            return None if choice.fqdn in project.asked_domains else "it is not the project's"
        case _:
            return _UNKNOWN


def _leads(project: Project, version: Version) -> str | None:
    """Whether anything leads to it but its own name."""
    leading = [name for name, to in project.routes.items() if to == version.id and name[0] != "none"]
    return f"{leading} leads to it" if leading or project.live == version.id else None


__all__ = ["PRODUCTION", "Asked", "Batch", "heard"]
