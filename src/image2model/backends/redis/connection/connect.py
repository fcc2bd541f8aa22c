"""Connections to Redis."""

import re
from collections.abc import Mapping

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from image2model.core.errors import InvalidSetting

_PARTS: Mapping[str, str] = {
    r"username-password|password|WRONGPASS|NOAUTH|Authentication": "user and password",
    r"DB index": "number of the database",
    r"Name or service|getaddrinfo|nodename|not known": "host",
    r"connecting to|timeout|refused|closed by server": "host and port",
    r"SSL|TLS|certificate": "scheme (redis or rediss)",
}
"""Which part of the URL is wrong, by what the server or the library says."""

ANSWER_S = 5.0
"""How long a server may take to answer, or to take a connection; it takes well under 1 ms."""


def wrong_part(error: BaseException) -> str:
    """Tell which part of a Redis's URL may be wrong; "": none, or nobody knows."""
    said = str(error)
    found = (part for words, part in _PARTS.items() if re.search(words, said, re.IGNORECASE))
    return next(found, "")


def connect(url: str, *, setting: str, connections: int, texts: bool = False) -> Redis:
    """
    Prepare connections to the Redis at *url*; they are made when they are needed.

    No command is tried again by itself, for not all may be done twice: who calls decides.

    Args:
        url: `redis://:PASSWORD@HOST:PORT/NUMBER`, or `rediss://` for TLS, with redis-py's
            parameters, such as `?ssl_ca_certs=/etc/ssl/ca.pem`.
        setting: The variable that it comes from.
        connections: The most there may be at once; further calls wait for one.
        texts: Whether answers are texts; False: bytes.

    Raises:
        InvalidSetting: *url* is no such URL.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=None,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            client_name="image2model",
            decode_responses=texts,
            # The third one answers some commands in other shapes; nothing here needs them.
            protocol=2,
        )
        # Makes no connection yet, but meets the parameters that it does not know.
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        raise InvalidSetting(
            setting=setting, reason="has a parameter after the question mark that is not known."
        ) from error
    except ValueError as error:
        raise InvalidSetting(setting=setting, reason=f"is no URL of a Redis: {error}.") from error
    return Redis.from_pool(pool)
