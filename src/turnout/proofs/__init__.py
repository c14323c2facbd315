"""Goes and looks whether a name is proved: DNS and HTTP, the two things that strangers answer.

Law: everything here asks servers that somebody else chose, so each question is bounded in time, size and target.
What an answer means is decided in `domain.proofs`; nothing here writes anything down.
"""

from turnout.proofs.addresses import is_public
from turnout.proofs.lookups import Lookups
from turnout.proofs.pages import WebPages
from turnout.proofs.prover import NetProver

__all__ = ["Lookups", "NetProver", "WebPages", "is_public"]
