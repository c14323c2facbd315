"""Alembic's entry: it migrates the connection that `turnout.store.migrate` hands it, in its transaction."""

from alembic import context

from turnout.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
