"""Alembic's door: runs the versions on the connection that `central.database.migrate` hands in."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=None,
    version_table="deployment_migration",
    version_table_schema="till",
)
with context.begin_transaction():
    context.run_migrations()
