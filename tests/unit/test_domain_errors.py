"""The tree of errors."""

from __future__ import annotations

import pytest

from turnout.domain import errors
from turnout.domain.errors import TurnoutError


def _tree(root: type[TurnoutError]) -> list[type[TurnoutError]]:
    return [root, *(each for child in root.__subclasses__() for each in _tree(child))]


STATUSES = {
    TurnoutError: 500,
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.TooSlow: 408,
    errors.NotBuilt: 501,
    errors.Unavailable: 503,
    errors.DeploymentFailed: 422,
    errors.IllegalTransition: 409,
    errors.Undecryptable: 500,
}
OF_THE_DOMAIN = [each for each in _tree(TurnoutError) if each.__module__ == errors.__name__]


def test_every_class_has_its_status() -> None:
    """The whole tree with its HTTP statuses; a new class has to be added here."""
    assert {each: each.status for each in OF_THE_DOMAIN} == STATUSES


def test_types_and_titles_are_distinct() -> None:
    """A client can tell every class by its type, and a person by its title."""
    assert len({each.type for each in OF_THE_DOMAIN}) == len(OF_THE_DOMAIN)
    assert len({each.title for each in OF_THE_DOMAIN}) == len(OF_THE_DOMAIN)


def test_only_what_passes_by_itself_is_tried_again() -> None:
    """Unavailable is the one error that the same call may overcome."""
    assert [each for each in OF_THE_DOMAIN if each.retryable] == [errors.Unavailable]


@pytest.mark.parametrize("kind", OF_THE_DOMAIN)
def test_the_detail_is_the_message(kind: type[TurnoutError]) -> None:
    """What is raised is what a person reads."""
    error = kind("cannot do this: because")
    assert str(error) == error.detail == "cannot do this: because"
