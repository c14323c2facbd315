"""How a choice is asked of the API. Pure: a choice and the id it is about in, a request out."""

from __future__ import annotations

from typing import Any, Final

from tests.faults.histories import choices as c

_NOBODY: Final = "dep_01jd0000000000000000000000"
"""Asked for where a number stands for nothing yet: there is no such deployment, and Turnout has to say so."""

Sent = tuple[str, str, dict[str, Any]]
"""Method, path, and what httpx is given with them."""


def request_of(choice: c.Choice, about: str | None, body: dict[str, Any]) -> Sent:
    """`about` is the id that the choice's number stands for."""
    project = f"/v1/projects/{choice.project}"
    deployment = f"/v1/deployments/{about or _NOBODY}"
    match choice:  # one line each
        case c.Deploy():
            sent = "POST", f"{project}/deployments", {"json": body}
        case c.Rollback(to=None):
            sent = "POST", f"{project}/rollback", {"json": {}}
        case c.Rollback():
            sent = "POST", f"{project}/rollback", {"json": {"target_deployment_id": about or _NOBODY}}
        case c.Promote():
            sent = "POST", f"{project}/promote", {"json": {"target_deployment_id": about or _NOBODY}}
        case c.Start() | c.Stop():
            sent = "POST", f"{deployment}/{type(choice).__name__.lower()}", {}
        case c.Remove():
            sent = "DELETE", deployment, {}
        case c.Keep():
            sent = "POST", "/v1/garbage", {"json": {}}
        case c.Cancel():
            sent = "POST", f"/v1/operations/{about}/cancel", {}
        case _:
            sent = _more(choice, about, body)
    return sent


def _more(choice: c.Choice, about: str | None, body: dict[str, Any]) -> Sent:
    project = f"/v1/projects/{choice.project}"
    match choice:
        case c.SetVariables(environment=environment):
            sent: Sent = "PUT", f"{project}/environments/{environment}/variables", {"json": body}
        case c.UnsetVariable(environment=environment, name=name):
            sent = "DELETE", f"{project}/environments/{environment}/variables", {"params": {"name": name}}
        case c.AddKey(name=name):
            sent = "POST", f"/v1/keyspaces/{choice.project}-keys/keys", {"json": {"name": name}}
        case c.RevokeKey():
            sent = "POST", f"/v1/keys/{about}/revoke", {}
        case c.Protect(environment=environment, allow=allow):
            sent = "PATCH", f"{project}/environments/{environment}/protection", {"json": {"allow": list(allow)}}
        case c.AddDomain(fqdn=fqdn):
            sent = "POST", f"{project}/domains", {"json": {"fqdn": fqdn}}
        case c.RemoveDomain(fqdn=fqdn):
            sent = "DELETE", f"{project}/domains/{fqdn}", {}
        case _:
            raise ValueError(f"nobody knows how to ask for {choice}")
    return sent
