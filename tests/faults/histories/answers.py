"""The answers of the API, against the model: what had to be accepted, what had to be refused.

The first request to a project in a batch meets a project at rest, so its answer is known exactly. Those after it meet
operations under way: there a refusal may be right or wrong, and is only held to be one plain sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.histories import choices as c
from tests.faults.histories.model import Project, Version
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
        """Whether somebody had the stopped ones removed: that concerns all projects, and follows every removal."""
        every = (each for many in self.record.requests.values() for each in many)
        return any(isinstance(each.choice, c.Keep | c.Remove) and each.accepted for each in every)

    def about(self, deployment_id: str) -> list[type[c.Choice]]:
        """What was accepted about it."""
        return self.accepted.get(deployment_id, [])

    def woke(self, deployment_id: str) -> bool:
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
    if exact and not batch.kept and refusal is not _UNKNOWN and (refusal is None) is not request.accepted:
        yield f"answered {request.status} {request.answer.get('detail', '')!r}; the model says {refusal or 'yes'}"
    if request.accepted:
        if exact and isinstance(choice, c.Rollback) and choice.to is None:
            yield from _unnamed(batch, request.answer["deployment_id"])
        _take_in(batch, request)
        _take_in_more(project, batch, request)


def _take_in(batch: Batch, request: Request) -> None:
    """What was accepted of operations and deployments."""
    match request.choice:
        case c.Deploy(environment=environment, branch=branch, app=app):
            name = _asked(batch, request)
            batch.project.versions[name] = Version(
                id=name,
                environment=environment,
                branch=branch,
                app=app,
                order=len(batch.project.versions),
                variables=dict(batch.project.variables[environment]),
            )
        case c.Rollback() | c.Promote() | c.Start():
            _asked(batch, request)
        case c.Stop() | c.Remove():
            batch.accepted.setdefault(request.about or "", []).append(type(request.choice))
        case c.Cancel() if request.about in batch.asked:
            batch.asked[request.about].cancelled = True


def _take_in_more(project: Project, batch: Batch, request: Request) -> None:
    """What was accepted of everything else."""
    match request.choice:
        case c.SetVariables(environment=environment, names=names):
            project.set_variables(environment, names)
        case c.UnsetVariable(environment=environment, name=name):
            project.variables[environment].pop(name, None)
        case c.AddKey(name=name):
            project.keys.add(name)
        case c.RevokeKey(name=name):
            project.keys.discard(name)
        case c.AddDomain(fqdn=fqdn):
            project.asked_domains.add(fqdn)
        case c.RemoveDomain(fqdn=fqdn):
            batch.given_up.append((request.answer["generation"], fqdn))
            project.asked_domains.discard(fqdn)


def _asked(batch: Batch, request: Request) -> str:
    operation_id, target = request.answer["operation_id"], str(request.answer["deployment_id"])
    batch.asked[operation_id] = Asked(operation_id=operation_id, choice=request.choice, deployment_id=target)
    batch.accepted.setdefault(target, []).append(type(request.choice))
    return target


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
    match request.choice:
        case c.Deploy() | c.SetVariables() | c.AddDomain() | c.Keep():
            return None
        case c.Rollback(to=None):
            able = any(project.versions[each].able for each in project.before_live())
            return None if able else "nothing was live before"
        case c.Rollback():
            return project.why_no_rollback(project.live, request.about)
        case c.Promote():
            return project.why_no_promote(request.about or "")
        case _:
            return _refusal_of_more(project, request)


def _refusal_of_more(project: Project, request: Request) -> str | None:  # noqa: PLR0911 - a table
    match request.choice:
        case c.Start():
            return None if _is_able(project, request.about) else "it cannot be started"
        case c.Stop():
            return _leads(project, request.about) if _is_able(project, request.about) else "nothing of it runs"
        case c.Remove():
            about = project.versions.get(request.about or "")
            return "there is no such version" if about is None or about.removed else _leads(project, about.id)
        case c.UnsetVariable(environment=environment, name=name):
            return None if name in project.variables[environment] else "it is not set"
        case c.AddKey(name=name):
            return "there is one of that name" if name in project.keys else None
        case c.RemoveDomain(fqdn=fqdn):
            return None if fqdn in project.asked_domains else "it is not the project's"
        case _:
            return _UNKNOWN


def _is_able(project: Project, deployment_id: str | None) -> bool:
    return deployment_id in project.versions and project.versions[deployment_id].able


def _leads(project: Project, deployment_id: str | None) -> str | None:
    """Whether anything leads to it but its own name."""
    leading = [name for name, to in project.routes.items() if to == deployment_id and name[0] != "none"]
    return f"{leading} leads to it" if leading or project.live == deployment_id else None
