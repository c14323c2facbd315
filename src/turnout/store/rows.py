"""Rows to records and back, one function a record. Nothing is decided here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from turnout.domain.jobs import Job
from turnout.domain.observation import Observation
from turnout.domain.plans import SwitchResult
from turnout.domain.records import (
    Backend,
    Deployment,
    Environment,
    GitData,
    HealthCheck,
    Instance,
    OnBreaking,
    Operation,
    OperationKind,
    Project,
    Release,
    Resources,
    Route,
    RunSpec,
    Step,
    Sticky,
    Workspace,
)
from turnout.domain.statuses import (
    DeploymentStatus,
    InstanceStatus,
    JobStatus,
    ObservationStatus,
    OperationStatus,
    StepStatus,
)
from turnout.domain.tokens import TokenRecord
from turnout.domain.validation import Validation
from turnout.domain.waits import GatewayRecord, Wait, WaitKind


def workspace_from(row: Row[Any]) -> Workspace:
    """A row of `workspaces`."""
    return Workspace(id=row.id, slug=row.slug)


def project_from(row: Row[Any]) -> Project:
    """A row of `projects`."""
    return Project(
        id=row.id,
        workspace_id=row.workspace_id,
        slug=row.slug,
        live_deployment_id=row.live_deployment_id,
        rolled_back=row.rolled_back,
        generation=row.generation,
    )


def environment_from(row: Row[Any]) -> Environment:
    """A row of `environments`."""
    return Environment(id=row.id, project_id=row.project_id, slug=row.slug)


def deployment_from(row: Row[Any]) -> Deployment:
    """A row of `deployment_columns`."""
    return Deployment(
        id=row.id,
        project_id=row.project_id,
        environment_id=row.environment_id,
        status=DeploymentStatus(row.status),
        reason=row.reason,
        image=row.image,
        source_id=row.source_id,
        backend=Backend(row.backend),
        git=GitData(
            branch=row.git_branch,
            commit_sha=row.git_commit_sha,
            commit_message=row.git_commit_message,
            dirty=row.git_dirty,
        ),
        command=tuple(row.command),
        build_command=tuple(row.build_command),
        resources=Resources(**row.resources),
        health=HealthCheck(**row.health),
        openapi_path=row.openapi_path,
        key_auth_id=row.key_auth_id,
        regions=tuple(row.regions),
        created_at=row.created_at,
        has_variables=row.has_variables,
        release=Release() if row.release is None else release_from_json(row.release),
        auto_rollback=row.auto_rollback,
        openapi_breaking=None if row.openapi_breaking is None else OnBreaking(row.openapi_breaking),
        openapi_spec_id=row.openapi_spec_id,
        stopped_at=row.stopped_at,
        removed_at=row.removed_at,
        validation=Validation() if row.validation is None else Validation.from_document(row.validation),
    )


def operation_from(row: Row[Any]) -> Operation:
    """A row of `operations`."""
    return Operation(
        id=row.id,
        project_id=row.project_id,
        kind=OperationKind(row.kind),
        status=OperationStatus(row.status),
        reason=row.reason,
        deployment_id=row.deployment_id,
        source_deployment_id=row.source_deployment_id,
        previous_deployment_id=row.previous_deployment_id,
        live=row.live,
        generation=row.generation,
        propagation_ms=row.propagation_ms,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        wakes=row.wakes,
        cancel_requested_at=row.cancel_requested_at,
        cancelled_by=row.cancelled_by,
        deadline_at=row.deadline_at,
    )


def step_from(row: Row[Any]) -> Step:
    """A row of `operation_steps`."""
    return Step(
        name=row.name,
        status=StepStatus(row.status),
        started_at=row.started_at,
        ended_at=row.ended_at,
        detail=row.detail,
    )


def instance_from(row: Row[Any]) -> Instance:
    """A row of `instances`."""
    return Instance(
        id=row.id,
        deployment_id=row.deployment_id,
        region=row.region,
        slot=row.slot,
        status=InstanceStatus(row.status),
        address=row.address,
        reason=row.reason,
        registered=row.registered,
    )


def route_from(row: Row[Any]) -> Route:
    """A row of `routes`."""
    return Route(
        id=row.id,
        fqdn=row.fqdn,
        project_id=row.project_id,
        environment_id=row.environment_id,
        deployment_id=row.deployment_id,
        sticky=Sticky(row.sticky),
    )


def wait_from(row: Row[Any]) -> Wait:
    """A row of `waits`."""
    return Wait(
        awakeable_id=row.awakeable_id,
        operation_id=row.operation_id,
        kind=WaitKind(row.kind),
        deployment_id=row.deployment_id,
        generation=row.generation,
        wanted=row.wanted,
        created_at=row.created_at,
        deadline_at=row.deadline_at,
    )


def gateway_from(row: Row[Any]) -> GatewayRecord:
    """A row of `gateways`."""
    return GatewayRecord(
        id=row.id,
        region=row.region,
        connected=row.connected,
        acknowledged_generation=row.acknowledged_generation,
        acknowledged_at=row.acknowledged_at,
        error=row.error,
        error_generation=row.error_generation,
    )


def token_from(row: Row[Any]) -> TokenRecord:
    """A row of `tokens`, without the hash."""
    return TokenRecord(
        id=row.id,
        name=row.name,
        access=row.access,
        workspace_id=row.workspace_id,
        region=row.region,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def release_from_json(document: dict[str, Any]) -> Release:
    """What `asdict` made of a release."""
    return Release(command=tuple(document["command"]), timeout=document["timeout"])


def job_from(row: Row[Any]) -> Job:
    """A row of `jobs`."""
    return Job(
        id=row.id,
        deployment_id=row.deployment_id,
        region=row.region,
        status=JobStatus(row.status),
        claim=row.claim,
        wanted=row.wanted,
        present=row.present,
        exit_code=row.exit_code,
        reason=row.reason,
    )


def observation_from(row: Row[Any]) -> Observation:
    """A row of `observations`."""
    return Observation(
        operation_id=row.operation_id,
        deployment_id=row.deployment_id,
        took_live=row.took_live,
        status=ObservationStatus(row.status),
        until_at=row.until_at,
        incident=row.incident,
        note=row.note,
        rollback_operation_id=row.rollback_operation_id,
    )


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """A run spec as a placement keeps it."""
    return asdict(spec) | {"command": list(spec.command)}


def spec_from_json(document: dict[str, Any]) -> RunSpec:
    """What `spec_to_json` made."""
    return RunSpec(
        **(
            document
            | {
                "backend": Backend(document["backend"]),
                "command": tuple(document["command"]),
                "resources": Resources(**document["resources"]),
                "health": HealthCheck(**document["health"]),
            }
        )
    )


def result_to_json(result: SwitchResult) -> dict[str, Any]:
    """A switch's result as its history row keeps it, for a replay."""
    return asdict(result) | {
        "released": list(result.released),
        "committed_at": result.committed_at.isoformat(),
    }


def result_from_json(document: dict[str, Any]) -> SwitchResult:
    """What `result_to_json` made: equal to the first result in every field."""
    return SwitchResult(
        **(
            document
            | {
                "released": tuple(document["released"]),
                "committed_at": datetime.fromisoformat(document["committed_at"]),
            }
        )
    )
