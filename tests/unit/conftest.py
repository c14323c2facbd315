"""What holds for all unit tests."""

from __future__ import annotations

from hypothesis import settings

# How long one example takes says more about the machine, and who else uses it, than about the code.
settings.register_profile("turnout", deadline=None)
settings.load_profile("turnout")
