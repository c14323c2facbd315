"""Host names of deployments: deterministic, legal DNS, and never somebody else's.

| pattern | sticky |
|---|---|
| `<project>-git-<sha7>-<workspace>.<apex>` | none |
| `<project>-git-<branch>-<workspace>.<apex>` | branch |
| `<project>-<env>-<workspace>.<apex>` | environment |
| `<project>-<workspace>.<apex>`, and each custom domain that is proved | live |

Names can coincide (project `a-b`, environment `c`; project `a`, environment `b-c`): the switch transaction
then refuses the second owner. What can be told apart here is: a branch whose name had to be changed to be
legal, or that looks like a commit or like a name with a hash, carries a short hash of its real name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from turnout.domain.errors import Invalid
from turnout.domain.ids import short
from turnout.domain.records import PRODUCTION, GitData, Sticky

LABEL_MAX: Final = 63
"""Octets in one label (RFC 1035, section 2.3.4)."""
FQDN_MAX: Final = 253
"""Characters in a whole name as text (RFC 1035 counts 255 octets on the wire)."""
LOCAL_SUFFIXES: Final = ("localhost", "local", "test")
"""Names under these mean this machine or this network, and nobody else ever owns one."""
APEX_MAX: Final = FQDN_MAX - LABEL_MAX - 1
"""Characters in an apex, so that every generated label has room before it."""

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SHA7: Final = re.compile(r"[0-9a-f]{7}")
_HASH_LENGTH: Final = 10
_HASHED: Final = re.compile(rf"(^|-)[0-9a-f]{{{_HASH_LENGTH}}}$")
_RESERVED_ENVIRONMENT: Final = ("git-", "dep-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """Everything the names of one deployment are made of."""

    project: str
    environment: str
    workspace: str
    apex: str
    deployment_id: str
    git: GitData
    custom: tuple[str, ...] = ()
    """The custom domains that the project has proved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One domain a deployment wants. `names` are tried in order; the first that is free or ours is taken."""

    sticky: Sticky
    names: tuple[str, ...]


def candidates(naming: Naming, *, live: bool) -> tuple[Candidate, ...]:
    """The domains a deployment wants, `live` telling whether it may take the environment's and the live ones.

    The first one is the deployment's own address, which never moves.
    """
    wanted = [Candidate(sticky=Sticky.NONE, names=_own_names(naming))]
    if naming.git.branch is not None:
        branch, environment = naming.git.branch, naming.environment
        wanted.append(
            Candidate(
                sticky=Sticky.BRANCH,
                names=(
                    _fqdn(naming, "git", _branch_part(branch)),
                    # The same branch deployed to a second environment: its own name, not the first one's,
                    # and not that of a branch called `<branch>-<environment>` either.
                    _fqdn(naming, "git", _hashed(f"{branch}-{environment}", f"{branch}\n{environment}")),
                ),
            )
        )
    if live:
        wanted.append(Candidate(sticky=Sticky.ENVIRONMENT, names=(_fqdn(naming, naming.environment),)))
        if naming.environment == PRODUCTION:
            wanted.extend(Candidate(sticky=Sticky.LIVE, names=(name,)) for name in (_fqdn(naming), *naming.custom))
    return tuple(wanted)


def check_environment(slug: str) -> None:
    """Raise Invalid for the names that would read like a branch's or a deployment's domain."""
    if slug in {"git", "dep"} or slug.startswith(_RESERVED_ENVIRONMENT):
        raise Invalid(f"cannot use the environment name {slug!r}: names that start with git- or dep- are reserved")


def normalise(host: str) -> str:
    """A host as it is stored and compared: lower case, without a trailing dot. Raises Invalid if not legal DNS."""
    name = _bare(host)
    if len(name) > FQDN_MAX or not name or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise Invalid(f"cannot use {host!r} as a domain: it is not a legal host name")
    return name


def check_apex(apex: str) -> str:
    """The apex as it is stored and compared. Raises Invalid when generated names cannot lie under it."""
    name = normalise(apex)
    if len(name) > APEX_MAX:
        raise Invalid(f"cannot use {apex!r} as the apex: it is longer than {APEX_MAX} characters")
    return name


def is_local(host: str) -> bool:
    """Whether a name can only ever mean this machine or this network: localhost, loopback, `.local`, `.test`."""
    host = _bare(host)
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    return host.rsplit(".", 1)[-1] in LOCAL_SUFFIXES


def is_under(host: str, apex: str) -> bool:
    """Whether `host` is below `apex`."""
    return _bare(host).endswith(f".{_bare(apex)}")


def _bare(host: str) -> str:
    return host.strip().lower().removesuffix(".")


def _own_names(naming: Naming) -> tuple[str, ...]:
    by_id = _fqdn(naming, "dep", short(naming.deployment_id))
    if naming.git.commit_sha is None or naming.git.dirty:
        return (by_id,)
    sha7 = naming.git.commit_sha[:7].lower()
    return (_fqdn(naming, "git", sha7), _fqdn(naming, "git", sha7, short(naming.deployment_id)))


def _branch_part(branch: str) -> str:
    if _legal(branch) != branch or _SHA7.match(branch) or _HASHED.search(branch):
        return _hashed(branch, branch)
    return branch


def _hashed(readable: str, exact: str) -> str:
    return f"{_legal(readable)}-{_hash(exact)}".strip("-")


def _legal(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _fqdn(naming: Naming, *parts: str) -> str:
    label = "-".join((naming.project, *parts, naming.workspace))
    if len(label) > LABEL_MAX:
        digest = _hash(label)
        label = f"{label[: LABEL_MAX - len(digest) - 1].rstrip('-')}-{digest}"
    return normalise(f"{label}.{naming.apex}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
