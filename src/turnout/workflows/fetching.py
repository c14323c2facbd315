"""One bounded GET of an instance that may be hostile: its recorded address, one path, and nothing that it says.

There is no HTTP client here, only the transport below it: that follows no redirect, keeps no cookie, knows no proxy
and unpacks nothing. The caller limits the time.
"""

from __future__ import annotations

import re
from typing import Final

import httpx

from turnout.domain.limits import check_path
from turnout.domain.openapi_document import shown

ACCEPT: Final = "application/vnd.oai.openapi+json, application/json, application/yaml;q=0.9, */*;q=0.1"
"""JSON rather than YAML, and whatever there is rather than nothing."""

_ADDRESS: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_NOT_SHOWN: Final = re.compile(r"[?#].*|(?<=//)[^/?#]*@", re.DOTALL)
"""What of a redirect's target may be a secret: credentials, and everything behind the path."""
_UNPACKED: Final = frozenset({"", "identity"})


class NotFetchedError(Exception):
    """Why there is nothing, as a clause: "it answered 404"."""

    def __init__(self, kind: str, clause: str) -> None:
        super().__init__(clause)
        self.kind = kind
        """For the log: what was met."""
        self.clause = clause


class AbsentError(NotFetchedError):
    """There is nothing at this path; that is no misbehaviour."""


class SilentError(NotFetchedError):
    """Nobody answers there at all: another path would not help."""


async def fetch(transport: httpx.AsyncBaseTransport, address: str, path: str, *, limit: int) -> bytes:
    """What the instance answers at the path: at most `limit` bytes. Raises NotFetchedError."""
    request = _request(address, path)
    try:
        response = await transport.handle_async_request(request)
        try:
            _check_answer(response, limit)
            return await _read(response, limit)
        finally:
            await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise SilentError("silent", "nobody answers there") from None
    except httpx.RemoteProtocolError:
        raise NotFetchedError("not-http", "what it answered is not HTTP, or too long in its headers") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise NotFetchedError("broken-off", f"the answer broke off ({type(error).__name__})") from None


def _request(address: str, path: str) -> httpx.Request:
    """Only the address that krane has reported, and a path that cannot lead elsewhere."""
    if not _ADDRESS.fullmatch(address):
        raise NotFetchedError("bad-address", "what is recorded is no address of an instance")
    try:
        check_path(path)
        url = httpx.URL(f"http://{address}{path}")
    except (ValueError, httpx.InvalidURL):
        raise NotFetchedError("bad-path", "it is no path of an app") from None
    if url.netloc.decode() not in (address.lower(), address.lower().removesuffix(":80")) or url.userinfo:
        raise NotFetchedError("bad-path", "it is no path of an app")
    headers = {"host": address, "accept": ACCEPT, "accept-encoding": "identity", "user-agent": "turnout"}
    return httpx.Request("GET", url, headers={**headers, "connection": "close"})


def _check_answer(response: httpx.Response, limit: int) -> None:
    """By its head alone."""
    status = response.status_code
    if 300 <= status < 400:
        to = shown(_NOT_SHOWN.sub("", response.headers.get("location", ""))) or "nowhere"
        raise NotFetchedError("redirect", f"it answered {status} to {to}, and no redirect is followed")
    if status in (404, 405, 410, 501):
        raise AbsentError("absent", f"it answered {status}")
    if status != 200:
        raise NotFetchedError("refused", f"it answered {status}")
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _UNPACKED:
        raise NotFetchedError("compressed", f"it is compressed ({shown(encoding, 20)}), which was not asked for")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
        raise NotFetchedError("too-large", f"it is larger than {limit // 1024} KiB")


async def _read(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise NotFetchedError("too-large", f"it is larger than {limit // 1024} KiB")
    return bytes(body)
