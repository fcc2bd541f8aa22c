"""
Fixtures: real servers.

`postgres_server`, `redis_server` and `s3_server` run for all tests of a process, so leave them
running and healthy. `postgres_url` and `redis_url` are empty databases on them, `s3_url` an empty
bucket; `pgbouncer_url` is such a database behind a pool. A test that stops or kills a
server starts its own: `with new_redis(keeps=True) as server: …`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import pgbouncer, postgres, redis
from tests.servers.pgbouncer import PgBouncerServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.s3 import BUCKET, S3Server


@pytest.fixture(scope="session")
def new_postgres() -> Callable[..., PostgresServer]:
    """Make PostgreSQL servers, which are started and closed by a `with`."""
    _need(postgres.PROGRAMS / "postgres")
    return PostgresServer


@pytest.fixture(scope="session")
def new_redis() -> Callable[..., RedisServer]:
    """Make Redis servers, which are started and closed by a `with`."""
    _need(redis.PROGRAM)
    return RedisServer


@pytest.fixture(scope="session")
def postgres_server(new_postgres: Callable[..., PostgresServer]) -> Iterator[PostgresServer]:
    """The PostgreSQL of this test process."""
    with new_postgres() as server:
        yield server


@pytest.fixture
def pgbouncer_url(postgres_server: PostgresServer, postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database behind a PgBouncer that pools transactions."""
    _need(pgbouncer.PROGRAM)
    with PgBouncerServer(postgres_server.port) as server:
        yield server.url(postgres_url.rpartition("/")[2])


@pytest.fixture(scope="session")
def redis_server(new_redis: Callable[..., RedisServer]) -> Iterator[RedisServer]:
    """The Redis of this test process."""
    with new_redis() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a new, empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an emptied Redis."""
    redis_server.empty()
    return redis_server.url()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The S3 of this test process."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an emptied bucket, and the environment that opens it."""
    s3_server.empty()
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/here"


def _need(program: Path) -> None:
    if program.exists():
        return
    reason = f"{program.name} is not installed; run: make set-up"
    # A build server must never pass because a check was left out.
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
