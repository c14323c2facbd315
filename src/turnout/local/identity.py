"""The key with which the Restate server signs its calls to the worker. Made once, by a process of its own:
the supervisor then need not carry a library for cryptography around for all its life.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.local.home import write_private

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


async def ensure_identity(folder: Path) -> str:
    """Return the public key, `publickeyv1_…`. The private one is in `folder/identity.pem`."""
    public = folder / "identity.pub"
    if not (public.exists() and (folder / "identity.pem").exists()):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "turnout.local.identity", str(folder), stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await process.communicate()
        if process.returncode != 0:
            raise Unavailable(f"cannot make a key for Restate: {complaint.decode(errors='replace').strip()[-500:]}")
    return public.read_text(encoding="ascii").strip()


def make_identity(folder: Path) -> None:
    """Draw an Ed25519 key. The public part is written last: with it there, both are."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # see above
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    write_private(folder / "identity.pem", pem)
    write_private(folder / "identity.pub", f"publickeyv1_{base58(raw)}\n")


def base58(data: bytes) -> str:
    """Bytes in Bitcoin's base 58, which is how Restate writes keys."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return _ALPHABET[0] * (len(data) - len(data.lstrip(b"\0"))) + text


if __name__ == "__main__":
    os.umask(0o077)
    make_identity(Path(sys.argv[1]))
