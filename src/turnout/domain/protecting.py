"""What a change of a protection makes of the one before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from turnout.domain.errors import Invalid, NotFound
from turnout.domain.header_rules import header_rule
from turnout.domain.passwords import Credential
from turnout.domain.protection import Maintenance, Protection
from turnout.domain.protection_documents import ProtectionBody


def changed(before: Protection, body: ProtectionBody, credentials: Mapping[str, Credential | None]) -> Protection:
    """The new protection: parts that the body does not name stay, null switches one off.

    `credentials` are the hashed passwords of the body, None for a name that is let in no more. Raises Invalid
    for a body that names nothing, and NotFound for a name that was not let in.
    """
    named = body.model_fields_set
    if not named:
        raise Invalid("cannot change the protection: say what, such as allow, basic_auth, maintenance or headers")
    after = before
    if "allow" in named:
        after = replace(after, allow=body.allow or ())
    if "basic_auth" in named:
        after = replace(after, basic_auth=_let_in(before, body, credentials))
    if "maintenance" in named:
        after = replace(after, maintenance=_maintenance(body))
    if "headers" in named:
        rules = body.headers or ()
        after = replace(
            after,
            headers=tuple(
                header_rule(side=rule.side, action=rule.action, name=rule.name, value=rule.value) for rule in rules
            ),
        )
    return after


def _let_in(
    before: Protection, body: ProtectionBody, credentials: Mapping[str, Credential | None]
) -> tuple[Credential, ...]:
    if body.basic_auth is None:
        return ()
    users = {each.user: each for each in before.basic_auth}
    for user, credential in credentials.items():
        if credential is not None:
            users[user] = credential
        elif users.pop(user, None) is None:
            raise NotFound(f"cannot remove {user!r}: no such name is let in; let in are: {', '.join(users) or 'none'}")
    return tuple(users.values())


def _maintenance(body: ProtectionBody) -> Maintenance | None:
    if body.maintenance is None:
        return None
    asked = body.maintenance
    return Maintenance(retry_after=asked.retry_after, page=asked.page, let_in=asked.let_in)
