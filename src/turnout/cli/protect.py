"""`turnout protect`: what stands in front of an environment, whatever its apps say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from turnout.cli.options import Environment, Json, Project
from turnout.cli.protection import carry_out

verbs = typer.Typer(name="protect", invoke_without_command=True)

_PARTS = ("allow", "basic-auth", "maintenance", "headers")


@verbs.callback()
def protect(
    *,
    context: typer.Context,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", help="Only these addresses get in, such as 10.0.0.0/8; may be repeated."),
    ] = None,
    basic_auth: Annotated[
        str | None, typer.Option("--basic-auth", metavar="NAME", help="Let in this name; its password is asked for.")
    ] = None,
    password_from_stdin: Annotated[
        bool, typer.Option("--password-from-stdin", help="Read the password from there.")
    ] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a good password, and print it once.")] = False,
    maintenance: Annotated[
        str | None, typer.Option("--maintenance", metavar="on|off", help="Answer everybody with 503, or no longer.")
    ] = None,
    page: Annotated[str | None, typer.Option("--page", help="With --maintenance on: a file of HTML to show.")] = None,
    retry_after: Annotated[
        int | None, typer.Option("--retry-after", help="With --maintenance on: when to come back, in seconds.")
    ] = None,
    let_in: Annotated[
        list[str] | None, typer.Option("--let-in", help="With --maintenance on: addresses that get in; repeatable.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", help="A rule such as 'set response X-Robots-Tag: noindex'; may be repeated."),
    ] = None,
    project: Project = None,
    env: Environment = "production",
    json: Json = False,
) -> int:
    """Protect the domains of an environment: address ranges, passwords, a maintenance page, header rules.

    What is not named stays as it is; what is changed is in effect when this returns.

    Address ranges and header rules take the place of those before; a name is let in beside the others. Header
    rules can be read by whoever may use the API: they are no place for a secret.

    Examples:

        turnout protect --env preview --allow 10.0.0.0/8 --allow 2001:db8::/32

        turnout protect --env preview --basic-auth alice

        turnout protect --maintenance on --page soon.html --let-in 192.0.2.7

        turnout protect --env preview --header 'set response X-Robots-Tag: noindex'
    """
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return 0
    from turnout.domain.errors import Invalid
    from turnout.domain.header_rules import check_rules, parse_header_rule
    from turnout.domain.networks import check_ranges

    asked: dict[str, Any] = {}
    if allow:
        asked["allow"] = check_ranges(allow)
    if header:
        rules = check_rules(parse_header_rule(each) for each in header)
        asked["headers"] = [
            {"side": rule.side, "action": rule.action, "name": rule.name, "value": rule.value} for rule in rules
        ]
    if (closing := _maintenance(maintenance, page, retry_after, let_in)) is not None:
        asked["maintenance"] = closing or None
    made: str | None = None
    if basic_auth is not None:
        password, made = _password(basic_auth, from_stdin=password_from_stdin, generate=generate)
        asked["basic_auth"] = {basic_auth: password}
    elif password_from_stdin or generate:
        raise Invalid("cannot use a password without a name: add --basic-auth NAME")
    if not asked:
        raise Invalid("cannot protect anything: say what, such as --allow or --maintenance on; see --help")
    return carry_out(project, env, asked, json=json, made=made)


@verbs.command("show")
def show_protection(*, project: Project = None, env: Environment = "production", json: Json = False) -> int:
    """Show what stands in front of an environment. Of passwords only whose.

    Examples:

        turnout protect show --env preview --json
    """
    return carry_out(project, env, None, json=json)


@verbs.command("off")
def off(
    *,
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[allow|basic-auth|maintenance|headers]...", help="What; without any, everything."),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Only this name is let in no more; may be repeated.")
    ] = None,
    project: Project = None,
    env: Environment = "production",
    json: Json = False,
) -> int:
    """Switch the protection of an environment off, or parts of it.

    Examples:

        turnout protect off maintenance

        turnout protect off --env preview --name alice
    """
    from turnout.domain.errors import Invalid

    if unknown := [each for each in parts or () if each not in _PARTS]:
        raise Invalid(f"cannot switch {unknown[0]!r} off: there are {', '.join(_PARTS)}")
    if name and parts:
        raise Invalid("cannot switch off a part and a name at once: leave out one of the two")
    if name:
        return carry_out(project, env, {"basic_auth": dict.fromkeys(name)}, json=json)
    asked = {each.replace("-", "_"): None for each in parts or _PARTS}
    return carry_out(project, env, asked, json=json)


def _nothing_before(context: typer.Context) -> None:
    """An option before `show` or `off` was meant for it, or for nothing: neither is to be guessed."""
    from turnout.domain.errors import Invalid

    if any(value and value != "production" for value in context.params.values()):
        raise Invalid(f"cannot read this: write the options behind `{context.invoked_subcommand}`")


def _maintenance(
    switch: str | None, page: str | None, retry_after: int | None, let_in: list[str] | None
) -> dict[str, Any] | None:
    """What to ask for; empty to switch it off, None when nothing was said of it."""
    from turnout.domain.errors import Invalid
    from turnout.domain.networks import check_ranges

    if switch not in (None, "on", "off"):
        raise Invalid(f"cannot use --maintenance {switch!r}: it is on or off")
    details: dict[str, Any] = {}
    if page is not None:
        details["page"] = _read_page(Path(page))
    if retry_after is not None:
        details["retry_after"] = retry_after
    if let_in:
        details["let_in"] = check_ranges(let_in)
    if details and switch != "on":
        raise Invalid("cannot use --page, --retry-after or --let-in alone: add --maintenance on")
    if switch == "on":
        return {"let_in": (), **details}
    return None if switch is None else {}


def _password(user: str, *, from_stdin: bool, generate: bool) -> tuple[str, str | None]:
    """The password, and the one that was made here, which nobody knows yet."""
    import secrets
    import sys

    from turnout.domain.errors import Invalid
    from turnout.domain.passwords import SALT_BYTES, credential

    if from_stdin and generate:
        raise Invalid("cannot read a password and make one: leave out one of the two")
    if generate:
        made = secrets.token_urlsafe(18)
        return made, made
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt(f"Password of {user}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise Invalid("cannot ask for a password here: use --password-from-stdin or --generate")
    credential(user, password, salt=bytes(SALT_BYTES))  # says what is wrong with it before anything is sent
    return password, None


def _read_page(file: Path) -> str:
    from turnout.domain.errors import Invalid

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"cannot read {file}: it is not UTF-8 text") from None
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise Invalid(f"cannot read {file}: no file has such a name") from None
