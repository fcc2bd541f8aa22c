"""Bring a database's schema up to date."""

import sqlalchemy as sa

from image2model.backends.sql.dialect import lock_schema
from image2model.backends.sql.tables import REVISION, metadata
from image2model.core.errors import DatabaseUnavailable

_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps the revision."""


def migrate(engine: sa.Engine) -> None:
    """
    Create or migrate the schema; does next to nothing when it is up to date.

    Runs in one transaction, so processes that do this at the same time wait for each other.

    Raises:
        DatabaseUnavailable: A newer version of the product made the schema.
    """
    with engine.begin() as connection:
        lock_schema(connection)
        revision = read_revision(connection)
        if revision is None:
            # The same tables as all migrations one after the other would make, but sooner.
            metadata.create_all(connection)
            _version.create(connection)
            connection.execute(sa.insert(_version).values(version_num=REVISION))
        elif revision != REVISION:
            run_migrations(connection)


def read_revision(connection: sa.Connection) -> str | None:
    """Tell which migration made the schema; None: there is no schema."""
    if not sa.inspect(connection).has_table(_version.name):
        return None
    return connection.scalar(sa.select(_version.c.version_num))


def run_migrations(connection: sa.Connection) -> None:
    """
    Run all migrations that the database has not seen yet.

    Raises:
        DatabaseUnavailable: It has seen one that this version of the product does not know.
    """
    # Alembic takes as long to import as the rest of the product; most starts do not need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "image2model.backends.sql:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseUnavailable(
            reason=f"a newer version of image2model made it ({str(error).rstrip('.')})",
            advice="Install that version, or use another database.",
        ) from error
