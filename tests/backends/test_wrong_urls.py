"""A database that cannot be reached: which part of its URL is wrong, and never the password."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image2model.backends.redis.connection.database import RedisDatabase, open_redis
from image2model.backends.sql.connections.postgres import open_postgres
from image2model.backends.sql.connections.sqlite import open_sqlite
from image2model.core.errors import DatabaseUnavailable, InvalidSetting
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio
SECRET = "geheim"


def expect(error: DatabaseUnavailable, part: str) -> None:
    assert error.details["wrong"] == part, error.message
    assert f"Check the {part} in IMAGE2MODEL_DATABASE_URL" in error.message
    assert SECRET not in error.message
    assert ".." not in error.message


@pytest.fixture(scope="module")
def strict_postgres(new_postgres: Callable[..., PostgresServer]) -> Iterator[PostgresServer]:
    """A server at which the user `locked` needs the password `right`."""
    with new_postgres() as server:
        rules = server.data / "pg_hba.conf"
        rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server.run("CREATE ROLE locked LOGIN PASSWORD 'right'")
        server.run("SELECT pg_reload_conf()")
        yield server


@pytest.mark.parametrize(
    ("place", "part"),
    [
        (f"locked:{SECRET}@127.0.0.1:PORT/postgres", "user and password"),
        ("locked@127.0.0.1:PORT/postgres", "password"),
        (f"nobody:{SECRET}@127.0.0.1:PORT/postgres", "user"),
        (f"postgres:{SECRET}@127.0.0.1:PORT/nowhere", "database name"),
        (f"postgres:{SECRET}@127.0.0.1:FREE/postgres", "host and port"),
        (f"postgres:{SECRET}@nowhere.invalid:PORT/postgres", "host"),
        (f"postgres:{SECRET}@127.0.0.1:PORT/postgres?sslmode=require", "parameter sslmode"),
    ],
)
async def test_postgres(strict_postgres: PostgresServer, place: str, part: str) -> None:
    url = place.replace("PORT", str(strict_postgres.port)).replace("FREE", str(free_port()))
    with pytest.raises(DatabaseUnavailable) as caught:
        await open_postgres(f"postgresql://{url}", patience_s=0.0)
    expect(caught.value, part)


@pytest.mark.parametrize("place", ["h:port/db", "127.0.0.1:1/db?sslmod=require", "h:1"])
async def test_postgres_url_that_cannot_be_one(place: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        await open_postgres(f"postgresql://u:{SECRET}@{place}", patience_s=0.0)
    assert caught.value.message.startswith("IMAGE2MODEL_DATABASE_URL: ")
    assert SECRET not in caught.value.message


@pytest.fixture(scope="module")
def locked_redis(new_redis: Callable[..., RedisServer]) -> Iterator[RedisServer]:
    with new_redis(password="right") as server:
        yield server


async def ask(database: RedisDatabase) -> None:
    try:
        await database.now()
    finally:
        await database.aclose()


@pytest.mark.parametrize(
    ("place", "part"),
    [
        (f":{SECRET}@127.0.0.1:PORT/0", "user and password"),
        ("127.0.0.1:PORT/0", "user and password"),
        (":right@127.0.0.1:PORT/99", "number of the database"),
        (f":{SECRET}@127.0.0.1:FREE/0", "host and port"),
        (f":{SECRET}@nowhere.invalid:PORT/0", "host"),
    ],
)
async def test_redis(locked_redis: RedisServer, place: str, part: str) -> None:
    url = place.replace("PORT", str(locked_redis.port)).replace("FREE", str(free_port()))
    with pytest.raises(DatabaseUnavailable) as caught:
        await ask(open_redis(f"redis://{url}", patience_s=0.0))
    expect(caught.value, part)


@pytest.mark.parametrize("query", ["colour=red", "socket_timeout=soon"])
def test_redis_parameter_that_there_is_not(query: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        open_redis(f"redis://:{SECRET}@127.0.0.1/0?{query}")
    assert caught.value.message.startswith("IMAGE2MODEL_DATABASE_URL: ")
    assert SECRET not in caught.value.message


async def test_sqlite(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but long enough to look like one" * 20)
    for path in (tmp_path / "missing" / "jobs.db", other):
        with pytest.raises(DatabaseUnavailable) as caught:
            await open_sqlite(f"sqlite:///{path}")
        assert str(path) in caught.value.message
        expect(caught.value, "path of the file")
