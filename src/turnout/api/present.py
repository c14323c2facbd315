"""Records become the documents that the API answers with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from turnout.domain.comparison import Change, VariableChanges
from turnout.domain.documents import (
    DeploymentDocument,
    DomainDocument,
    OperationDocument,
    ProjectDocument,
    StepDocument,
    WaitingDocument,
)
from turnout.domain.job_documents import ObservationDocument
from turnout.domain.observation import Observation
from turnout.domain.plans import DeployPlan
from turnout.domain.records import Deployment, Environment, Operation, Project, Route, Step, Sticky
from turnout.domain.secret_documents import ChangeDocument, DiffDocument, VariableChangesDocument
from turnout.domain.statuses import OPERATION_TERMINAL

_ORDER: Final = (Sticky.NONE, Sticky.BRANCH, Sticky.ENVIRONMENT, Sticky.LIVE)
"""A deployment's own address comes first."""


def operation_document(
    operation: Operation,
    plan: DeployPlan,
    *,
    steps: Sequence[Step],
    routes: Iterable[Route],
    gateway_url: str,
    observation: Observation | None = None,
    waiting: WaitingDocument | None,
) -> OperationDocument:
    """One operation, whole."""
    return OperationDocument(
        operation_id=operation.id,
        kind=operation.kind,
        project=plan.project.slug,
        environment=plan.environment.slug,
        deployment_id=operation.deployment_id,
        status=operation.status,
        reason=operation.reason or _why_not_live(operation, steps),
        live=operation.live,
        live_deployment_id=plan.project.live_deployment_id,
        previous_deployment_id=operation.previous_deployment_id,
        generation=operation.generation,
        propagation_ms=operation.propagation_ms,
        waiting_for=None if waiting is None else waiting.what,
        waiting=waiting,
        domains=_domains(routes, operation.deployment_id, gateway_url),
        steps=tuple(
            StepDocument(
                name=step.name,
                status=step.status,
                started_at=step.started_at,
                ended_at=step.ended_at,
                detail=step.detail,
            )
            for step in steps
        ),
        observation=None if observation is None else observation_document(observation),
        created_at=operation.created_at,
        started_at=operation.started_at,
        ended_at=operation.ended_at,
        duration_ms=_milliseconds(operation.created_at, operation.ended_at),
    )


def project_document(
    project: Project,
    *,
    deployments: Sequence[Deployment],
    environments: Iterable[Environment],
    routes: Sequence[Route],
    running: Mapping[str, int],
    gateway_url: str,
    observations: Iterable[Observation] = (),
) -> ProjectDocument:
    """A project with its deployments, newest first."""
    seen = {each.deployment_id: each for each in observations}
    slugs = {environment.id: environment.slug for environment in environments}
    return ProjectDocument(
        project=project.slug,
        live_deployment_id=project.live_deployment_id,
        rolled_back=project.rolled_back,
        generation=project.generation,
        deployments=tuple(
            deployment_document(
                deployment,
                project,
                environment=slugs[deployment.environment_id],
                routes=routes,
                running=running.get(deployment.id, 0),
                gateway_url=gateway_url,
                observation=seen.get(deployment.id),
            )
            for deployment in deployments
        ),
    )


def deployment_document(
    deployment: Deployment,
    project: Project,
    *,
    environment: str,
    routes: Iterable[Route],
    running: int,
    gateway_url: str,
    observation: Observation | None = None,
) -> DeploymentDocument:
    """One version of a project."""
    return DeploymentDocument(
        id=deployment.id,
        environment=environment,
        status=deployment.status,
        reason=deployment.reason,
        live=project.live_deployment_id == deployment.id,
        image=deployment.image,
        git_branch=deployment.git.branch,
        git_commit_sha=deployment.git.commit_sha,
        created_at=deployment.created_at,
        instances_running=running,
        domains=_domains(routes, deployment.id, gateway_url),
        observation=None if observation is None else observation_document(observation),
    )


def observation_document(observation: Observation) -> ObservationDocument:
    """What a deploy's observation showed, so far or in the end."""
    told = [text for text in (observation.incident, observation.note) if text]
    return ObservationDocument(
        operation_id=observation.operation_id,
        deployment_id=observation.deployment_id,
        status=observation.status,
        until=observation.until_at,
        reason="\n".join(told) or None,
        rollback_operation_id=observation.rollback_operation_id,
    )


def diff_document(before: str, after: str, changes: Sequence[Change], variables: VariableChanges) -> DiffDocument:
    """What differs, as a document."""
    named = VariableChangesDocument(**asdict(variables))
    return DiffDocument(
        before=before,
        after=after,
        same=not changes and variables == VariableChanges(),
        changes=tuple(ChangeDocument(**asdict(each)) for each in changes),
        variables=named,
    )


def url_of(fqdn: str, gateway_url: str) -> str:
    """Where a domain is reached: with the gateway's scheme and port."""
    scheme, _, rest = gateway_url.partition("://")
    _, colon, port = rest.rpartition(":")
    suffix = f"{colon}{port}" if colon and port not in ("", "80") else ""
    return f"{scheme}://{fqdn}{suffix}"


def _domains(routes: Iterable[Route], deployment_id: str, gateway_url: str) -> tuple[DomainDocument, ...]:
    """The domains that lead to a deployment now."""
    return tuple(
        DomainDocument(fqdn=route.fqdn, url=url_of(route.fqdn, gateway_url), sticky=route.sticky)
        for route in sorted(routes, key=lambda route: (_ORDER.index(route.sticky), route.fqdn))
        if route.deployment_id == deployment_id
    )


def _why_not_live(operation: Operation, steps: Iterable[Step]) -> str | None:
    """What the switch wrote beside its skipped step `live`."""
    if operation.live or operation.status not in OPERATION_TERMINAL:
        return None
    return next((step.detail for step in steps if step.name == "live"), None)


def _milliseconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - start).total_seconds() * 1000, 1)
