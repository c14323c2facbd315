"""Everything that can be set, read once at the start of a process.

Each field is set by the environment variable `TURNOUT_<GROUP>_<FIELD>`, such as
`TURNOUT_DEPLOY_READY_GRACE_SECONDS=30`; an empty one counts as not set. `docs/settings.md` is generated from this file.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from turnout.domain import limits
from turnout.domain.errors import Invalid
from turnout.domain.hostnames import check_apex
from turnout.domain.resolvers import parse_resolvers
from turnout.domain.validation import BODY_KIB

G = TypeVar("G")


def _not_negative(value: float) -> float:
    if not 0 <= value < math.inf:
        raise Invalid("it has to be a number that is not below zero")
    return value


def _positive(value: float) -> float:
    if not 0 < value < math.inf:
        raise Invalid("it has to be a number above zero")
    return value


def _port(value: int) -> int:
    if not 0 <= value <= 65535:
        raise Invalid("a port is a number from 0 to 65535")
    return value


def _tls_port(text: str) -> str:
    if text in ("auto", "off"):
        return text
    try:
        return str(_port(int(text)))
    except ValueError:
        raise Invalid("it has to be auto, off, or a port") from None


def _redirect(mode: str) -> str:
    if mode not in ("auto", "on", "off"):
        raise Invalid("it has to be auto, on or off")
    return mode


def _checked_body(kib: int) -> int:
    if kib not in BODY_KIB:
        raise Invalid(f"it has to be a number {BODY_KIB}")
    return kib


def _region(name: str) -> str:
    try:
        return limits.check_slug(name)
    except ValueError as error:
        raise Invalid(f"a region {error}") from None


def _regions(names: str) -> str:
    listed = [_region(name.strip()) for name in names.split(",") if name.strip()]
    if not listed:
        raise Invalid("it has to name one region at least")
    return ",".join(dict.fromkeys(listed))


def _backend(name: str) -> str:
    if name not in ("auto", "docker", "process"):
        raise Invalid("it has to be auto, docker or process")
    return name


def _registry(address: str) -> str:
    address = address.rstrip("/")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*", address):
        raise Invalid("it has to be a host, a port if need be, and a path, such as registry.example:5000/apps")
    return address


def _builder(name: str) -> str:
    if name not in ("auto", "buildkit", "classic"):
        raise Invalid("it has to be auto, buildkit or classic")
    return name


def _folders(name: str) -> str:
    if name not in ("auto", "generated", "railpack", "pack"):
        raise Invalid("it has to be auto, generated, railpack or pack")
    return name


def _switch(value: str) -> str:
    if value not in ("on", "off"):
        raise Invalid("it has to be on or off")
    return value


def _resolvers(addresses: str) -> str:
    parse_resolvers(addresses)
    return addresses


def _email(address: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+", address):
        raise Invalid("it has to be one e-mail address, such as ops@example.com")
    return address


def _directory(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise Invalid("it has to be the URL of an ACME server's directory")
    return url


def _key_type(word: str) -> str:
    if word not in ("ecdsa", "rsa"):
        raise Invalid("it has to be ecdsa or rsa")
    return word


def _allowed(word: str) -> str:
    if word not in ("refuse", "allow"):
        raise Invalid("it has to be refuse or allow")
    return word


def _doc(default: Any, text: str, check: Callable[[Any], Any] | None = None) -> Any:
    """A field with its line in the docs. `check` returns the value as it is used, or raises Invalid."""
    return field(default=default, metadata={"doc": text, "check": check})


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiSettings:
    """The HTTP API: what the command line and krane talk to."""

    host: str = _doc("127.0.0.1", "Address the API listens on.")
    port: int = _doc(0, "Port the API listens on; 0 takes a free one and remembers it.", _port)
    upload_mib: int = _doc(256, "Largest source archive that is accepted, in MiB.", _positive)
    unpacked_mib: int = _doc(1024, "Largest size of a source folder once unpacked, in MiB.", _positive)
    body_kib: int = _doc(1024, "Largest JSON body that is accepted, in KiB.", _positive)


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """The gateway: where the traffic comes in."""

    host: str = _doc("127.0.0.1", "Address the gateway listens on.")
    port: int = _doc(8000, "Port the gateway listens on; 0 takes a free one and remembers it.", _port)
    tls_port: str = _doc(
        "auto",
        "Port the gateway listens on for HTTPS; auto takes 8443 or, when that is in use, a free one and remembers it; "
        "0 takes a free one; off listens on none.",
        _tls_port,
    )
    tls_public_port: int = _doc(
        0, "Port for HTTPS as clients see it, when something in front maps it; 0: the one that is listened on.", _port
    )
    redirect: str = _doc(
        "auto",
        "Which plain requests are sent to HTTPS: auto (domains with a certificate, but local names), on (local names "
        "too), off.",
        _redirect,
    )
    hsts_seconds: int = _doc(
        0, "How long browsers remember that a redirected domain is HTTPS only; 0: not at all. Local names never."
    )
    apex: str = _doc("localhost", "Domain under which every generated domain name lies.", check_apex)
    drain_seconds: float = _doc(10.0, "How long requests in flight may go on when the gateway stops.")
    trusted_proxies: int = _doc(
        0, "How many proxies of your own stand in front; 0 believes nobody about where a request comes from."
    )
    access_log: str = _doc("on", "on writes a line for each request and counts it; off does neither.", _switch)
    access_log_mib: int = _doc(100, "Size of the access log, in MiB; the oldest lines make room.", _positive)
    metrics_port: int = _doc(
        0, "Port on 127.0.0.1 where the gateway tells its metrics; 0 takes a free one and remembers it.", _port
    )
    checked_body_kib: int = _doc(
        1024,
        "Largest body of a request that is checked, unless the app's `openapi.max_body_kib` says otherwise, in KiB.",
        _checked_body,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RestateSettings:
    """Restate: durable execution."""

    ingress_url: str = _doc("", "Where requests to the workflows are sent; empty starts an own server.")
    admin_url: str = _doc("", "Restate's admin API; empty starts an own server.")
    worker_host: str = _doc("127.0.0.1", "Address the worker listens on for Restate.")
    worker_port: int = _doc(0, "Port the worker listens on for Restate; 0 takes a free one and remembers it.", _port)
    identity_key: str = _doc("", "Public key (publickeyv1_…) that calls to the worker must be signed with.")
    memory_mib: int = _doc(128, "Memory of the own server's storage engine, in MiB.", _positive)
    worker_grace_seconds: float = _doc(5.0, "How long steps in flight may go on when the worker stops.")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploySettings:
    """Operations: how long they may take, and how much of what is kept."""

    deadline_seconds: float = _doc(1800.0, "An operation that has not ended by then is failed.", _positive)
    build_seconds: float = _doc(900.0, "Longest build.", _positive)
    builds_at_once: int = _doc(2, "Builds that a workspace may run at once; production goes first.", _positive)
    build_wait_seconds: float = _doc(1200.0, "Waited for a place to build, before the deploy is failed.", _positive)
    ready_grace_seconds: float = _doc(
        15.0, "Waited for krane beyond the app's own health deadline, before the deploy is failed."
    )
    remove_seconds: float = _doc(20.0, "Waited for the instances of a failed deployment to be gone.")
    propagation_seconds: float = _doc(
        10.0, "A gateway that has not confirmed a switch by then makes the operation degraded."
    )
    openapi_seconds: float = _doc(5.0, "Waited for an app's OpenAPI document.")
    openapi_kib: int = _doc(2048, "Largest OpenAPI document that is kept, in KiB.")
    keep_warm_seconds: float = _doc(1800.0, "How long replaced instances stay ready for an instant rollback.")
    observe_seconds: float = _doc(30.0, "How long a new version is observed after its switch; 0 switches that off.")
    keep_stopped: int = _doc(
        10, "How many stopped deployments of an environment are kept ready to be started; older ones are removed."
    )
    collect_seconds: float = _doc(300.0, "How often what nobody needs any more is collected.", _positive)
    step_seconds: float = _doc(30.0, "Longest time one attempt of a step may take.", _positive)
    retry_seconds: float = _doc(
        600.0, "How long a failing step is tried again before its operation is failed.", _positive
    )
    overdue_grace_seconds: float = _doc(
        60.0, "An overdue operation whose workflow does not answer its cancellation by then is ended without it."
    )
    regions: str = _doc("local", "Names of the regions deployments run in, separated by commas.", _regions)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSettings:
    """Builds: how images are made, and where they are kept."""

    registry: str = _doc(
        "", "Where images are pushed, such as registry.example:5000/apps; empty keeps them in the engine.", _registry
    )
    folders: str = _doc(
        "auto",
        "For a folder without a Dockerfile: auto (railpack or pack where installed), generated, railpack, or pack.",
        _folders,
    )
    builder: str = _doc("auto", "auto (BuildKit where the engine has it), buildkit, or classic.", _builder)


@dataclass(frozen=True, kw_only=True, slots=True)
class KraneSettings:
    """Krane: the agent that runs instances."""

    region: str = _doc("local", "The region this krane works for.", _region)
    backend: str = _doc("auto", "auto (Docker when its engine answers, and processes), docker, or process.", _backend)
    stop_seconds: float = _doc(10.0, "How long an instance may finish its requests before it is killed.")
    output_mib: int = _doc(10, "Output that is kept of each instance, in MiB.", _positive)


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultSettings:
    """The vault: encryption of environment variables."""

    keys_file: str = _doc("", "File of the master keys; empty takes `vault/keys.json` in the home.")


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainSettings:
    """Custom domains: how long and how often their proofs are looked for."""

    proof_seconds: float = _doc(259200.0, "How long the proof of a custom domain is looked for.", _positive)
    recheck_seconds: float = _doc(
        5.0, "Pause between the first two looks for a proof; the later ones grow by half.", _positive
    )
    recheck_longest_seconds: float = _doc(300.0, "The longest of these pauses.", _positive)
    per_project: int = _doc(100, "How many custom domains a project may have.", _positive)
    http_port: int = _doc(80, "Port at which an HTTP proof is fetched; another one than 80 is for tests.", _port)
    http_seconds: float = _doc(5.0, "Longest time that fetching an HTTP proof may take.", _positive)
    private_addresses: str = _doc(
        "refuse",
        "refuse or allow: whether an HTTP proof may be fetched from loopback and private addresses.",
        _allowed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeSettings:
    """ACME: certificates for custom domains, got and renewed by Turnout itself."""

    email: str = _doc(
        "",
        "Your e-mail address for the ACME server. Setting it agrees to the server's terms of service, and switches "
        "ACME on; empty is off.",
        _email,
    )
    directory: str = _doc(
        "https://acme-v02.api.letsencrypt.org/directory", "The ACME server; Let's Encrypt unless set.", _directory
    )
    ca_file: str = _doc("", "PEM file of who to trust for the ACME server itself; empty takes the usual authorities.")
    key_type: str = _doc("ecdsa", "ecdsa (P-256) or rsa (2048 bits): the keys of certificates.", _key_type)
    eab_kid: str = _doc("", "Key id of your account elsewhere, where the ACME server wants it bound.")
    eab_key_file: str = _doc("", "File of the HMAC key that goes with that id, in base64url.")
    order_seconds: float = _doc(
        300.0, "How long an order is waited for before it is left, to be taken up again later.", _positive
    )
    lost_seconds: float = _doc(
        3600.0, "A visit to a certificate that has not ended by then is begun once more.", _positive
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsSettings:
    """DNS: who is asked for the proofs of custom domains."""

    resolvers: str = _doc("", "Addresses of resolvers, separated by commas; empty takes the machine's.", _resolvers)
    timeout_seconds: float = _doc(5.0, "Waited for an answer from all of them together.", _positive)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All groups together."""

    home: Path
    """Where all state lives: `TURNOUT_HOME`."""
    database_url: str
    """The store: `TURNOUT_DATABASE_URL`; SQLite in the home unless set."""
    api: ApiSettings
    gateway: GatewaySettings
    restate: RestateSettings
    deploy: DeploySettings
    build: BuildSettings
    krane: KraneSettings
    vault: VaultSettings
    domains: DomainSettings
    dns: DnsSettings
    acme: AcmeSettings

    @property
    def vault_keys_file(self) -> Path:
        """The master keys."""
        named = self.vault.keys_file
        return Path(named).expanduser().absolute() if named else self.home / "vault" / "keys.json"

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions deployments run in."""
        return tuple(name.strip() for name in self.deploy.regions.split(",") if name.strip())


GROUPS: dict[str, type] = {
    "api": ApiSettings,
    "gateway": GatewaySettings,
    "restate": RestateSettings,
    "deploy": DeploySettings,
    "build": BuildSettings,
    "krane": KraneSettings,
    "vault": VaultSettings,
    "domains": DomainSettings,
    "dns": DnsSettings,
    "acme": AcmeSettings,
}


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises Invalid naming the variable that cannot be read."""
    environ = os.environ if environ is None else environ
    home = home_folder(environ)
    return Settings(
        home=home,
        database_url=environ.get("TURNOUT_DATABASE_URL") or f"sqlite+aiosqlite:///{home / 'turnout.db'}",
        api=_group("api", ApiSettings, environ),
        gateway=_group("gateway", GatewaySettings, environ),
        restate=_group("restate", RestateSettings, environ),
        deploy=_group("deploy", DeploySettings, environ),
        build=_group("build", BuildSettings, environ),
        krane=_group("krane", KraneSettings, environ),
        vault=_group("vault", VaultSettings, environ),
        domains=_group("domains", DomainSettings, environ),
        dns=_group("dns", DnsSettings, environ),
        acme=_group("acme", AcmeSettings, environ),
    )


def home_folder(environ: Mapping[str, str]) -> Path:
    """`TURNOUT_HOME`, or the place the platform has for such state."""
    if home := environ.get("TURNOUT_HOME"):
        return Path(home).expanduser().absolute()
    data = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "turnout"


def variable(group: str, name: str) -> str:
    """The environment variable of a field."""
    return f"TURNOUT_{group}_{name}".upper()


def _group(name: str, kind: type[G], environ: Mapping[str, str]) -> G:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]  # every group is a dataclass
        if text := environ.get(variable(name, each.name)):
            check = each.metadata["check"] or (None if hints[each.name] is str else _not_negative)
            values[each.name] = _convert(variable(name, each.name), text, hints[each.name], check)
    return kind(**values)


def _convert(name: str, text: str, kind: type, check: Callable[[Any], Any] | None) -> Any:
    try:
        value = kind(text)
    except ValueError:
        raise Invalid(f"cannot read {name}: {text!r} is not a{'n' if kind is int else ''} {kind.__name__}") from None
    try:
        return value if check is None else check(value)
    except Invalid as error:
        raise Invalid(f"cannot read {name}: {text!r}: {error.detail}") from None
