"""Bring a database's schema up to date."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from image2model.backends.sql.tables import REVISION
from image2model.core.errors import DatabaseUnavailable

_version = sa.table("alembic_version", sa.column("version_num", sa.String))


async def migrate(engine: AsyncEngine) -> None:
    """
    Create or migrate the schema; does next to nothing when it is up to date.

    Runs in one transaction, so processes that do this at the same time wait for each other.

    Raises:
        DatabaseUnavailable: A newer version of the product made the schema.
    """
    async with engine.begin() as connection:
        if await connection.run_sync(read_revision) != REVISION:
            await connection.run_sync(_upgrade)


def read_revision(connection: sa.Connection) -> str | None:
    """Tell which migration made the schema; None: there is no schema."""
    if not sa.inspect(connection).has_table(_version.name):
        return None
    return connection.scalar(sa.select(_version.c.version_num))


def _upgrade(connection: sa.Connection) -> None:
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
            reason=f"a newer version of image2model made it ({error})"
        ) from error
