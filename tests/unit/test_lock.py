"""The lock, as pip reads it on a fresh machine."""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[2] / "constraints.txt"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([a-z0-9,._-]+)\])?==", re.MULTILINE)


def pins() -> dict[str, set[str]]:
    """What is locked, and with which extras."""
    return {canonicalize_name(name): set(extras.split(",")) - {""} for name, extras in PIN.findall(LOCK.read_text())}


def test_what_is_wanted_with_extras_is_locked_with_them() -> None:
    """Else the pip of Python 3.11 looks for the newest of it, and fails on the day on which there is a newer one."""
    locked = pins()
    wanted = [
        (requirement, distribution.name)
        for distribution in distributions()
        if canonicalize_name(distribution.name) in locked.keys() | {"turnout"}
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.extras and (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
    ]
    assert wanted, "nothing is wanted with extras any more: this test can go"
    for requirement, name in wanted:
        missing = requirement.extras - locked[canonicalize_name(requirement.name)]
        assert not missing, f"{name} wants {requirement}, which `make lock` has to lock with {missing}"


def test_no_address_is_in_it() -> None:
    """Where packages come from is the business of whoever installs them."""
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host", LOCK.read_text())
