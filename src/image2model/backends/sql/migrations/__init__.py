"""Alembic's scripts: what turns each version of the schema into the next."""
