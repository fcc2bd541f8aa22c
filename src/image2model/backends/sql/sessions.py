"""A `SessionStore` over SQL."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Database, Transaction
from image2model.backends.sql.dialect import lock_rows
from image2model.backends.sql.rows import (
    Row,
    Values,
    from_micro_usd,
    from_seconds,
    to_micro_usd,
    to_seconds,
)
from image2model.backends.sql.tables import api_keys, sessions
from image2model.core.ids import OwnerId
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.ports.sessions import ApiKey, Session

# Read at every request, so made but once.
_FIND_SESSION = sa.select(sessions).where(
    sessions.c.token_sha256 == sa.bindparam("token"),
    sessions.c.expires_at > sa.bindparam("now_s"),
)
_FIND_KEY = sa.select(api_keys).where(api_keys.c.id == sa.bindparam("key_id"))
_LIST_KEYS = sa.select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc())


class SqlSessionStore:
    """A `SessionStore` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_session(self, token_sha256: str, session: Session) -> None:
        """Remember a new session."""
        await self._database.write(_add_session, token_sha256, session)

    async def find_session(self, token_sha256: str) -> Session | None:
        """Find a session."""
        return await self._database.read(_find_session, token_sha256)

    async def prolong_session(self, token_sha256: str, *, expires_at: datetime) -> None:
        """Let a token last longer."""
        await self._database.write(_prolong_session, token_sha256, to_seconds(expires_at))

    async def rotate_session(
        self, token_sha256: str, new_sha256: str, session: Session, *, not_since: datetime
    ) -> bool:
        """Give a session another token."""
        return await self._database.write(
            _rotate_session, token_sha256, new_sha256, session, not_since_s=to_seconds(not_since)
        )

    async def confirm_session(self, token_sha256: str, *, others_until: datetime) -> None:
        """Remember that the browser has a token."""
        await self._database.write(
            _confirm_session, token_sha256, others_until_s=to_seconds(others_until)
        )

    async def remove_session(self, session_id: str) -> None:
        """Forget a session with all its tokens."""
        await self._database.write(_remove_session, session_id)

    async def remove_expired_sessions(self) -> Collection[OwnerId]:
        """Forget tokens that are over."""
        return await self._database.write(_remove_expired_sessions)

    async def add_key(self, key: ApiKey) -> None:
        """Remember a key."""
        try:
            await self._database.write(_add_key, key)
        except sa.exc.IntegrityError as error:
            raise ValueError(f"there is a key {key.id} already") from error

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part."""
        return await self._database.read(_find_key, key_id)

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        return await self._database.read(_list_keys)

    async def change_key(self, key: ApiKey) -> bool:
        """Change what a key may do."""
        return await self._database.write(_change_key, key)

    async def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used now."""
        await self._database.write(_note_key_use, key_id)

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working."""
        return await self._database.write(_revoke_key, key_id)

    async def count_sessions(self) -> int:
        """Count the tokens of all sessions."""
        return await self._database.read(_count_sessions)

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions by their tokens, those that end first before others."""
        return await self._database.read(_list_sessions, skip=skip, limit=limit)


def _add_session(tx: Transaction, token_sha256: str, session: Session) -> None:
    values = {
        "token_sha256": token_sha256,
        "session": session.id,
        "owner": session.owner,
        "issued_at": to_seconds(session.issued_at),
        "expires_at": to_seconds(session.expires_at),
        "ends_at": to_seconds(session.ends_at),
        "is_confirmed": session.is_confirmed,
    }
    tx.run(sa.insert(sessions), values)


def _find_session(tx: Transaction, token_sha256: str) -> Session | None:
    row = tx.run(_FIND_SESSION, {"token": token_sha256, "now_s": tx.now_s}).one_or_none()
    return None if row is None else _session_of(row)


def _prolong_session(tx: Transaction, token_sha256: str, expires_at_s: float) -> None:
    of_token = sa.update(sessions).where(sessions.c.token_sha256 == token_sha256)
    tx.run(of_token.values(expires_at=expires_at_s))


def _rotate_session(
    tx: Transaction, token_sha256: str, new_sha256: str, session: Session, *, not_since_s: float
) -> bool:
    _lock_session(tx, session.id)
    rows = tx.run(sa.select(sessions).where(sessions.c.session == session.id)).all()
    newest_s = max((row.issued_at for row in rows), default=not_since_s)
    if token_sha256 not in {row.token_sha256 for row in rows} or newest_s > not_since_s:
        return False
    tx.run(
        sa.delete(sessions).where(
            sessions.c.session == session.id,
            sessions.c.token_sha256 != token_sha256,
            ~sessions.c.is_confirmed,
        )
    )
    _add_session(tx, new_sha256, replace(session, is_confirmed=False))
    return True


