"""The HTTP API.

Law: every route stands in one table with the access it needs (`routes.py`). A handler checks, asks the store
or writes an operation down, and answers; slow things happen in workflows. Every refusal is problem+json.
"""
