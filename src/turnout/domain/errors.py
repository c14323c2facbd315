"""One small tree of errors. The class answers the only question a caller has: what now?

Each message says what could not be done, why, and what a person can do about it. At the boundaries the
class becomes an HTTP status (`api`), a terminal error (`workflows`) or an exit code (`cli`); nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class TurnoutError(Exception):
    """Anything Turnout says no to, or cannot do. `detail` is a sentence for a person."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anybody changing anything."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(TurnoutError):
    """The request can never be carried out as it is: change it."""

    status = 400
    type = "invalid"
    title = "Invalid request"


class Unauthenticated(TurnoutError):
    """Nobody we know: bring a good token."""

    status = 401
    type = "unauthenticated"
    title = "Not signed in"


class Forbidden(TurnoutError):
    """We know the caller, and the caller may not."""

    status = 403
    type = "forbidden"
    title = "Not allowed"


class NotFound(TurnoutError):
    """There is no such thing, or it belongs to somebody else, which is told the same way."""

    status = 404
    type = "not-found"
    title = "Not found"


class Conflict(TurnoutError):
    """The request is good, but the state of the world contradicts it. Nothing was changed."""

    status = 409
    type = "conflict"
    title = "Conflict"


class TooLarge(TurnoutError):
    """More bytes than a stated limit allows."""

    status = 413
    type = "too-large"
    title = "Too large"


class TooSlow(TurnoutError):
    """What was announced did not arrive within a stated time."""

    status = 408
    type = "too-slow"
    title = "Too slow"


class NotBuilt(TurnoutError):
    """Turnout knows what is meant, and this version cannot do it. It is refused, never ignored."""

    status = 501
    type = "not-built"
    title = "Not available in this version"


class Unavailable(TurnoutError):
    """A part we need is away; the same call may succeed later."""

    status = 503
    type = "unavailable"
    title = "Temporarily unavailable"
    retryable = True


class DeploymentFailed(TurnoutError):
    """The version could not be started, built or checked; the detail quotes why. Traffic is untouched."""

    status = 422
    type = "deployment-failed"
    title = "The deployment failed"


class Undecryptable(TurnoutError):
    """A sealed value or key does not open: it was changed or moved, or its key is not here. Nothing of it is quoted."""

    status = 500
    type = "undecryptable"
    title = "A secret cannot be read"


class IllegalTransition(TurnoutError):
    """A status was about to change in a way the table of transitions does not know: a bug or a late effect."""

    status = 409
    type = "illegal-transition"
    title = "Illegal change of status"
