"""Port: who may own jobs: browser sessions and API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from image2model.core.ids import OwnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """
    What is kept of an API key: never the key itself.

    Attributes:
        id: Its public part, 8 hex digits.
        name: For people.
        secret_sha256: Of the secret part, hex.
        owner: Whose jobs it reaches.
        created_at: When it was made.
        revoked_at: When it stopped working; None: it works.
    """

    id: str
    name: str
    secret_sha256: str
    owner: OwnerId
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is kept of a browser session: the hash (hex) of its token, and who it stands for."""

    token_sha256: str
    owner: OwnerId


class SessionStore(Protocol):
    """Knows browser sessions by the hash of their token, and API keys by their id."""

    async def add_session(self, token_sha256: str, *, owner: OwnerId, expires_at: datetime) -> None:
        """Remember a session until *expires_at*; again: prolong it."""
        ...

    async def session_owner(self, token_sha256: str) -> OwnerId | None:
        """Tell whose session it is; None: unknown or over."""
        ...

    async def remove_session(self, token_sha256: str) -> None:
        """Forget a session at once; one that is not known changes nothing."""
        ...

    async def add_key(self, key: ApiKey) -> None:
        """
        Remember *key*.

        Raises:
            ValueError: Another key has its id; make a new one.
        """
        ...

    async def find_key(self, key_id: str) -> ApiKey | None:
        """Find a key by its public part, revoked ones included."""
        ...

    async def list_keys(self) -> Sequence[ApiKey]:
        """List all keys, newest first."""
        ...

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working. Returns False where there is no such working key."""
        ...

    async def count_sessions(self) -> int:
        """Count all sessions, also those that are over and not forgotten yet."""
        ...

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List *limit* sessions after the first *skip*, those that end first before others."""
        ...

    async def remove_expired_sessions(self) -> int:
        """Forget sessions that are over. Returns how many."""
        ...
