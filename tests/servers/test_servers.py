"""The servers do to clients what the tests that use them count on."""

from collections.abc import Callable
from contextlib import closing
from typing import NoReturn

import psycopg
import pytest
import redis

from tests.servers.postgres import PostgresServer
from tests.servers.redis import AT_ONCE, RedisServer

NewPostgres = Callable[..., PostgresServer]
NewRedis = Callable[..., RedisServer]


def count_tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        (count,) = found.fetchone() or (0,)
        return int(count)


def test_postgres_databases_start_empty(postgres_server: PostgresServer, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE found (id integer)")
    assert count_tables(postgres_url) == 1
    with postgres_server.database() as other:
        assert count_tables(other) == 0
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        count_tables(other)


def ask_for_ever(connection: psycopg.Connection) -> NoReturn:
    """Ask until it fails: the children of a killed server go on until they notice."""
    while True:
        connection.execute("SELECT 1")


def test_postgres_has_its_data_again(new_postgres: NewPostgres) -> None:
    """After a shutdown in good order, and after a kill with a client in the middle of something."""
    with new_postgres() as server:
        url = server.make_database()
        for number, end in enumerate((server.stop, server.kill), start=1):
            with psycopg.connect(url) as connection:
                connection.execute(f"CREATE TABLE kept_{number} (id integer)".encode())
            with closing(psycopg.connect(url)) as under_way:
                under_way.execute(f"CREATE TABLE lost_{number} (id integer)".encode())
                end()
                with pytest.raises(psycopg.OperationalError):
                    ask_for_ever(under_way)
            assert not server.answers()
            server.start()
            assert count_tables(url) == number


@pytest.mark.parametrize("keeps", [False, True])
def test_redis_has_its_data_again_where_it_keeps_them(new_redis: NewRedis, *, keeps: bool) -> None:
    with new_redis(keeps=keeps) as server, server.client() as client:
        for end in (server.stop, server.kill):
            client.set(end.__name__, "1")
            end()
            with pytest.raises(redis.ConnectionError):
                client.ping()
            server.start()
            assert bool(client.exists(end.__name__)) is keeps


def test_frozen_redis_answers_nobody(new_redis: NewRedis) -> None:
    with new_redis() as server, server.client() as client:
        client.set("key", "1")
        with server.client(limit_s=0.2) as hasty:
            server.freeze()
            with pytest.raises(redis.TimeoutError):
                hasty.get("key")
        server.thaw()
        assert client.get("key") == b"1"


def test_redis_asks_for_its_password(new_redis: NewRedis) -> None:
    with new_redis(password="open-sesame") as server:
        with (
            redis.Redis(port=server.port, retry=AT_ONCE) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        with server.client() as client:
            assert client.ping()


def test_redis_starts_empty(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0
        client.set("key", "1")
    redis_server.empty()
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
