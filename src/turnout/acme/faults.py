"""What goes wrong on the way to an ACME server, in the words of `domain.issuing`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from acme import errors, messages
from josepy.errors import Error as JoseError

from turnout.domain.errors import Invalid
from turnout.domain.issuing import Problem, ProblemKind, problem_of
from turnout.domain.issuing_ports import NotIssued


class Newest:
    """The newest answer of a session. The library raises errors without it, and so without how long to wait."""

    def __init__(self) -> None:
        self.url, self.status = "", 0
        self.headers: Mapping[str, str] = {}

    def remember(self, response: requests.Response, *_: object, **__: object) -> None:
        """Called by `requests` for each answer."""
        self.url, self.status, self.headers = response.url, response.status_code, response.headers


@contextmanager
def translated(directory: str, newest: Newest) -> Iterator[None]:
    """Let nothing out but NotIssued."""
    try:
        yield
    except messages.Error as error:
        raise NotIssued(told(error, retry_after(newest.headers))) from None
    except Invalid as error:  # a setting
        raise NotIssued(Problem(kind=ProblemKind.TROUBLE, detail=error.detail)) from None
    except requests.exceptions.SSLError:
        why = "its own certificate is not trusted here; name its authority in TURNOUT_ACME_CA_FILE"
        raise NotIssued(_away(directory, why)) from None
    except requests.exceptions.ConnectionError:
        raise NotIssued(_away(directory, "nothing answers there")) from None
    except requests.exceptions.Timeout:
        raise NotIssued(_away(directory, "it did not answer in time")) from None
    except (requests.exceptions.RequestException, errors.Error, JoseError, KeyError, ValueError):
        raise NotIssued(_strange(directory, newest)) from None


def told(error: messages.Error, retry_after_seconds: float | None = None) -> Problem:
    """An error of the protocol, with what lies below it."""
    texts = [error.detail or error.title or ""]
    texts += [each.detail or "" for each in error.subproblems or ()]
    code = str(error.typ).rsplit(":", maxsplit=1)[-1]
    return problem_of(code, "; ".join(filter(None, texts)), retry_after_seconds=retry_after_seconds)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asked to wait, in either form that HTTP knows; None when it did not, or not legibly."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and len(text) < 12:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _away(directory: str, why: str, retry_after_seconds: float | None = None) -> Problem:
    return Problem(
        kind=ProblemKind.UNREACHABLE,
        detail=f"cannot reach the ACME server {directory}: {why}",
        retry_after_seconds=retry_after_seconds,
    )


def _strange(directory: str, newest: Newest) -> Problem:
    if newest.status == 404 and newest.url != directory:
        return Problem(kind=ProblemKind.LOST, detail=f"the ACME server {directory} does not know the order any more")
    return _away(directory, f"it answered {newest.status}, not as an ACME server does", retry_after(newest.headers))
