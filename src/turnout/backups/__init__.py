"""Backups: one archive of what a home cannot make again, made while it runs, and a home made of such an archive.

Law: the store is copied first, at one moment, and the files that this copy speaks of after it, while nothing is
collected. What Restate holds is progress and not truth, and is left out. An archive is believed only once all of it
was read and checked; until then nothing of it lies where a home will be.
"""
