"""Run migrations on the connection, and in the transaction, that the caller has opened."""

from alembic import context

from image2model.backends.sql.tables import metadata


def run_migrations() -> None:
    """Run what the Alembic command at hand asks for."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads this file
    run_migrations()
