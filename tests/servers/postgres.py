"""PostgreSQL for tests."""

import itertools
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.harness.patience import PATIENCE_S
from tests.servers.process import ServerFailed, ServerProcess, unprivileged

PROGRAMS = Path(__file__).parents[2] / ".tools" / "postgresql"
"""The folder of PostgreSQL's programs; `make set-up` puts it there."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # Killed processes lose nothing by these two, only a machine that loses its power.
    "fsync": "off",
    "full_page_writes": "off",
    "log_min_messages": "warning",
}


class PostgresServer(ServerProcess):
    """An empty PostgreSQL; who reaches it may do everything, under any name."""

    def __init__(self) -> None:
        super().__init__("postgres", user=unprivileged("postgres"))
        self._numbers = itertools.count(1)

    @property
    def data(self) -> Path:
        """Where its data are."""
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """Name *database* as the product's settings do."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        """Say how it is started."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        port = f"--port={self.port}"
        return [str(PROGRAMS / "postgres"), "-D", str(self.data), port, *settings]

    def answers(self) -> bool:
        """Tell whether it takes requests now."""
        try:
            self.run("SELECT 1", limit_s=5.0)
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Start it, made first where it was not yet; wait until it answers."""
        if not self.data.exists():
            self._make()
        super().start()

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """Send it *by*; by default it breaks connections off and shuts down in good order."""
        super().stop(by)

    def run(self, statement: LiteralString | sql.Composed, *, limit_s: float = PATIENCE_S) -> None:
        """Run one *statement*, outside any transaction; connecting may take *limit_s*."""
        limit = round(limit_s)
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=limit) as connection:
            connection.execute(statement)

    def make_database(self) -> str:
        """Make a new, empty database, and return its URL."""
        name = f"test{next(self._numbers)}"
        self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a new, empty database, which goes with the block; yields its URL."""
        url = self.make_database()
        try:
            yield url
        finally:
            name = url.rpartition("/")[2]
            self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _make(self) -> None:
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            [str(PROGRAMS / "initdb"), "-D", str(self.data), "--no-sync", *options],
            cwd=self.folder,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(done.stderr.decode(errors="replace"))
