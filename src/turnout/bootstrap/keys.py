"""What opens what is sealed. Apart from the rest: krane and the command line do without."""

from __future__ import annotations

from turnout.settings import Settings
from turnout.store import Store
from turnout.vault import Boxes, MasterKeys, Vault


def open_vault(store: Store, settings: Settings) -> Vault:
    """The vault, as this machine's master keys open it."""
    return Vault(store, MasterKeys(settings.vault_keys_file))


def open_boxes(settings: Settings) -> Boxes:
    """What seals and opens private keys, with the same master keys."""
    return Boxes(MasterKeys(settings.vault_keys_file))
