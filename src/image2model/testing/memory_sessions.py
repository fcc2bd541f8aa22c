"""A `SessionStore` in memory: for tests and for trying things out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from image2model.core.ids import OwnerId
from image2model.ports.clock import Clock
from image2model.ports.sessions import ApiKey, Session


class MemorySessionStore:
    """A `SessionStore` that forgets all when it goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, tuple[OwnerId, datetime]] = {}
        self._keys: dict[str, ApiKey] = {}

    async def add_session(self, token_sha256: str, *, owner: OwnerId, expires_at: datetime) -> None:
        """Remember or prolong a session."""
        self._sessions[token_sha256] = (owner, expires_at)

    async def session_owner(self, token_sha256: str) -> OwnerId | None:
        """Tell whose session it is."""
        owner, expires_at = self._sessions.get(token_sha256, (None, None))
        return owner if expires_at is not None and expires_at > self._clock.now() else None

    async def remove_session(self, token_sha256: str) -> None:
        """Forget a session at once."""
        self._sessions.pop(token_sha256, None)

    async def add_key(self, key: ApiKey) -> None:
        """Remember a key."""
        if key.id in self._keys:
            raise ValueError(f"there is a key {key.id} already")
        self._keys[key.id] = key

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part."""
        return self._keys.get(key_id)

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id), reverse=True)

    async def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used now."""
        if key := self._keys.get(key_id):
            self._keys[key_id] = replace(key, last_used_at=self._clock.now())

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working."""
        key = self._keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._keys[key_id] = replace(key, revoked_at=self._clock.now())
        return True

    async def count_sessions(self) -> int:
        """Count all sessions."""
        return len(self._sessions)

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions, those that end first before others."""
        ordered = sorted(self._sessions, key=lambda token: (self._sessions[token][1], token))
        return [
            Session(token_sha256=token, owner=self._sessions[token][0])
            for token in ordered[skip : skip + limit]
        ]

    async def remove_expired_sessions(self) -> int:
        """Forget sessions that are over."""
        now = self._clock.now()
        over = [token for token, (_, expires_at) in self._sessions.items() if expires_at <= now]
        for token in over:
            del self._sessions[token]
        return len(over)
