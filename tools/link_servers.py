"""
Puts `.tools/postgresql`, `.tools/pgbouncer`, `.tools/redis-server` or `.tools/faketime`.

The tests of scaled mode need them.

They are the machine's own, installed first where that is allowed. Tests start servers of their own
with them and never touch one that runs on the machine.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.debian import by_hand, install, may_install

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Make the link named on the command line anew."""
    name = sys.argv[1]
    target = FIND[name]()
    if target is None and may_install():
        install(name)
        target = FIND[name]()
    if target is None:
        sys.exit(f"The tests of scaled mode need {name}. On Debian:\n    {by_hand(name)}")
    link = ROOT / ".tools" / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def find_postgresql() -> Path | None:
    """Find the folder of PostgreSQL's programs."""
    # Debian keeps them off PATH, by version; the newest is taken.
    folders = [program.parent for program in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    program = shutil.which("postgres")
    return None if program is None else Path(program).resolve().parent


def find_pgbouncer() -> Path | None:
    """Find the connection pool that hosted PostgreSQLs stand behind."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if program is None else Path(program)


def find_redis() -> Path | None:
    """Find Redis."""
    program = shutil.which("redis-server")
    return None if program is None else Path(program)


def find_faketime() -> Path | None:
    """Find the library that shows a process another time, in the variant for threads."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


FIND: Mapping[str, Callable[[], Path | None]] = {
    "postgresql": find_postgresql,
    "pgbouncer": find_pgbouncer,
    "redis-server": find_redis,
    "faketime": find_faketime,
}
"""How each is found; the names are also those of Debian's packages."""


if __name__ == "__main__":
    main()
