"""`turnout upgrade`: what runs takes the version that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.local.record import Running
    from turnout.local.upgrade import Program, UpgradePlan


def upgrade(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the parts even though nothing of Turnout itself has changed.")
    ] = False,
    json: Json = False,
) -> int:
    """Have what `turnout up` started take the version that is installed by now, part by part, without losing a request.

    Operations that are under way are finished by the version that began them: its worker goes on beside the new one
    until then. There is no way back to an older version than the store was brought up to: make a backup first.

    Examples:

        pip install --upgrade turnout && turnout upgrade

        turnout upgrade --dry-run
    """
    import os

    from turnout.cli import show
    from turnout.local.upgrade import check_loadable, plan_upgrade
    from turnout.local.upgrade import upgrade as carry_out
    from turnout.settings import home_folder

    home = home_folder(os.environ)
    plan = plan_upgrade(home)
    to_do = plan.changes or again
    if to_do:
        check_loadable()
    if dry_run or not to_do:
        if json:
            show.document(_document(plan, plan.running, upgraded=False) | {"would_upgrade": to_do})
        else:
            _print_plan(plan, to_do=to_do)
        return 0
    say = (lambda _text: None) if json else show.note
    say(f"upgrading {_told(plan.old)} to {_told(plan.new)}")
    now = carry_out(home, plan, say=say)
    if json:
        show.document(_document(plan, now, upgraded=True))
        return 0
    print(f"upgraded to {_told(plan.new)}")
    for name in _draining(now):
        print(f"{name} goes on until it has finished what it had begun")
    return 0


def _print_plan(plan: UpgradePlan, *, to_do: bool) -> None:
    if not to_do:
        print(f"nothing to upgrade: {_told(plan.old)} is what runs, and what is installed")
        return
    from turnout.cli import show

    print(f"{_told(plan.old)} would be upgraded to {_told(plan.new)}")
    rows = show.plain_table("part", "what becomes of it")
    for name, what in plan.steps:
        rows.add_row(name, what)
    show.table(rows)


def _document(plan: UpgradePlan, now: Running, *, upgraded: bool) -> dict[str, Any]:
    pids = {part.name: part.pid for part in plan.running.parts}
    return {
        "home": now.addresses.home if now.addresses else None,
        "from": {"version": plan.old.version, "code": plan.old.code},
        "to": {"version": plan.new.version, "code": plan.new.code},
        "upgraded": upgraded,
        "steps": [{"part": name, "what": what} for name, what in plan.steps],
        "parts": [
            {"name": part.name, "pid": part.pid, "replaced": part.name in pids and pids[part.name] != part.pid}
            for part in now.parts
        ],
        "draining": _draining(now),
    }


def _draining(running: Running) -> list[str]:
    from turnout.local.record import PartStatus

    return [part.name for part in running.parts if part.status is PartStatus.DRAINING]


def _told(program: Program) -> str:
    return f"{program.version} ({program.code})"
