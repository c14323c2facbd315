"""What a person or a program with a token can ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from turnout.client.certificates import CertificateCalls
from turnout.client.keys import Keys
from turnout.client.retry import Patience
from turnout.client.tokens import TokenCalls
from turnout.client.wire import segment
from turnout.domain.documents import (
    DeployBody,
    DeploymentDocument,
    GarbageBody,
    GarbageReport,
    OperationAccepted,
    OperationDocument,
    ProjectDocument,
    ProjectList,
    PromoteBody,
    RollbackBody,
    SourceAccepted,
    StatusDocument,
)
from turnout.domain.domain_documents import (
    CustomDomainDocument,
    CustomDomainList,
    DomainBody,
    RemovedDomainDocument,
)
from turnout.domain.errors import TurnoutError
from turnout.domain.openapi_answers import ApiDiffDocument
from turnout.domain.protection_documents import ProtectionBody, ProtectionDocument, RequestDocument
from turnout.domain.secret_documents import DiffDocument, RotateBody, RotatedDocument, VariablesBody, VariablesDocument
from turnout.domain.statuses import OPERATION_TERMINAL

Progress = Callable[[int, int], None]
"""Called with the bytes that are sent and the bytes there are."""

_CHUNK: Final = 256 * 1024
_JSON: Final = {"content-type": "application/json"}


class Client(CertificateCalls, Keys, TokenCalls):
    """Every method raises TurnoutError: the server's refusal, or Unreachable when there is no answer."""

    async def status(self) -> StatusDocument:
        """The control plane's view of itself."""
        return await self.ask(StatusDocument, "GET", "/v1/status")

    async def projects(self) -> ProjectList:
        """The projects of the token's workspace, by name."""
        return await self.ask(ProjectList, "GET", "/v1/projects")

    async def project(self, name: str) -> ProjectDocument:
        """A project and its deployments. Raises NotFound."""
        return await self.ask(ProjectDocument, "GET", f"/v1/projects/{segment(name)}")

    async def remove_project(self, name: str) -> GarbageReport:
        """Forget a project with all it serves. Raises NotFound, and Conflict while an operation is under way."""
        return await self.ask(GarbageReport, "DELETE", f"/v1/projects/{segment(name)}", timeout=300.0)

    async def upload_source(self, archive: Path, *, progress: Progress | None = None) -> SourceAccepted:
        """Send a packed source folder (tar.gz). Raises TooLarge, or Invalid when it will not be unpacked."""
        size = archive.stat().st_size
        return await self.ask(
            SourceAccepted,
            "POST",
            "/v1/sources",
            content=_chunks(archive, size, progress),
            headers={"content-type": "application/gzip", "content-length": str(size)},
            timeout=300.0,
        )

    async def deploy(self, project: str, body: DeployBody) -> OperationAccepted:
        """Ask for a new version."""
        return await self._begin(project, "deployments", body)

    async def rollback(self, project: str, body: RollbackBody) -> OperationAccepted:
        """Ask that an earlier deployment takes the live domains back."""
        return await self._begin(project, "rollback", body)

    async def promote(self, project: str, body: PromoteBody) -> OperationAccepted:
        """Ask that this deployment takes the live domains."""
        return await self._begin(project, "promote", body)

    async def variables(self, project: str, environment: str) -> VariablesDocument:
        """The variables of an environment, without their values. Raises NotFound."""
        return await self.ask(VariablesDocument, "GET", _variables(project, environment))

    async def set_variables(self, project: str, environment: str, values: Mapping[str, str]) -> VariablesDocument:
        """Set variables, for deployments from now on. Raises Invalid or TooLarge; then none is set."""
        body = VariablesBody(variables=dict(values)).model_dump_json().encode()
        path = _variables(project, environment)
        return await self.ask(VariablesDocument, "PUT", path, content=body, headers=_JSON)

    async def remove_variables(self, project: str, environment: str, names: Sequence[str]) -> VariablesDocument:
        """Remove variables, for deployments from now on. Raises NotFound; then none is removed."""
        params = {"name": list(names)}
        return await self.ask(VariablesDocument, "DELETE", _variables(project, environment), params=params)

    async def protection(self, project: str, environment: str) -> ProtectionDocument:
        """What stands in front of an environment. Raises NotFound."""
        return await self.ask(ProtectionDocument, "GET", _protection(project, environment))

    async def protect(self, project: str, environment: str, body: ProtectionBody) -> ProtectionDocument:
        """Change parts of it: those that were not given to the body stay. Raises Invalid; then nothing has changed."""
        content = body.model_dump_json(exclude_unset=True).encode()
        path = _protection(project, environment)
        return await self.ask(ProtectionDocument, "PATCH", path, content=content, headers=_JSON)

    async def requests(
        self,
        project: str,
        *,
        follow: bool = False,
        since: str | None = None,
        status: str | None = None,
        deployment: str | None = None,
        last: int | None = None,
    ) -> AsyncGenerator[RequestDocument, None]:
        """The requests to a project, oldest first; with `follow` also those that come.

        `since` is how long ago (`10m`) or a time, `status` such as `404` or `5xx`, `last` how many at most of
        those there are.
        """
        filters = {"since": since, "status": status, "deployment": deployment, "last": last}
        params = {name: str(value) for name, value in filters.items() if value is not None}
        params |= {"follow": "true"} if follow else {}
        path = f"/v1/projects/{segment(project)}/requests"
        silence = None if follow else 30.0  # nobody may come for hours
        async with self.stream(path, params=params, silence=silence, accept="application/x-ndjson") as response:
            async for line in response.aiter_lines():
                yield RequestDocument.model_validate_json(line)

    async def domains(self, project: str) -> CustomDomainList:
        """The custom domains of a project. Raises NotFound."""
        return await self.ask(CustomDomainList, "GET", _domains(project))

    async def add_domain(self, project: str, fqdn: str) -> CustomDomainDocument:
        """Ask for a name; the answer says what proves it. Raises Invalid, or Conflict when another one has it."""
        body = DomainBody(fqdn=fqdn).model_dump_json().encode()
        return await self.ask(CustomDomainDocument, "POST", _domains(project), content=body, headers=_JSON)

    async def verify_domain(self, project: str, fqdn: str) -> CustomDomainDocument:
        """Have the proof looked for now. Raises NotFound, or Conflict when another project has the name."""
        path = f"{_domains(project)}/{segment(fqdn)}/verify"
        return await self.ask(CustomDomainDocument, "POST", path, timeout=90.0)

    async def remove_domain(self, project: str, fqdn: str) -> RemovedDomainDocument:
        """Give a name up. Raises NotFound."""
        path = f"{_domains(project)}/{segment(fqdn)}"
        return await self.ask(RemovedDomainDocument, "DELETE", path, timeout=90.0)

    async def rotate_keys(self, *, master: bool = True, data: bool = True) -> RotatedDocument:
        """Make new keys and encrypt with them what the old ones did."""
        body = RotateBody(master=master, data=data).model_dump_json().encode()
        path = "/v1/vault/rotate"
        return await self.ask(RotatedDocument, "POST", path, content=body, headers=_JSON, timeout=600.0)

    async def diff(self, before: str, after: str) -> DiffDocument:
        """What differs from one deployment to another. Raises NotFound."""
        return await self.ask(DiffDocument, "GET", f"/v1/deployments/{segment(before)}/diff/{segment(after)}")

    async def openapi(self, deployment_id: str, *, form: str = "json") -> str:
        """The OpenAPI document of a deployment, as `json` or `yaml`. Raises NotFound, also when it has none."""
        path = f"/v1/deployments/{segment(deployment_id)}/openapi"
        return (await self.send("GET", path, params={"form": form})).text

    async def openapi_diff(self, before: str, after: str) -> ApiDiffDocument:
        """What changed from one deployment's API to another's. Raises NotFound."""
        path = f"/v1/deployments/{segment(before)}/openapi/diff/{segment(after)}"
        return await self.ask(ApiDiffDocument, "GET", path, timeout=120.0)

    async def start(self, deployment_id: str) -> OperationAccepted:
        """Ask that a stopped deployment runs again."""
        return await self.ask(OperationAccepted, "POST", f"/v1/deployments/{segment(deployment_id)}/start")

    async def stop(self, deployment_id: str) -> DeploymentDocument:
        """Stop a deployment that nothing leads to. Raises Conflict when something does."""
        return await self.ask(DeploymentDocument, "POST", f"/v1/deployments/{segment(deployment_id)}/stop")

    async def remove(self, deployment_id: str, *, with_domains: bool = False) -> GarbageReport:
        """Forget a deployment, with the domains that lead to it or only when none does. Else raises Conflict."""
        query = "?with_domains=true" if with_domains else ""
        path = f"/v1/deployments/{segment(deployment_id)}{query}"
        return await self.ask(GarbageReport, "DELETE", path, timeout=300.0)

    async def collect_garbage(self, *, dry_run: bool) -> GarbageReport:
        """Remove what no deployment needs, or only say what that is."""
        body = GarbageBody(dry_run=dry_run).model_dump_json().encode()
        return await self.ask(GarbageReport, "POST", "/v1/garbage", content=body, headers=_JSON, timeout=300.0)

    async def cancel(self, operation_id: str) -> OperationDocument:
        """Cancel an operation. Raises Conflict when it has switched or ended."""
        return await self.ask(OperationDocument, "POST", f"/v1/operations/{segment(operation_id)}/cancel")

    async def operation_of(self, deployment_id: str) -> OperationDocument:
        """The operation about a deployment that is under way, else the newest."""
        return await self.ask(OperationDocument, "GET", f"/v1/deployments/{segment(deployment_id)}/operation")

    async def operation(self, operation_id: str) -> OperationDocument:
        """An operation as it stands. Raises NotFound."""
        return await self.ask(OperationDocument, "GET", f"/v1/operations/{segment(operation_id)}")

    async def operation_events(
        self, operation_id: str, *, patience: float | None = 60.0
    ) -> AsyncGenerator[OperationDocument, None]:
        """The operation as it stands, then again after each change; ends after a terminal status.

        A cut is mended by connecting again, so the same document may come twice. Raises Unreachable when the
        server stays away for `patience` seconds (None waits for ever): the operation itself goes on.
        """
        waiting = Patience(total=patience)
        path = f"/v1/operations/{segment(operation_id)}/events"
        while True:
            cut: TurnoutError | None = None
            try:
                async with aclosing(self.events(OperationDocument, path, event="operation")) as documents:
                    async for document in documents:
                        waiting.alive()
                        yield document
                        if document.status in OPERATION_TERMINAL:
                            return
            except TurnoutError as error:
                cut = error
            await asyncio.sleep(waiting.pause_after(cut))

    async def deployment(self, deployment_id: str) -> DeploymentDocument:
        """One deployment. Raises NotFound."""
        return await self.ask(DeploymentDocument, "GET", f"/v1/deployments/{segment(deployment_id)}")

    async def logs(
        self,
        deployment_id: str,
        *,
        follow: bool = False,
        instance: str | None = None,
        build: bool = False,
        since: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """What a deployment's instances printed, or its build; with `follow` also what they print from now on.

        `since` is how long ago (`10m`) or a time; what was printed before is left out.
        """
        params = {name: "true" for name, wanted in (("follow", follow), ("build", build)) if wanted}
        params |= {name: text for name, text in (("instance", instance), ("since", since)) if text is not None}
        path = f"/v1/deployments/{segment(deployment_id)}/logs"
        silence = None if follow else 30.0  # an app may have nothing to say for hours
        async with self.stream(path, params=params, silence=silence, accept="text/plain") as response:
            async for chunk in response.aiter_bytes():
                yield chunk

    async def _begin(self, project: str, verb: str, body: BaseModel) -> OperationAccepted:
        return await self.ask(
            OperationAccepted,
            "POST",
            f"/v1/projects/{segment(project)}/{verb}",
            content=body.model_dump_json().encode(),
            headers=_JSON,
        )


async def _chunks(archive: Path, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    sent = 0
    with await asyncio.to_thread(archive.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
            sent += len(chunk)
            if progress is not None:
                progress(sent, size)


def _domains(project: str) -> str:
    return f"/v1/projects/{segment(project)}/domains"


def _variables(project: str, environment: str) -> str:
    return f"/v1/projects/{segment(project)}/environments/{segment(environment)}/variables"


def _protection(project: str, environment: str) -> str:
    return f"/v1/projects/{segment(project)}/environments/{segment(environment)}/protection"
