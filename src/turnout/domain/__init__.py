"""The words and the rules, and nothing else.

Law: everything here is pure. No I/O, no clock, no randomness but in `ids`; nothing of the other rooms
is imported. What may happen is decided here; the other rooms only carry it out.
"""
