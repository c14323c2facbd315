"""The sentinel config: what stands in front of one domain, as JSON a person can read in the database.

The field names follow the protojson spelling (camel case, absent means not configured).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from turnout.domain.errors import Invalid
from turnout.domain.hostnames import is_local, is_under
from turnout.domain.validation import Validation


@dataclass(frozen=True, kw_only=True, slots=True)
class SentinelInstance:
    """One instance to balance over."""

    id: str
    address: str
    region: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SentinelConfig:
    """The policy of one domain."""

    deployment_id: str
    enabled: bool = True
    instances: tuple[SentinelInstance, ...] = ()
    key_auth_id: str | None = None
    """Requests need a key of this keyspace; None lets everybody in."""
    openapi_spec_id: str | None = None
    """The app's own description (the SHA-256 of the document); None when it has none."""
    validation: Validation = field(default_factory=Validation)
    """Whether requests are checked against it."""


def needs_sentinel(fqdn: str, *, apex: str) -> bool:
    """Every domain has a config, except local ones that are not under the default apex."""
    return is_under(fqdn, apex) or not is_local(fqdn)


def to_json(config: SentinelConfig) -> str:
    """Write a config; the same config always gives the same text."""
    document: dict[str, Any] = {
        "deployment": {"id": config.deployment_id, "isEnabled": config.enabled},
        "vms": [
            {"id": instance.id, "address": instance.address, "region": instance.region} for instance in config.instances
        ],
    }
    if config.key_auth_id is not None:
        document["authConfig"] = {"keyAuthId": config.key_auth_id}
    if config.openapi_spec_id is not None:
        document["validationConfig"] = {"openapiSpecId": config.openapi_spec_id}
    if config.validation != Validation():
        document["validationConfig"] = document.get("validationConfig", {}) | config.validation.to_document()
    return json.dumps(document, indent=2)


def from_json(text: str) -> SentinelConfig:
    """Read what `to_json` wrote. Raises Invalid when it is something else."""
    try:
        document = json.loads(text)
        validation = document.get("validationConfig", {})
        return SentinelConfig(
            deployment_id=_text(document["deployment"]["id"]),
            enabled=_truth(document["deployment"]["isEnabled"]),
            instances=tuple(
                SentinelInstance(id=_text(vm["id"]), address=_text(vm["address"]), region=_text(vm["region"]))
                for vm in document["vms"]
            ),
            key_auth_id=_text(document["authConfig"]["keyAuthId"]) if "authConfig" in document else None,
            openapi_spec_id=_text(validation["openapiSpecId"]) if "openapiSpecId" in validation else None,
            validation=Validation.from_document(validation),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"cannot read a sentinel config: {error!r}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value
