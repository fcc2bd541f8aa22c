"""A `SessionStore` over SQL."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.rows import (
    Row,
    from_micro_usd,
    from_seconds,
    to_micro_usd,
    to_seconds,
)
from image2model.backends.sql.tables import api_keys, sessions
from image2model.backends.sql.transaction import Database, Transaction
from image2model.core.ids import OwnerId
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.ports.sessions import ApiKey, Session

_ADD_SESSION = sa.text(
    "INSERT INTO sessions (token_sha256, owner, expires_at)"
    " VALUES (:token_sha256, :owner, :expires_at)"
    " ON CONFLICT (token_sha256) DO UPDATE"
    " SET owner = excluded.owner, expires_at = excluded.expires_at"
)


class SqlSessionStore:
    """A `SessionStore` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_session(self, token_sha256: str, *, owner: OwnerId, expires_at: datetime) -> None:
        """Remember or prolong a session."""
        await self._database.write(_add_session, token_sha256, owner, to_seconds(expires_at))

    async def session_owner(self, token_sha256: str) -> OwnerId | None:
        """Tell whose session it is."""
        return await self._database.read(_session_owner, token_sha256)

    async def remove_session(self, token_sha256: str) -> None:
        """Forget a session at once."""
        await self._database.write(_remove_session, token_sha256)

    async def add_key(self, key: ApiKey) -> None:
        """Remember a key."""
        try:
            await self._database.write(_add_key, key)
        except sa.exc.IntegrityError as error:
            raise ValueError(f"there is a key {key.id} already") from error

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part."""
        found = await self._database.read(_read_keys, api_keys.c.id == key_id)
        return found[0] if found else None

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        return await self._database.read(_read_keys)

    async def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used now."""
        await self._database.write(_note_key_use, key_id)

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working."""
        return await self._database.write(_revoke_key, key_id)

    async def count_sessions(self) -> int:
        """Count all sessions."""
        return await self._database.read(_count_sessions)

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions, those that end first before others."""
        return await self._database.read(_list_sessions, skip=skip, limit=limit)

    async def remove_expired_sessions(self) -> int:
        """Forget sessions that are over."""
        return await self._database.write(_remove_expired_sessions)


def _add_session(tx: Transaction, token_sha256: str, owner: OwnerId, expires_at_s: float) -> None:
    values = {"token_sha256": token_sha256, "owner": owner, "expires_at": expires_at_s}
    tx.run(_ADD_SESSION, values)


def _session_owner(tx: Transaction, token_sha256: str) -> OwnerId | None:
    statement = sa.select(sessions.c.owner).where(
        sessions.c.token_sha256 == token_sha256, sessions.c.expires_at > tx.now_s
    )
    owner = tx.run(statement).scalar_one_or_none()
    return None if owner is None else OwnerId(owner)


def _remove_session(tx: Transaction, token_sha256: str) -> None:
    tx.run(sa.delete(sessions).where(sessions.c.token_sha256 == token_sha256))


def _count_sessions(tx: Transaction) -> int:
    count: int = tx.run(sa.select(sa.func.count()).select_from(sessions)).scalar_one()
    return count


def _list_sessions(tx: Transaction, *, skip: int, limit: int) -> Sequence[Session]:
    first_to_end = sa.select(sessions).order_by(sessions.c.expires_at, sessions.c.token_sha256)
    return [
        Session(token_sha256=row.token_sha256, owner=OwnerId(row.owner))
        for row in tx.run(first_to_end.offset(skip).limit(limit))
    ]


def _remove_expired_sessions(tx: Transaction) -> int:
    return tx.run(sa.delete(sessions).where(sessions.c.expires_at <= tx.now_s)).rowcount


def _add_key(tx: Transaction, key: ApiKey) -> None:
    values = {
        "id": key.id,
        "name": key.name,
        "secret_sha256": key.secret_sha256,
        "owner": key.owner,
        "created_at": to_seconds(key.created_at),
        "revoked_at": to_seconds(key.revoked_at),
        "scopes": sorted(key.scopes),
        "expires_at": to_seconds(key.expires_at),
        "last_used_at": to_seconds(key.last_used_at),
        "job_limit_micro_usd": to_micro_usd(key.limits.job_usd),
        "day_limit_micro_usd": to_micro_usd(key.limits.day_usd),
        "month_limit_micro_usd": to_micro_usd(key.limits.month_usd),
        "generators": None if key.generators is None else list(key.generators),
    }
    tx.run(sa.insert(api_keys), values)


def _read_keys(tx: Transaction, *which: sa.ColumnElement[bool]) -> list[ApiKey]:
    newest_first = (api_keys.c.created_at.desc(), api_keys.c.id.desc())
    rows = tx.run(sa.select(api_keys).where(*which).order_by(*newest_first))
    return [_key_of(row) for row in rows]


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
