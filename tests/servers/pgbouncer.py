"""PgBouncer for tests: few connections to PostgreSQL, shared by many clients."""

from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.servers.process import ServerProcess, unprivileged

PROGRAM = Path(__file__).parents[2] / ".tools" / "pgbouncer"
"""`make set-up` puts it there."""


class PgBouncerServer(ServerProcess):
    """
    A PgBouncer that gives each transaction any of its connections, as hosted databases often do.

    Args:
        port: Where the PostgreSQL listens.
        connections: The most it opens to each database.
    """

    def __init__(self, port: int, *, connections: int = 4) -> None:
        super().__init__("pgbouncer", user=unprivileged("postgres"))
        users = self.folder / "users"
        users.write_text('"postgres" ""\n')
        self._settings = self.folder / "pgbouncer.ini"
        self._settings.write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={port}\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = trust\n"
            f"auth_file = {users}\n"
            "pool_mode = transaction\n"
            f"default_pool_size = {connections}\n"
        )

    def url(self, database: str) -> str:
        """Name *database* as the product's settings do."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        """Say how it is started."""
        return [str(PROGRAM), str(self._settings)]

    def answers(self) -> bool:
        """Tell whether it takes requests now."""
        try:
            with psycopg.connect(
                self.url("postgres"), autocommit=True, connect_timeout=5, prepare_threshold=None
            ) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
