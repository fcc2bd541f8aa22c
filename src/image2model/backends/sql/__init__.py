"""Jobs, sessions and keys in a SQL database: SQLite or PostgreSQL, through SQLAlchemy Core."""
