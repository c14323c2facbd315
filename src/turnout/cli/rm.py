"""`turnout rm`: a deployment is forgotten, with all that only it needs."""

from __future__ import annotations

from typing import Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.options import Json
from turnout.cli.stop import Which, checked_deployment


def rm(
    deployment: Which,
    with_domains: Annotated[
        bool, typer.Option("--with-domains", help="Also when a branch or environment domain leads to it, which goes.")
    ] = False,
    json: Json = False,
) -> int:
    """Remove a deployment that is not live, and to which no branch or environment domain leads.

    Its instances, own address, logs, and the image or release that no other deployment uses, go with it.

    Examples:

        turnout rm dep_01k…

        turnout rm dep_01k… --with-domains
    """
    from turnout.cli import show
    from turnout.cli.gc import print_report

    identifier = checked_deployment(deployment)
    report = ask(lambda client: client.remove(identifier, with_domains=with_domains))
    if json:
        show.document({"deployment_id": identifier} | report.model_dump(mode="json"))
    else:
        print(f"{identifier} is removed")
        print_report(report)
    return 0
