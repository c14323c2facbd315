"""The Lua that Envoy runs, as it lies beside this file."""

from __future__ import annotations

from importlib import resources


def lua(*names: str) -> str:
    """These files as one chunk, so that the later ones see what the earlier ones have defined."""
    folder = resources.files(__package__)
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)
