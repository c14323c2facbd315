"""Hostile inputs as data: named cases, what is sent, and what is expected of the refusal."""
