"""The central server's schema, by Alembic: `till-central migrate` runs it, one transaction for all that is new."""
