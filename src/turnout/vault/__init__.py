"""Envelope encryption of secrets.

Law: master keys encrypt data keys, data keys encrypt values, and every value is bound to its place. Plaintext
passes through and is never kept, logged or named in an error. Where keys are stored is behind a port; this room
knows neither SQL nor HTTP.
"""

from turnout.vault.boxes import Boxes
from turnout.vault.masters import MasterKeys
from turnout.vault.ports import KeyStore
from turnout.vault.vault import MESSAGES_PER_KEY, Vault

__all__ = ["MESSAGES_PER_KEY", "Boxes", "KeyStore", "MasterKeys", "Vault"]
