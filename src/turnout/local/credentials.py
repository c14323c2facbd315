"""The tokens of this machine: made at the first start, read by their owner only, known to the store as hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.domain.tokens import hash_token, new_token
from turnout.local.home import read_json, run_folder, write_private


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """How the command line reaches the server."""

    api_url: str
    token: str


def read_credentials(home: Path) -> Credentials | None:
    """What the last `turnout up` of this home wrote; None when there was none."""
    content = read_json(home / "credentials.json")
    api_url, token = content.get("api_url"), content.get("token")
    if isinstance(api_url, str) and isinstance(token, str):
        return Credentials(api_url=api_url, token=token)
    return None


def ensure_credentials(home: Path, *, api_url: str, region: str) -> Credentials:
    """Keep the tokens there are, make those that are missing, and write down the hashes for the server."""
    known = read_credentials(home)
    credentials = Credentials(api_url=api_url, token=known.token if known else new_token())
    write_private(home / "credentials.json", {"api_url": api_url, "token": credentials.token})
    krane_file = run_folder(home) / "krane.token"
    try:
        krane = krane_file.read_text(encoding="utf-8").strip()
    except OSError:
        krane = ""
    if not krane:
        krane = new_token()
        write_private(krane_file, krane + "\n")
    write_private(
        run_folder(home) / "tokens.json",
        [
            {"name": "local", "access": "admin", "hash": hash_token(credentials.token)},
            {"name": f"krane-{region}", "access": "krane", "region": region, "hash": hash_token(krane)},
        ],
    )
    return credentials
