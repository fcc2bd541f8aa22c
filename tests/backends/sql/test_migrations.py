"""The schema: the same by migrations as by the tables, and known to have the indexes it needs."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from image2model.backends.sql import migrations
from image2model.backends.sql.connections.sqlite import open_sqlite
from image2model.backends.sql.migrate import migrate, read_revision, run_migrations
from image2model.backends.sql.sessions import SqlSessionStore
from image2model.backends.sql.tables import REVISION, metadata
from image2model.core.errors import DatabaseUnavailable
from image2model.core.money import NO_LIMITS
from image2model.core.scopes import USER_SCOPES


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield engine
    engine.dispose()


def schema(engine: sa.Engine) -> dict[str, set[str]]:
    """Describe every table and index, whatever the order in which they were written."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql > ''"))
        return {
            # A column that was added later stands behind the constraints, on their line; a table
            # that was made anew has its name in quotes.
            name: {line.strip(" ,\n\t)") for line in re.split(r"[(\n]|, ", sql.replace('"', ""))}
            for name, sql in rows
        }


def test_newest_migration_is_the_one_the_tables_name() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [REVISION]


def test_migrations_make_the_tables(engine: sa.Engine, tmp_path: Path) -> None:
    """All migrations, one after the other, lead to what a new database gets at once."""
    with engine.begin() as connection:
        run_migrations(connection)
        assert read_revision(connection) == REVISION
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    fresh = sa.create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    migrate(fresh)
    assert schema(engine) == schema(fresh)
    fresh.dispose()


def test_migrating_again_changes_nothing(engine: sa.Engine) -> None:
    migrate(engine)
    before = schema(engine)
    migrate(engine)
    assert schema(engine) == before


def test_migrations_go_back(engine: sa.Engine) -> None:
    migrate(engine)
    config = Config()
    config.set_main_option("script_location", "image2model.backends.sql:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


@pytest.mark.anyio
async def test_keys_from_before_may_do_what_they_could(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "image2model.backends.sql:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            sa.text(
                "INSERT INTO api_keys VALUES ('0badcafe', 'old', 'cd', 'key:0badcafe', 1, NULL)"
            )
        )
    database = await open_sqlite(str(engine.url))
    try:
        [key] = await SqlSessionStore(database).list_keys()
    finally:
        await database.aclose()
    assert (key.scopes, key.limits, key.generators) == (USER_SCOPES, NO_LIMITS, None)
    assert key.works(key.created_at + timedelta(days=10_000))


@pytest.mark.anyio
async def test_newer_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    await (await open_sqlite(url)).aclose()
    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DatabaseUnavailable, match="newer version"):
        await open_sqlite(url)


def test_starting_does_not_import_alembic(tmp_path: Path) -> None:
    """Neither a new nor an existing database waits for it."""
    program = (
        "import anyio, sys\n"
        "from image2model.backends.sql.connections.sqlite import open_sqlite\n"
        "async def main():\n"
        "    for _ in range(2):\n"
        "        await (await open_sqlite(sys.argv[1])).aclose()\n"
        "anyio.run(main)\n"
        "print('alembic' in sys.modules)"
    )
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
