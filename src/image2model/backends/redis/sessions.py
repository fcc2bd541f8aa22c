"""A `SessionStore` in Redis."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from image2model.backends.redis import keys
from image2model.backends.redis.change import Change, seconds
from image2model.backends.redis.codec import read_key, write_key
from image2model.backends.redis.database import Conflict, RedisDatabase
from image2model.core.ids import OwnerId
from image2model.ports.sessions import ApiKey, Session


class RedisSessionStore:
    """A `SessionStore` over *database*, which somebody else closes."""

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    async def add_session(self, token_sha256: str, *, owner: OwnerId, expires_at: datetime) -> None:
        """Remember or prolong a session."""
        change = Change()
        change.run("ZADD", keys.SESSIONS, seconds(expires_at), token_sha256)
        change.run("HSET", keys.SESSION_OWNERS, token_sha256, owner)
        await self._database.commit(change)

    async def session_owner(self, token_sha256: str) -> OwnerId | None:
        """Tell whose session it is."""
        until, owner = await self._database.run_all(
            [
                ("ZSCORE", keys.SESSIONS, token_sha256),
                ("HGET", keys.SESSION_OWNERS, token_sha256),
            ]
        )
        if owner is None or until is None:
            return None
        now = await self._database.now()
        return OwnerId(owner) if float(until) > now.timestamp() else None

    async def remove_session(self, token_sha256: str) -> None:
        """Forget a session at once."""
        change = Change()
        change.run("ZREM", keys.SESSIONS, token_sha256)
        change.run("HDEL", keys.SESSION_OWNERS, token_sha256)
        await self._database.commit(change)

    async def add_key(self, key: ApiKey) -> None:
        """Remember a key."""
        change = Change()
        change.check(keys.API_KEYS, key.id, None)
        change.run("HSET", keys.API_KEYS, key.id, write_key(key))
        try:
            await self._database.commit(change)
        except Conflict:
            raise ValueError(f"there is a key {key.id} already") from None

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part."""
        text = await self._database.run("HGET", keys.API_KEYS, key_id)
        return None if text is None else read_key(text)

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        found = [read_key(text) for text in await self._database.run("HVALS", keys.API_KEYS)]
        return sorted(found, key=lambda key: (key.created_at, key.id), reverse=True)

    async def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used now."""
        now = await self._database.now()
        await self._change_key(key_id, lambda key: replace(key, last_used_at=now))

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working."""
        now = await self._database.now()

        def revoked(key: ApiKey) -> ApiKey | None:
            return replace(key, revoked_at=now) if key.revoked_at is None else None

        return await self._change_key(key_id, revoked) is not None

    async def _change_key(
        self, key_id: str, change_of: Callable[[ApiKey], ApiKey | None]
    ) -> ApiKey | None:
        """Write what *change_of* makes of a key; None: there is no such key, or no change."""

        async def attempt() -> ApiKey | None:
            text = await self._database.run("HGET", keys.API_KEYS, key_id)
            changed = None if text is None else change_of(read_key(text))
            if changed is None:
                return None
            change = Change()
            change.check(keys.API_KEYS, key_id, text)
            change.run("HSET", keys.API_KEYS, key_id, write_key(changed))
            await self._database.commit(change)
            return changed

        return await self._database.unopposed(attempt)

    async def count_sessions(self) -> int:
        """Count all sessions."""
        return int(await self._database.run("ZCARD", keys.SESSIONS))

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions, those that end first before others."""
        last = skip + limit - 1
        tokens = await self._database.run("ZRANGE", keys.SESSIONS, skip, last) if limit else []
        if not tokens:
            return []
        owners = await self._database.run("HMGET", keys.SESSION_OWNERS, *tokens)
        return [
            Session(token_sha256=token, owner=OwnerId(owner))
            for token, owner in zip(tokens, owners, strict=True)
            if owner is not None
        ]

    async def remove_expired_sessions(self) -> int:
        """Forget sessions that are over."""
        now = seconds(await self._database.now())
        over = await self._database.run("ZRANGE", keys.SESSIONS, "-inf", now, "BYSCORE")
        for token in over:
            await self.remove_session(token)
        return len(over)
