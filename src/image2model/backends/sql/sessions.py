"""A `SessionStore` over SQL."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.engine import Database
from image2model.backends.sql.rows import Row, from_seconds, to_seconds
from image2model.backends.sql.tables import api_keys, sessions
from image2model.core.ids import OwnerId
from image2model.ports.sessions import ApiKey


class SqlSessionStore:
    """A `SessionStore` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_session(self, token_sha256: str, *, owner: OwnerId, expires_at: datetime) -> None:
        """Remember or prolong a session."""
        values = {"owner": owner, "expires_at": to_seconds(expires_at)}
        same = sessions.c.token_sha256 == token_sha256
        async with self._database.writing() as tx:
            known = await tx.run(sa.update(sessions).where(same).values(**values))
            if known.rowcount == 0:
                await tx.run(sa.insert(sessions), {"token_sha256": token_sha256, **values})

    async def session_owner(self, token_sha256: str) -> OwnerId | None:
        """Tell whose session it is."""
        async with self._database.reading() as tx:
            statement = sa.select(sessions.c.owner).where(
                sessions.c.token_sha256 == token_sha256, sessions.c.expires_at > tx.now
            )
            owner = (await tx.run(statement)).scalar_one_or_none()
        return None if owner is None else OwnerId(owner)

    async def add_key(self, key: ApiKey) -> None:
        """Remember a key."""
        values = {
            "id": key.id,
            "name": key.name,
            "secret_sha256": key.secret_sha256,
            "owner": key.owner,
            "created_at": to_seconds(key.created_at),
            "revoked_at": to_seconds(key.revoked_at),
        }
        try:
            async with self._database.writing() as tx:
                await tx.run(sa.insert(api_keys), values)
        except sa.exc.IntegrityError as error:
            raise ValueError(f"there is a key {key.id} already") from error

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part."""
        async with self._database.reading() as tx:
            statement = sa.select(api_keys).where(api_keys.c.id == key_id)
            row = (await tx.run(statement)).one_or_none()
        return None if row is None else _key_of(row)

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        newest_first = (api_keys.c.created_at.desc(), api_keys.c.id.desc())
        async with self._database.reading() as tx:
            rows = await tx.run(sa.select(api_keys).order_by(*newest_first))
            return [_key_of(row) for row in rows]

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working."""
        async with self._database.writing() as tx:
            revoked = await tx.run(
                sa.update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=await tx.now_s())
            )
        return revoked.rowcount == 1

    async def remove_expired_sessions(self) -> int:
        """Forget sessions that are over."""
        async with self._database.writing() as tx:
            over = await tx.run(sa.delete(sessions).where(sessions.c.expires_at <= tx.now))
        return over.rowcount


def _key_of(row: Row) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        secret_sha256=row.secret_sha256,
        owner=OwnerId(row.owner),
        created_at=from_seconds(row.created_at),
        revoked_at=from_seconds(row.revoked_at),
    )
