"""A `SessionStore` in memory: for tests and for trying things out."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from image2model.core.ids import OwnerId
from image2model.ports.clock import Clock
from image2model.ports.sessions import ApiKey, Session


class MemorySessionStore:
    """A `SessionStore` that forgets all when it goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._keys: dict[str, ApiKey] = {}

    async def add_session(self, token_sha256: str, session: Session) -> None:
        """Remember a new session."""
        self._sessions[token_sha256] = session

    async def find_session(self, token_sha256: str) -> Session | None:
        """Find a session."""
        found = self._sessions.get(token_sha256)
        return found if found is not None and found.expires_at > self._clock.now() else None

    async def prolong_session(self, token_sha256: str, *, expires_at: datetime) -> None:
        """Let a token last longer."""
        if found := self._sessions.get(token_sha256):
            self._sessions[token_sha256] = replace(found, expires_at=expires_at)

    async def rotate_session(
        self, token_sha256: str, new_sha256: str, session: Session, *, not_since: datetime
    ) -> bool:
        """Give a session another token."""
        of_session = self._tokens_of(session.id)
        newest = max((known.issued_at for known in of_session.values()), default=not_since)
        if token_sha256 not in of_session or newest > not_since:
            return False
        for token, known in of_session.items():
            if not known.is_confirmed and token != token_sha256:
                del self._sessions[token]
        self._sessions[new_sha256] = replace(session, is_confirmed=False)
        return True

    async def confirm_session(self, token_sha256: str, *, others_until: datetime) -> None:
        """Remember that the browser has a token."""
        confirmed = self._sessions.get(token_sha256)
        if confirmed is None:
            return
        self._sessions[token_sha256] = replace(confirmed, is_confirmed=True)
        for token, known in self._tokens_of(confirmed.id).items():
            if known.issued_at < confirmed.issued_at:
                until = min(known.expires_at, others_until)
                self._sessions[token] = replace(known, expires_at=until)

    async def remove_session(self, session_id: str) -> None:
        """Forget a session with all its tokens."""
        for token in self._tokens_of(session_id):
            del self._sessions[token]

    async def remove_expired_sessions(self) -> Collection[OwnerId]:
        """Forget tokens that are over."""
        now = self._clock.now()
        over = {token: one for token, one in self._sessions.items() if one.expires_at <= now}
        for token in over:
            del self._sessions[token]
        left = {session.owner for session in self._sessions.values()}
        return {session.owner for session in over.values()} - left

    def _tokens_of(self, session_id: str) -> dict[str, Session]:
        return {token: one for token, one in self._sessions.items() if one.id == session_id}

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

    async def change_key(self, key: ApiKey) -> bool:
        """Change what a key may do."""
        known = self._keys.get(key.id)
        if known is None or known.revoked_at is not None:
            return False
        self._keys[key.id] = known.with_terms_of(key)
        return True

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
        """Count the tokens of all sessions."""
        return len(self._sessions)

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions by their tokens, those that end first before others."""
        ordered = sorted(self._sessions.items(), key=lambda one: (one[1].expires_at, one[0]))
        return [session for _, session in ordered[skip : skip + limit]]
