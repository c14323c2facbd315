"""Certificates from an ACME server (RFC 8555), behind the port of `domain.issuing_ports`.

Law: one call is one small exchange that ends in bounded time; nothing is waited for, stored or decided here. Private
keys come in as arguments and are neither kept nor logged. Only this room knows the protocol and its library.
"""

from turnout.acme.client import AcmeClient
from turnout.acme.external import ExternalAccount, external_account

__all__ = ["AcmeClient", "ExternalAccount", "external_account"]