def _lock_session(tx: Transaction, session_id: str) -> None:
    # A statement apart: one that waits for a lock does not see what is added meanwhile.
    tokens = sa.select(sessions.c.token_sha256).where(sessions.c.session == session_id)
    lock_rows(tx.connection, tokens.order_by(sessions.c.token_sha256))


def _confirm_session(tx: Transaction, token_sha256: str, *, others_until_s: float) -> None:
    confirmed = (
        sa.update(sessions)
        .where(sessions.c.token_sha256 == token_sha256)
        .values(is_confirmed=True)
        .returning(sessions.c.session, sessions.c.issued_at)
    )
    row = tx.run(confirmed).one_or_none()
    if row is not None:
        before = sa.update(sessions).where(
            sessions.c.session == row.session,
            sessions.c.issued_at < row.issued_at,
            sessions.c.expires_at > others_until_s,
        )
        tx.run(before.values(expires_at=others_until_s))


def _count_sessions(tx: Transaction) -> int:
    count: int = tx.run(sa.select(sa.func.count()).select_from(sessions)).scalar_one()
    return count


def _list_sessions(tx: Transaction, *, skip: int, limit: int) -> Sequence[Session]:
    first_to_end = sa.select(sessions).order_by(sessions.c.expires_at, sessions.c.token_sha256)
    return [_session_of(row) for row in tx.run(first_to_end.offset(skip).limit(limit))]


def _remove_session(tx: Transaction, session_id: str) -> None:
    _lock_session(tx, session_id)
    tx.run(sa.delete(sessions).where(sessions.c.session == session_id))


def _remove_expired_sessions(tx: Transaction) -> Collection[OwnerId]:
    over = sa.delete(sessions).where(sessions.c.expires_at <= tx.now_s)
    owners = set(tx.run(over.returning(sessions.c.owner)).scalars())
    left = sa.select(sessions.c.owner).where(sessions.c.owner.in_(owners))
    return {OwnerId(owner) for owner in owners - set(tx.run(left).scalars())}


def _add_key(tx: Transaction, key: ApiKey) -> None:
    values = {
        "id": key.id,
        "secret_sha256": key.secret_sha256,
        "owner": key.owner,
        "created_at": to_seconds(key.created_at),
        "revoked_at": to_seconds(key.revoked_at),
        "last_used_at": to_seconds(key.last_used_at),
        **_terms(key),
    }
    tx.run(sa.insert(api_keys), values)


def _change_key(tx: Transaction, key: ApiKey) -> bool:
    works = (api_keys.c.id == key.id, api_keys.c.revoked_at.is_(None))
    return tx.run(sa.update(api_keys).where(*works).values(**_terms(key))).rowcount == 1


def _terms(key: ApiKey) -> Values:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "expires_at": to_seconds(key.expires_at),
        "job_limit_micro_usd": to_micro_usd(key.limits.job_usd),
        "day_limit_micro_usd": to_micro_usd(key.limits.day_usd),
        "month_limit_micro_usd": to_micro_usd(key.limits.month_usd),
        "generators": None if key.generators is None else list(key.generators),
    }


def _find_key(tx: Transaction, key_id: str) -> ApiKey | None:
    row = tx.run(_FIND_KEY, {"key_id": key_id}).one_or_none()
    return None if row is None else _key_of(row)


def _list_keys(tx: Transaction) -> list[ApiKey]:
    return [_key_of(row) for row in tx.run(_LIST_KEYS)]


def _note_key_use(tx: Transaction, key_id: str) -> None:
    tx.run(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=tx.now_s))


def _revoke_key(tx: Transaction, key_id: str) -> bool:
    works = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    revoked = tx.run(sa.update(api_keys).where(*works).values(revoked_at=tx.now_s))
    return revoked.rowcount == 1


def _key_of(row: Row) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        secret_sha256=row.secret_sha256,
        owner=OwnerId(row.owner),
        created_at=from_seconds(row.created_at),
        revoked_at=from_seconds(row.revoked_at),
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        expires_at=from_seconds(row.expires_at),
        last_used_at=from_seconds(row.last_used_at),
        limits=SpendingLimits(
            job_usd=from_micro_usd(row.job_limit_micro_usd),
            day_usd=from_micro_usd(row.day_limit_micro_usd),
            month_usd=from_micro_usd(row.month_limit_micro_usd),
        ),
        generators=None if row.generators is None else tuple(row.generators),
    )


def _session_of(row: Row) -> Session:
    return Session(
        id=row.session,
        owner=OwnerId(row.owner),
        issued_at=from_seconds(row.issued_at),
        expires_at=from_seconds(row.expires_at),
        ends_at=from_seconds(row.ends_at),
        is_confirmed=row.is_confirmed,
    )
