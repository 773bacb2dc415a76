"""Run by alembic, on the connection that `migrate.upgrade` holds the lock with."""

from alembic import context

from penstock_runtime.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
