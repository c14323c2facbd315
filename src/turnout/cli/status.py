"""`turnout status`: is every part healthy; what runs, what waits, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.cli.connect import ask
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.documents import StatusDocument
    from turnout.domain.errors import TurnoutError


def status(json: Json = False) -> int:
    """Show the health of every part, the memory each takes, and what is running or waiting.

    With the control plane away the parts on this machine are still shown, and the exit code is 3.

    Examples:

        turnout status

        turnout status --json
    """
    import os

    from turnout.cli import show
    from turnout.cli.failures import DONE, error_document, exit_code
    from turnout.domain.errors import TurnoutError
    from turnout.local.record import parts_document, read_running
    from turnout.settings import home_folder

    home = home_folder(os.environ)
    parts = parts_document(home)
    running = read_running(home)
    https_url = running.addresses.gateway_https_url if running and running.addresses else None
    memory = round(sum(part["memory_mib"] for part in parts), 1)
    answer: StatusDocument | None = None
    away: TurnoutError | None = None
    try:
        answer = ask(lambda client: client.status())
    except TurnoutError as error:
        away = error
    if json:
        content: dict[str, Any] = answer.model_dump(mode="json") if answer else {}
        content |= {"home": str(home), "parts": parts, "memory_mib": memory, "gateway_https_url": https_url}
        if away is not None:
            content |= {"healthy": False, "error": error_document(away)}
        show.document(content)
    else:
        if answer is not None:
            _print_answer(answer)
        if https_url:
            print(f"HTTPS at {https_url}")
        if parts:
            _print_parts(parts, memory)
            if parts[0]["pid"] is None:
                show.note(
                    "nothing watches these parts any more: `turnout up` takes them over, `turnout down` ends them"
                )
        if away is not None:
            show.note(f"turnout: {away.detail}")
    return exit_code(away) if away is not None else DONE


def _print_answer(answer: StatusDocument) -> None:
    from turnout.cli import show

    print(f"{'healthy' if answer.healthy else 'not healthy'}   generation {answer.generation}   {answer.version}")
    rows = show.plain_table("what", "state")
    rows.add_row("store", answer.store)
    rows.add_row("restate", answer.restate)
    for region in answer.regions:
        state = "connected" if region.connected else "not connected"
        backends = ", ".join(region.backends) or "nothing"
        rows.add_row(f"region {region.region}", f"{state}, {region.instances_running} instances, runs {backends}")
    for gateway in answer.gateways:
        state = "connected" if gateway.connected else "not connected"
        error = f", {gateway.error}" if gateway.error else ""
        rows.add_row(f"gateway {gateway.gateway_id}", f"{state}, generation {gateway.acknowledged_generation}{error}")
    for operation in answer.operations:
        waiting = f", waiting for {operation.waiting_for}" if operation.waiting_for else ""
        rows.add_row(
            operation.operation_id,
            f"{operation.kind} {operation.project}: {operation.status}{waiting}, {show.age(operation.created_at)}",
        )
    for seen in answer.observations:
        rows.add_row(seen.deployment_id, show.observed(seen).strip(", "))
    show.table(rows)
    _print_findings(answer)


def _print_findings(answer: StatusDocument) -> None:
    from turnout.cli import show

    if not answer.findings:
        return
    rows = show.plain_table("found", "what", "since", "what it means")
    for each in answer.findings:
        kind = f"{each.kind}, repaired" if each.repaired else each.kind
        rows.add_row(kind, each.subject, show.age(each.since), each.sentence)
    print()
    show.table(rows)


def _print_parts(parts: list[dict[str, Any]], memory: float) -> None:
    from datetime import datetime

    from turnout.cli import show

    rows = show.plain_table("part", "pid", "status", "memory", "restarts", "since")
    for part in parts:
        rows.add_row(
            part["name"],
            str(part["pid"] or ""),
            part["status"],
            f"{part['memory_mib']:.0f} MiB",
            str(part["restarts"]),
            show.age(datetime.fromisoformat(part["since"])) if part["since"] else "",
        )
    rows.add_row("all", "", "", f"{memory:.0f} MiB", "", "")
    print()
    show.table(rows)
