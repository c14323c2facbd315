"""Looks again and again whether anything is stuck, leaked or forgotten, and mends what can be mended safely.

Law: it decides by the rules of `domain.watching` and `domain.vigil` alone, and does nothing that would hurt if it were
done twice, by two of them at once, or about something that was right after all. Restate is asked and told through its
admin API here, and the store has a method for each repair, which looks once more under its own locks.
"""

from turnout.watchdog.durable import SERVICES, DurableSide
from turnout.watchdog.stranded import Stranded
from turnout.watchdog.watch import Watchdog

__all__ = ["SERVICES", "DurableSide", "Stranded", "Watchdog"]
