"""Redis for tests."""

from collections.abc import Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.patience import PATIENCE_S
from tests.servers.process import ServerProcess

PROGRAM = Path(__file__).parents[2] / ".tools" / "redis-server"
"""`make set-up` puts it there."""

AT_ONCE = Retry(NoBackoff(), 0)
"""Fail at the first error, as a test that looks at errors wants it."""


class RedisServer(ServerProcess):
    """
    An empty Redis.

    Args:
        keeps: Whether it writes every change to its folder at once, and so has it again when it
            was killed. Without, it starts empty, however it was stopped.
        password: Asked of clients; None: none is.
        options: Further settings, by their names in `redis.conf`.
    """

    def __init__(self, *, keeps: bool = False, password: str | None = None, **options: str) -> None:
        super().__init__("redis")
        self._keeps = keeps
        self._password = password
        self._options = options

    def url(self, database: int = 0) -> str:
        """Name *database* as the product's settings do."""
        secret = "" if self._password is None else f":{self._password}@"
        return f"redis://{secret}127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        """Say how it is started."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self._keeps else "no",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            **({} if self._password is None else {"requirepass": self._password}),
            **{name.replace("_", "-"): value for name, value in self._options.items()},
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(PROGRAM), *arguments]

    def answers(self) -> bool:
        """Tell whether it takes requests now."""
        try:
            with self.client(limit_s=5.0) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def client(self, *, limit_s: float = PATIENCE_S) -> redis.Redis:
        """Connect to it, waiting *limit_s* for an answer; used as a block it closes."""
        return redis.Redis.from_url(
            self.url(), retry=AT_ONCE, socket_timeout=limit_s, socket_connect_timeout=limit_s
        )

    def empty(self) -> None:
        """Forget all data, scripts and functions."""
        with self.client() as client:
            client.flushall()
            client.script_flush()
            client.function_flush()
