"""The first start after a restore: what the store says of the place it comes from is not true here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from turnout.store import Store

MARK: Final = "restored.json"
"""In `<home>/run`: written with the home, removed once its store has been settled."""


def mark_restored(home: Path, about: dict[str, Any]) -> None:
    """Let the next start know. The last thing that is written into a restored home."""
    folder = home / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / MARK).write_text(json.dumps(about, indent=1))


async def settle_restored(store: Store, home: Path, logger: Any) -> None:
    """End what was under way elsewhere, once. A start that is cut off does it again."""
    mark = home / "run" / MARK
    if not mark.exists():
        return
    ended = await store.settle_elsewhere()
    logger.info("restored", operations_ended=list(ended))
    mark.unlink()
