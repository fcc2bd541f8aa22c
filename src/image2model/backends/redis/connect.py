"""Connections to Redis."""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from image2model.core.errors import InvalidSetting

SCHEMES = frozenset({"redis", "rediss"})

ANSWER_S = 5.0
"""How long a server may take to answer, or to take a connection; it takes well under 1 ms."""


def connect(url: str, *, setting: str, connections: int) -> "redis.Redis":
    """
    Prepare connections to the Redis at *url*; they are made when they are needed.

    No command is tried again by itself, for not all may be done twice: who calls decides.

    Args:
        url: `redis://:PASSWORD@HOST:PORT/NUMBER`, or `rediss://` for TLS, with redis-py's
            parameters, such as `?ssl_ca_certs=/etc/ssl/ca.pem`.
        setting: The variable that it comes from.
        connections: The most there may be at once; further calls wait for one.

    Raises:
        InvalidSetting: *url* is no such URL.
    """
    try:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=ANSWER_S,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            client_name="image2model",
        )
    except ValueError as error:
        raise InvalidSetting(setting=setting, reason=f"is no URL of a Redis: {error}") from error
    return redis.Redis.from_pool(pool)
