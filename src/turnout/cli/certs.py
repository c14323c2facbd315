"""`turnout certs`: what domains are served with over HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.connect import ask
from turnout.cli.issuing import issue
from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.certificate_documents import CertificateDocument

verbs = typer.Typer(name="certs", help="Certificates that domains are served with over HTTPS.", no_args_is_help=True)
verbs.command()(issue)


@verbs.command()
def add(
    *,
    cert: Annotated[Path, typer.Option("--cert", help="The certificate in PEM, then each one's issuer.")],
    key: Annotated[Path, typer.Option("--key", help="Its private key in PEM, not encrypted.")],
    json: Json = False,
) -> int:
    """Serve the domains that a certificate names with it, from now on and without a restart.

    It takes the place of one that was added for the same names. The private key is encrypted where it is kept, and
    never shown again.

    Examples:

        turnout certs add --cert chain.pem --key key.pem
    """
    from turnout.cli import show
    from turnout.domain.certificates import PEM_MAX

    chain, private = _read(cert, PEM_MAX), _read(key, PEM_MAX)
    added = ask(lambda client: client.add_certificate(chain, private))
    if json:
        show.document(added.model_dump(mode="json"))
    else:
        print(f"{added.id} serves {', '.join(added.names)} until {added.not_after:%Y-%m-%d %H:%M} UTC")
    return 0


@verbs.command("ls")
def list_certificates(*, json: Json = False) -> int:
    """List the certificates of the workspace, newest first, and how far those have got that come by ACME.

    Private keys are never shown.

    Examples:

        turnout certs ls --json
    """
    from turnout.cli import issuing, show

    listed = ask(lambda client: client.certificates())
    if json:
        show.document(listed.model_dump(mode="json"))
        return 0
    rows = show.plain_table("certificate", "names", "from", "ends", "age")
    for each in listed.certificates:
        rows.add_row(each.id, "\n".join(each.names), each.source.value, _ends(each), show.age(each.created_at))
    show.table(rows)
    issuing.show_issuings(listed.issuings)
    return 0


@verbs.command("rm")
def remove(
    *, certificate: Annotated[str, typer.Argument(help="Its id, as `turnout certs ls` shows it.")], json: Json = False
) -> int:
    """Forget a certificate and its private key. Another one that names the domain takes over, if there is one.

    Examples:

        turnout certs rm crt_01jd…
    """
    from turnout.cli import show

    removed = ask(lambda client: client.remove_certificate(certificate))
    if json:
        show.document(removed.model_dump(mode="json"))
    else:
        print(f"{removed.id} is removed: it served {', '.join(removed.names)}")
    return 0


@verbs.command()
def ca(*, json: Json = False) -> int:
    """Print the root certificate that local names (`*.localhost`) are served with, for a client to trust.

    It can speak for local names only, whoever has its key.

    Examples:

        turnout certs ca > turnout-ca.pem

        curl --cacert turnout-ca.pem https://hello-default.localhost:8443
    """
    from turnout.cli import show

    root = ask(lambda client: client.authority())
    if json:
        show.document(root.model_dump(mode="json"))
    else:
        print(root.certificate, end="")
    return 0


def _ends(certificate: CertificateDocument) -> str:
    day = f"{certificate.not_after:%Y-%m-%d}"
    return f"{day}, expired" if certificate.expired else day


def _read(file: Path, limit: int) -> str:
    """A small text file. Raises Invalid or TooLarge without repeating anything of it."""
    from turnout.domain.errors import Invalid, TooLarge

    try:
        with file.open("rb") as content:
            data = content.read(limit + 1)
        if len(data) > limit:
            raise TooLarge(f"cannot use {file}: it has more than {limit // 1024} KiB")
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid(f"cannot use {file}: it is not PEM, which is text") from None
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise Invalid(f"cannot read {file}: no file has such a name") from None
