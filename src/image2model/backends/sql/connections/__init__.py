"""Connections to SQLite and PostgreSQL, and the transactions on them."""
