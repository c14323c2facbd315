"""The tables. What can be forbidden here is forbidden here: code that forgets a rule meets a constraint.

A domain name exists once (`routes.fqdn`), an operation switches once (`switches.operation_id`), a
generation is given once (`switches.generation`), a deployment is deployed by one operation
(`uq_operations_deploy`). Foreign keys carry the project along, so that a route, an operation or a live
pointer cannot lead to another project's deployment.
"""

from turnout.store.schema.after import jobs, observations
from turnout.store.schema.asked import (
    audit_log,
    build_options,
    deployment_columns,
    deployments,
    environments,
    openapi_comparisons,
    openapi_specs,
    operation_steps,
    operations,
    projects,
    sources,
    tokens,
    workspaces,
)
from turnout.store.schema.base import metadata
from turnout.store.schema.certificates import certificates
from turnout.store.schema.issuing import acme_accounts, issuings
from turnout.store.schema.keyspaces import keys, keyspaces
from turnout.store.schema.named import challenges, confirmations, domains
from turnout.store.schema.protecting import protections
from turnout.store.schema.routing import counters, project_changes, routes, sentinel_configs, switches
from turnout.store.schema.running import build_places, gateways, instances, placements, regions, waits
from turnout.store.schema.secret import data_keys, keyrings, variables

__all__ = [
    "acme_accounts",
    "audit_log",
    "build_options",
    "build_places",
    "certificates",
    "challenges",
    "confirmations",
    "counters",
    "data_keys",
    "deployment_columns",
    "deployments",
    "domains",
    "environments",
    "gateways",
    "instances",
    "issuings",
    "jobs",
    "keyrings",
    "keys",
    "keyspaces",
    "metadata",
    "observations",
    "openapi_comparisons",
    "openapi_specs",
    "operation_steps",
    "operations",
    "placements",
    "project_changes",
    "projects",
    "protections",
    "regions",
    "routes",
    "sentinel_configs",
    "sources",
    "switches",
    "tokens",
    "variables",
    "waits",
    "workspaces",
]
