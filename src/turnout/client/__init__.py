"""The typed HTTP client: the one way by which the command line, the dashboard and krane talk to the server.

Law: answers are the models of `domain.documents`, refusals are the errors of `domain.errors`, and a server
that does not answer is `Unreachable`. Nothing else of HTTP gets out of here.
"""

from turnout.client.operator import Client
from turnout.client.problems import Unreachable
from turnout.client.region import RegionClient

__all__ = ["Client", "RegionClient", "Unreachable"]
