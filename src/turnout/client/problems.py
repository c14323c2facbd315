"""From an HTTP answer to the error it stands for."""

from __future__ import annotations

from typing import Final

import httpx
from pydantic import ValidationError

from turnout.domain.documents import Problem
from turnout.domain.errors import (
    Conflict,
    DeploymentFailed,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotBuilt,
    NotFound,
    TooLarge,
    TooSlow,
    TurnoutError,
    Unauthenticated,
    Unavailable,
    Undecryptable,
)


class Unreachable(Unavailable):
    """Nobody answers at the API's address, or the connection was cut."""

    type = "unreachable"
    title = "Not reachable"


_KNOWN: Final[tuple[type[TurnoutError], ...]] = (
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    TooSlow,
    NotBuilt,
    Unavailable,
    DeploymentFailed,
    IllegalTransition,
    Undecryptable,
)
_BY_TYPE: Final = {known.type: known for known in _KNOWN}
_BY_STATUS: Final[dict[int, type[TurnoutError]]] = {
    **{known.status: known for known in reversed(_KNOWN) if known.status != TurnoutError.status},
    429: Unavailable,
    502: Unavailable,
    504: Unavailable,
}


def error_from(response: httpx.Response) -> TurnoutError:
    """The error of an answer that is none of ours to read: by its problem type, else by its status.

    The body has to be read already. A body that is no problem document is not quoted: it may be anything.
    """
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        kind = _BY_STATUS.get(response.status_code, TurnoutError)
        return kind(
            f"cannot understand the answer of {_origin(response)}: it is {response.status_code} without an "
            "explanation; check that TURNOUT_API_URL names a Turnout server"
        )
    name = problem.type.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    kind = _BY_TYPE.get(name) or _BY_STATUS.get(response.status_code, TurnoutError)
    return kind(problem.detail)


def unreadable(response: httpx.Response, reason: Exception) -> TurnoutError:
    """The error of a good answer that does not have the fields it should have."""
    return TurnoutError(
        f"cannot understand the answer of {_origin(response)}: {_first_line(reason)}; "
        "check that TURNOUT_API_URL names a Turnout server, and that both sides have the same version"
    )


def unreachable(url: httpx.URL, reason: Exception) -> Unreachable:
    """The error of an answer that never came."""
    origin = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
    if isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout):
        return Unreachable(
            f"cannot reach the server at {origin}: {_first_line(reason)}; start it with `turnout up`, "
            "or name another one in TURNOUT_API_URL"
        )
    return Unreachable(
        f"cannot finish talking to the server at {origin}: the connection was cut ({_first_line(reason)}); "
        "look with `turnout status` whether what you asked for has begun"
    )


def _origin(response: httpx.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"


def _first_line(reason: Exception) -> str:
    text = str(reason).strip().splitlines()
    return text[0] if text else type(reason).__name__
