"""Asks for a protection or a change of it, waits until the gateways apply that, and shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.protection_documents import ProtectionDocument

_PATIENCE_SECONDS: Final = 10.0


def carry_out(
    project: str | None, env: str, asked: dict[str, Any] | None, *, json: bool, made: str | None = None
) -> int:
    """Send what is asked (None only looks), print what is so now, and the password that was made. Returns 0."""
    import asyncio

    from turnout.cli import show
    from turnout.cli.project import checked

    checked(env, "--env")
    protection, away = asyncio.run(_ask(project, env, asked))
    if json:
        extra = {} if made is None else {"password": made}
        show.document(protection.model_dump(mode="json") | {"not_yet_at": away} | extra)
        return 0
    _print(protection)
    if made is not None:
        print(f"password: {made}")
        show.note("this password is shown once; Turnout keeps only its hash")
    if away:
        show.note(f"written down, and not yet in effect at {', '.join(away)}; see `turnout status`")
    return 0


async def _ask(project: str | None, env: str, asked: dict[str, Any] | None) -> tuple[ProtectionDocument, list[str]]:
    from turnout.cli.connect import connect
    from turnout.cli.project import existing_project
    from turnout.domain.errors import Invalid
    from turnout.domain.protection_documents import ProtectionBody

    async with connect() as client:
        name = await existing_project(client, project)
        if asked is None:
            return await client.protection(name, env), []
        try:
            body = ProtectionBody.model_validate(asked)
        except ValueError:
            raise Invalid("cannot protect anything with this: --help says what each option takes") from None
        protection = await client.protect(name, env, body)
        return protection, await _not_yet(client, protection.generation)


async def _not_yet(client: Client, generation: int) -> list[str]:
    """The connected gateways that do not apply it after some seconds."""
    import asyncio

    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        gateways = (await client.status()).gateways
        away = [each.gateway_id for each in gateways if each.connected and each.acknowledged_generation < generation]
        if not away or loop.time() > deadline:
            return away
        await asyncio.sleep(0.05)


def _print(protection: ProtectionDocument) -> None:
    from turnout.cli import show

    rows = show.plain_table("protection", f"{protection.project} {protection.environment}")
    rows.add_row("allow", "\n".join(protection.allow) or "everybody")
    rows.add_row("basic-auth", "\n".join(protection.basic_auth) or "off")
    rows.add_row("maintenance", _told(protection))
    rules = (
        f"{rule.action} {rule.side} {rule.name}" + ("" if rule.value is None else f": {rule.value}")
        for rule in protection.headers
    )
    rows.add_row("headers", "\n".join(rules) or "as they are")
    show.table(rows)


def _told(protection: ProtectionDocument) -> str:
    maintenance = protection.maintenance
    if maintenance is None:
        return "off"
    page = "" if maintenance.page is None else ", with a page of your own"
    let_in = f", but for {', '.join(maintenance.let_in)}" if maintenance.let_in else ""
    return f"on, retry after {maintenance.retry_after} s{page}{let_in}"
