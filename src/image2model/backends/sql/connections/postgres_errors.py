"""Which of PostgreSQL's errors pass by themselves."""

import re
from collections.abc import Mapping

import sqlalchemy as sa

_OUTAGES = frozenset(
    {
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it is starting
        "53300",  # too_many_connections
        "25006",  # read_only_sql_transaction: the primary has become a standby
        "25P03",  # idle_in_transaction_session_timeout: this process was frozen
    }
)
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_CONFLICTS = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
    }
)


def is_mistake(error: sa.exc.DBAPIError) -> bool:
    """Tell whether what was asked of the database was wrong, rather than the database."""
    return isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError | sa.exc.DataError)


def is_outage(error: sa.exc.DBAPIError) -> bool:
    """Tell whether the server is away, or not ready to serve us, and may be back soon."""
    if error.connection_invalidated:
        return True
    state = _state(error)
    if state is None:  # said by libpq, not by the server
        return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    return state in _OUTAGES or state.startswith("08")


def is_conflict(error: sa.exc.DBAPIError) -> bool:
    """Tell whether the transaction was rolled back for the sake of another; do it once more."""
    return _state(error) in _CONFLICTS


def reason_of(error: sa.exc.DBAPIError) -> str:
    """Say in one line what is wrong."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error.orig).__name__


_PARTS: Mapping[str, str] = {
    r"invalid connection option": "parameters after the question mark",
    r"password authentication failed|authentication failed": "user and password",
    r"no password supplied": "password",
    r"role .* does not exist|no such user": "user",
    r"database .* does not exist|no such database": "database name",
    r"resolve host|translate host name|not known": "host",
    r"refused|timeout|timed out|unreachable|no route|no such file": "host and port",
    r"SSL|TLS|certificate": "parameter sslmode",
    r"no pg_hba.conf entry": "user, database name and sslmode",
}
"""Which part of the URL is wrong, by what libpq or the server says where nobody can connect."""


def wrong_part(error: sa.exc.DBAPIError) -> str:
    """Tell which part of the database's URL may be wrong; "": none, or nobody knows."""
    state = _state(error)
    if state is not None and state[:2] not in {"28", "3D", "08"}:
        return ""  # The server answered.
    reason = str(error.orig)
    found = (part for words, part in _PARTS.items() if re.search(words, reason, re.IGNORECASE))
    return next(found, "")


def _state(error: sa.exc.DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state
