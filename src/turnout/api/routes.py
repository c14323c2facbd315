"""The table: every route of the API with its handler and the access it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from turnout.api import (
    certificates,
    deployments,
    domains,
    issuing,
    keeping,
    keyspaces,
    metrics,
    openapi,
    operations,
    projects,
    protections,
    regions,
    requests,
    rotation,
    sources,
    status,
    tokens,
    variables,
)
from turnout.api.access import Access

JSON: Final = ("application/json",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One line of the table."""

    method: str
    path: str
    handler: Callable[..., Any]
    access: Access
    status: int = 200
    media: tuple[str, ...] = JSON
    """What a good answer may be; what is no JSON is text."""


def _get(path: str, handler: Callable[..., Any], access: Access = Access.READ, *media: str) -> Route:
    return Route(method="GET", path=path, handler=handler, access=access, media=media or JSON)


def _delete(path: str, handler: Callable[..., Any], access: Access = Access.ADMIN) -> Route:
    return Route(method="DELETE", path=path, handler=handler, access=access)


def _post(path: str, handler: Callable[..., Any], status: int, access: Access = Access.ADMIN) -> Route:
    return Route(method="POST", path=path, handler=handler, access=access, status=status)


def _put(path: str, handler: Callable[..., Any], access: Access = Access.ADMIN) -> Route:
    return Route(method="PUT", path=path, handler=handler, access=access)


def _patch(path: str, handler: Callable[..., Any], access: Access = Access.ADMIN) -> Route:
    return Route(method="PATCH", path=path, handler=handler, access=access)


_PROTECTION: Final = "/v1/projects/{project}/environments/{environment}/protection"
_VARIABLES: Final = "/v1/projects/{project}/environments/{environment}/variables"

ROUTES: Final = (
    _get("/healthz", status.healthz, Access.OPEN),
    _get("/metrics", metrics.show_metrics, Access.READ, "text/plain"),
    _get("/v1/status", status.show_status),
    _get("/v1/findings", status.list_findings),
    _post("/v1/sources", sources.upload_source, 201, Access.DEPLOY),
    _get("/v1/projects", projects.list_projects),
    _get("/v1/projects/{project}", projects.show_project),
    _post("/v1/projects/{project}/deployments", projects.deploy, 202, Access.DEPLOY),
    _post("/v1/projects/{project}/rollback", projects.rollback, 202, Access.DEPLOY),
    _post("/v1/projects/{project}/promote", projects.promote, 202, Access.DEPLOY),
    _delete("/v1/projects/{project}", keeping.remove_project),
    _get(_VARIABLES, variables.list_variables),
    _put(_VARIABLES, variables.set_variables),
    _delete(_VARIABLES, variables.remove_variables),
    _get("/v1/keyspaces", keyspaces.list_keyspaces),
    _post("/v1/keyspaces", keyspaces.create_keyspace, 201),
    _delete("/v1/keyspaces/{keyspace}", keyspaces.remove_keyspace),
    _put("/v1/keyspaces/{keyspace}/limit", keyspaces.limit_keyspace),
    _get("/v1/keyspaces/{keyspace}/keys", keyspaces.list_keys),
    _post("/v1/keyspaces/{keyspace}/keys", keyspaces.create_key, 201),
    _post("/v1/keys/{key_id}/revoke", keyspaces.revoke_key, 200),
    _put("/v1/keys/{key_id}/expiry", keyspaces.expire_key),
    _put("/v1/keys/{key_id}/limit", keyspaces.limit_key),
    _get(_PROTECTION, protections.show_protection),
    _patch(_PROTECTION, protections.change_protection),
    _get("/v1/projects/{project}/requests", requests.list_requests, Access.READ, "application/x-ndjson"),
    _get("/v1/projects/{project}/domains", domains.list_domains),
    _post("/v1/projects/{project}/domains", domains.add_domain, 201),
    _get("/v1/projects/{project}/domains/{fqdn}", domains.show_domain),
    _delete("/v1/projects/{project}/domains/{fqdn}", domains.remove_domain),
    _post("/v1/projects/{project}/domains/{fqdn}/verify", domains.verify_domain, 200),
    _get("/v1/projects/{project}/domains/{fqdn}/certificate", issuing.show_issuing),
    _post("/v1/projects/{project}/domains/{fqdn}/certificate", issuing.ask_certificate, 202),
    _get("/v1/certificates", certificates.list_certificates),
    _post("/v1/certificates", certificates.add_certificate, 201),
    _get("/v1/certificates/authority", certificates.show_authority),
    _delete("/v1/certificates/{certificate_id}", certificates.remove_certificate),
    _get("/v1/tokens", tokens.list_tokens, Access.ADMIN),
    _post("/v1/tokens", tokens.create_token, 201),
    _delete("/v1/tokens/{token_id}", tokens.revoke_token),
    _post("/v1/vault/rotate", rotation.rotate, 200),
    _get("/v1/operations/{operation_id}", operations.show_operation),
    _get("/v1/operations/{operation_id}/events", operations.follow_operation, Access.READ, "text/event-stream"),
    _post("/v1/operations/{operation_id}/cancel", operations.cancel_operation, 202, Access.DEPLOY),
    _get("/v1/deployments/{deployment_id}", deployments.show_deployment),
    _delete("/v1/deployments/{deployment_id}", keeping.remove),
    _get("/v1/deployments/{deployment_id}/operation", keeping.newest_operation),
    _post("/v1/deployments/{deployment_id}/stop", keeping.stop, 200, Access.DEPLOY),
    _post("/v1/deployments/{deployment_id}/start", keeping.start, 202, Access.DEPLOY),
    _post("/v1/garbage", keeping.collect, 200),
    _get("/v1/deployments/{deployment_id}/logs", deployments.read_logs, Access.READ, "text/plain"),
    _get("/v1/deployments/{before}/diff/{after}", deployments.diff),
    _get("/v1/deployments/{deployment_id}/openapi", openapi.show_openapi, Access.READ, *JSON, "application/yaml"),
    _get("/v1/deployments/{before}/openapi/diff/{after}", openapi.diff_openapi),
    _get("/v1/regions/{region}/desired", regions.follow_desired, Access.KRANE, "text/event-stream"),
    _post("/v1/regions/{region}/report", regions.report, 204, Access.KRANE),
    _get("/v1/regions/{region}/deployments/{deployment_id}/environment", regions.read_environment, Access.KRANE),
    _post("/v1/regions/{region}/jobs/{instance_id}/begin", regions.begin_job, 200, Access.KRANE),
    _post("/v1/regions/{region}/instances/{instance_id}/log", regions.append_log, 200, Access.KRANE),
)
