"""Port: who may own jobs: browser sessions and API keys."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from image2model.core.ids import OwnerId
from image2model.core.money import NO_LIMITS, SpendingLimits
from image2model.core.scopes import USER_SCOPES, Scope


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
        revoked_at: When somebody stopped it from working; None: nobody did.
        scopes: What it may do.
        expires_at: When it stops working by itself; None: never.
        last_used_at: When it was last used, to about a minute; None: never.
        limits: What may be spent with it.
        generators: Ids of the generators it may use, `*` standing for any text; None: all.
    """

    id: str
    name: str
    secret_sha256: str
    owner: OwnerId
    created_at: datetime
    revoked_at: datetime | None = None
    scopes: frozenset[Scope] = USER_SCOPES
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    limits: SpendingLimits = NO_LIMITS
    generators: tuple[str, ...] | None = None

    def with_terms_of(self, other: "ApiKey") -> "ApiKey":
        """Give this key the name, scopes, end, limits and generators of *other*."""
        return replace(
            self,
            name=other.name,
            scopes=other.scopes,
            expires_at=other.expires_at,
            limits=other.limits,
            generators=other.generators,
        )

    def works(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked_at is None and not self.is_expired(now)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    A browser session as one of its tokens shows it.

    A session gets a new token from time to time. The one before stays good until the browser has
    shown that it has the new one, and for requests that are under way at that moment.

    Attributes:
        id: Stays the same when the token changes.
        owner: Whose jobs it reaches.
        issued_at: When the token was handed out.
        expires_at: When the token ends unless it is used.
        ends_at: When the session ends, whether used or not.
        is_confirmed: Whether the browser has shown that it has the token.
    """

    id: str
    owner: OwnerId
    issued_at: datetime
    expires_at: datetime
    ends_at: datetime
    is_confirmed: bool = True


class SessionStore(Protocol):
    """Knows browser sessions by the hashes of their tokens, and API keys by their id."""

    async def add_session(self, token_sha256: str, session: Session) -> None:
        """Remember a new session."""
        ...

    async def find_session(self, token_sha256: str) -> Session | None:
        """Find a session; None: unknown or over."""
        ...

    async def prolong_session(self, token_sha256: str, *, expires_at: datetime) -> None:
        """Let a token last until *expires_at*; one that is not known changes nothing."""
        ...

    async def rotate_session(
        self, token_sha256: str, new_sha256: str, session: Session, *, not_since: datetime
    ) -> bool:
        """
        Give the session that *token_sha256* belongs to another token, which is not confirmed yet.

        Tokens before it that never were confirmed go: the browser did not get them.

        Returns:
            False where that token is unknown, or where the session got one after *not_since*:
            another request of the browser was faster. Nothing changed then.
        """
        ...

    async def confirm_session(self, token_sha256: str, *, others_until: datetime) -> None:
        """Remember that the browser has a token: those before it last until *others_until*."""
        ...

    async def remove_session(self, session_id: str) -> None:
        """Forget a session with all its tokens; one that is not known changes nothing."""
        ...

    async def remove_expired_sessions(self) -> Collection[OwnerId]:
        """Forget tokens that are over. Returns the owners of those who have no session left."""
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

    async def change_key(self, key: ApiKey) -> bool:
        """
        Give the key of the same id the name, scopes, end, limits and generators of *key*.

        Returns:
            False where there is no such key, or it was revoked.
        """
        ...

    async def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used now; one that is not known changes nothing."""
        ...

    async def revoke_key(self, key_id: str) -> bool:
        """Stop a key from working. Returns False where there is no such working key."""
        ...

    async def count_sessions(self) -> int:
        """Count the tokens of all sessions, also those that are over and not forgotten yet."""
        ...

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """
        List *limit* sessions after the first *skip*, those that end first before others.

        One with several tokens is there for each of them.
        """
        ...
