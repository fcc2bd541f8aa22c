"""A `SessionStore` in Redis."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import (
    SessionDocument,
    Token,
    read_key,
    read_session,
    write_key,
    write_session,
)
from image2model.backends.redis.connection.database import Conflict, RedisDatabase
from image2model.core.ids import OwnerId
from image2model.ports.sessions import ApiKey, Session

_BEGINNING = datetime.fromtimestamp(0, UTC)


class RedisSessionStore:
    """A `SessionStore` over *database*, which somebody else closes."""

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    async def add_session(self, token_sha256: str, session: Session) -> None:
        """Remember a new session."""
        document = SessionDocument(
            owner=session.owner, ends_at=session.ends_at, tokens={token_sha256: _token(session)}
        )
        await self._database.commit(_session_change(session.id, None, document, text=None))

    async def find_session(self, token_sha256: str) -> Session | None:
        """Find a session."""
        session_id, document, _ = await self._find(token_sha256)
        token = document.tokens.get(token_sha256) if document else None
        if document is None or token is None or token.expires_at <= await self._database.now():
            return None
        return _session_of(session_id, document, token_sha256)

    async def prolong_session(self, token_sha256: str, *, expires_at: datetime) -> None:
        """Let a token last longer."""

        def prolong(tokens: dict[str, Token]) -> bool:
            tokens[token_sha256] = replace(tokens[token_sha256], expires_at=expires_at)
            return True

        await self._change_tokens(token_sha256, prolong)

    async def rotate_session(
        self, token_sha256: str, new_sha256: str, session: Session, *, not_since: datetime
    ) -> bool:
        """Give a session another token."""

        def rotate(tokens: dict[str, Token]) -> bool:
            if any(token.issued_at > not_since for token in tokens.values()):
                return False
            for known, token in list(tokens.items()):
                if not token.is_confirmed and known != token_sha256:
                    del tokens[known]
            tokens[new_sha256] = replace(_token(session), is_confirmed=False)
            return True

        return await self._change_tokens(token_sha256, rotate)

    async def confirm_session(self, token_sha256: str, *, others_until: datetime) -> None:
        """Remember that the browser has a token."""

        def confirm(tokens: dict[str, Token]) -> bool:
            confirmed = tokens[token_sha256]
            for known, token in tokens.items():
                if token.issued_at < confirmed.issued_at:
                    until = min(token.expires_at, others_until)
                    tokens[known] = replace(token, expires_at=until)
            tokens[token_sha256] = replace(confirmed, is_confirmed=True)
            return True

        await self._change_tokens(token_sha256, confirm)

    async def remove_session(self, session_id: str) -> None:
        """Forget a session with all its tokens."""

        async def attempt() -> None:
            text = await self._database.run("HGET", keys.BROWSER_SESSIONS, session_id)
            document = read_session(text) if text is not None else None
            if document is None:
                _, document, _ = await self._find(session_id)
            change = _session_change(session_id, document, None, text=text)
            await self._database.commit(change)

        await self._database.unopposed(attempt)

    async def _change_tokens(
        self, token_sha256: str, change_of: Callable[[dict[str, Token]], bool]
    ) -> bool:
        """Change the tokens of a session; False: the token is unknown, or nothing is to change."""

        async def attempt() -> bool:
            session_id, before, text = await self._find(token_sha256)
            if before is None or token_sha256 not in before.tokens:
                return False
            after = replace(before, tokens=dict(before.tokens))
            if not change_of(after.tokens):
                return False
            await self._database.commit(_session_change(session_id, before, after, text=text))
            return True

        return await self._database.unopposed(attempt)

    async def _find(self, token_sha256: str) -> tuple[str, SessionDocument | None, str | None]:
        """Read the session of a token: its id, what is kept of it, and that as it is written."""
        known, until = await self._database.run_all(
            [
                ("HGET", keys.SESSION_OWNERS, token_sha256),
                ("ZSCORE", keys.SESSIONS, token_sha256),
            ]
        )
        if known is None or until is None:
            return token_sha256, None, None
        text = await self._database.run("HGET", keys.BROWSER_SESSIONS, known)
        if text is not None:
            return known, read_session(text), text
        if await self._database.run("HGET", keys.SESSION_OWNERS, token_sha256) != known:
            return token_sha256, None, None  # It ended between the two reads.
        # It is from before tokens changed, and what is known is its owner.
        ends_at = datetime.fromtimestamp(float(until), UTC)
        token = Token(issued_at=_BEGINNING, expires_at=ends_at, is_confirmed=True)
        tokens = {token_sha256: token}
        document = SessionDocument(owner=OwnerId(known), ends_at=ends_at, tokens=tokens)
        return token_sha256, document, None

    async def remove_expired_sessions(self) -> Collection[OwnerId]:
        """Forget tokens that are over."""
        now = seconds(await self._database.now())
        over = await self._database.run("ZRANGE", keys.SESSIONS, "-inf", now, "BYSCORE")
        owners = set()
        for token_sha256 in over:
            _, document, _ = await self._find(token_sha256)
            if document is not None:
                owners.add(document.owner)

            def drop(tokens: dict[str, Token], token: str = token_sha256) -> bool:
                del tokens[token]
                return True

            await self._change_tokens(token_sha256, drop)
        documents = await self._database.run("HVALS", keys.BROWSER_SESSIONS) if owners else []
        return owners - {read_session(text).owner for text in documents}

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

    async def change_key(self, key: ApiKey) -> bool:
        """Change what a key may do."""

        def changed(known: ApiKey) -> ApiKey | None:
            return known.with_terms_of(key) if known.revoked_at is None else None

        return await self._change_key(key.id, changed) is not None

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
        """Count the tokens of all sessions."""
        return int(await self._database.run("ZCARD", keys.SESSIONS))

    async def list_sessions(self, *, skip: int, limit: int) -> Sequence[Session]:
        """List sessions by their tokens, those that end first before others."""
        last = skip + limit - 1
        tokens = await self._database.run("ZRANGE", keys.SESSIONS, skip, last) if limit else []
        found = [(token, *(await self._find(token))[:2]) for token in tokens]
        return [
            _session_of(session_id, document, token)
            for token, session_id, document in found
            if document is not None and token in document.tokens
        ]


def _token(session: Session) -> Token:
    return Token(
        issued_at=session.issued_at,
        expires_at=session.expires_at,
        is_confirmed=session.is_confirmed,
    )


def _session_of(session_id: str, document: SessionDocument, token_sha256: str) -> Session:
    token = document.tokens[token_sha256]
    return Session(
        id=session_id,
        owner=document.owner,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        ends_at=document.ends_at,
        is_confirmed=token.is_confirmed,
    )


def _session_change(
    session_id: str,
    before: SessionDocument | None,
    after: SessionDocument | None,
    *,
    text: str | None,
) -> Change:
    """Write a session, and where its tokens are looked up; without a token it goes."""
    change = Change()
    change.check(keys.BROWSER_SESSIONS, session_id, text)
    tokens = after.tokens if after else {}
    for token in before.tokens if before else {}:
        if token not in tokens:
            change.run("ZREM", keys.SESSIONS, token)
            change.run("HDEL", keys.SESSION_OWNERS, token)
    for token, kept in tokens.items():
        change.run("ZADD", keys.SESSIONS, seconds(kept.expires_at), token)
        change.run("HSET", keys.SESSION_OWNERS, token, session_id)
    if after is not None and tokens:
        change.run("HSET", keys.BROWSER_SESSIONS, session_id, write_session(after))
    else:
        change.run("HDEL", keys.BROWSER_SESSIONS, session_id)
    return change
