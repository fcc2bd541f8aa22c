"""Who asks, and whether a job is theirs."""

import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from image2model.core.audit import AuditAction
from image2model.core.errors import (
    ApiKeyNotFound,
    InvalidRequest,
    ItemNotFound,
    JobNotFound,
    NotAuthenticated,
)
from image2model.core.ids import ANONYMOUS_OWNER, JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.money import NO_LIMITS, SpendingLimits
from image2model.core.scopes import USER_SCOPES, Scope
from image2model.core.values.hashing import hash_of_text
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.sessions import ApiKey, Session, SessionStore

SESSION_LIFE = timedelta(days=365)
SESSION_IDLE = timedelta(days=90)
SIGNED_IN_LIFE = timedelta(days=30)
SIGNED_IN_IDLE = timedelta(days=7)
"""Of a session that somebody began with an API key: in all, and without being used."""

_ROTATE_AFTER = timedelta(hours=12)
_UNDER_WAY = timedelta(minutes=1)
"""How long requests with a token that was replaced may be under way."""

_PROLONG_BY = timedelta(hours=1)
"""By less a session is not prolonged, for that is a write."""

_KEY_PREFIX = "i2m"
_KEY_OWNER = "key:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    Who is behind a key or a session.

    Attributes:
        owner: Whose jobs they reach.
        key: The API key that was sent, or that the session was begun with; None: none was.
        session: The browser session; None: a key was sent.
    """

    owner: OwnerId
    key: ApiKey | None
    session: Session | None = None


async def owned_job(context: Context, owner: OwnerId, job_id: JobId) -> Job:
    """
    Read a job with its items, if it belongs to *owner*.

    Raises:
        JobNotFound: It does not exist or is somebody else's; the two cannot be told apart.
    """
    job = await context.store.get_job(job_id)
    if job.owner != owner:
        raise JobNotFound(job=job_id)
    return job


async def owned_item(context: Context, owner: OwnerId, ref: ItemRef) -> tuple[Job, Item]:
    """
    Read an item and its job, if that belongs to *owner*.

    Raises:
        JobNotFound: As for `owned_job`.
        ItemNotFound: The job has no such item.
    """
    job = await owned_job(context, owner, ref.job)
    for item in job.items:
        if item.index == ref.index:
            return job, item
    raise ItemNotFound(job=ref.job, index=ref.index)


SECRET_KEY_LENGTH = 32
"""Characters of an idempotency key that is taken for random, such as a UUID."""


def new_owner() -> OwnerId:
    """Make a name for whoever has neither a session nor a key."""
    return OwnerId(f"{ANONYMOUS_OWNER}{secrets.token_hex(8)}")


def repeating_owner(network: str, idempotency_key: str) -> OwnerId | None:
    """
    Name whoever has neither a session nor a key by the request that comes from *network*.

    So a first request whose answer was lost can be repeated, and returns the same job. Who has the
    key is given what it made: only one that nobody guesses counts.

    Returns:
        The same name for the same request; None: the key is too short.
    """
    if len(idempotency_key) < SECRET_KEY_LENGTH:
        return None
    return OwnerId(f"{ANONYMOUS_OWNER}{hash_of_text(f'{network} {idempotency_key}')[:32]}")


async def open_session(context: Context, owner: OwnerId) -> str:
    """Begin a browser session that stands for *owner*. Returns its secret token."""
    return await begin_session(context, owner, life=SESSION_LIFE)


async def drop_session(context: Context, token: str) -> None:
    """Forget a session of which nobody has heard yet."""
    if (session := await context.sessions.find_session(hash_of_text(token))) is not None:
        await context.sessions.remove_session(session.id)


async def open_key_session(context: Context, key: str) -> tuple[str, OwnerId]:
    """
    Begin a browser session that stands for an API key, and ends with it at the latest.

    Returns:
        Its secret token and the key's owner.

    Raises:
        NotAuthenticated: The key is malformed, unknown, revoked or expired.
    """
    owner = (await identify_key(context, key)).owner
    return await begin_session(context, owner, life=SIGNED_IN_LIFE), owner


async def begin_session(context: Context, owner: OwnerId, *, life: timedelta) -> str:
    """Begin a browser session of *owner*. Returns its secret token."""
    token, now = secrets.token_urlsafe(32), context.clock.now()
    session = Session(
        id=secrets.token_hex(16),
        owner=owner,
        issued_at=now,
        expires_at=now + min(idle_life(owner), life),
        ends_at=now + life,
    )
    await context.sessions.add_session(hash_of_text(token), session)
    return token


def idle_life(owner: OwnerId) -> timedelta:
    """Tell how long a session of *owner*'s lasts without being used."""
    return SIGNED_IN_IDLE if is_key_owner(owner) else SESSION_IDLE


async def identify_session(context: Context, token: str) -> Identity | None:
    """
    Tell whose session *token* is, and note that it is used.

    Returns:
        None: It is unknown or over, or of a key that works no more.
    """
    hashed = hash_of_text(token)
    session = await context.sessions.find_session(hashed)
    if session is None:
        return None
    key = await find_owners_key(context.sessions, session.owner)
    now = context.clock.now()
    if is_key_owner(session.owner) and (key is None or not key.works(now)):
        return None
    if not session.is_confirmed:
        await context.sessions.confirm_session(hashed, others_until=now + _UNDER_WAY)
    expires_at = min(now + idle_life(session.owner), session.ends_at)
    if expires_at - session.expires_at >= _PROLONG_BY:
        await context.sessions.prolong_session(hashed, expires_at=expires_at)
    return Identity(owner=session.owner, key=key, session=session)


async def rotate_token(context: Context, token: str, session: Session) -> str | None:
    """
    Give a session another token where its own is old: one that leaked is soon of no use.

    Returns:
        The new token; None: it keeps the one it has, or has just got one.
    """
    now = context.clock.now()
    if now - session.issued_at < _ROTATE_AFTER:
        return None
    new = secrets.token_urlsafe(32)
    expires_at = min(now + idle_life(session.owner), session.ends_at)
    changed = await context.sessions.rotate_session(
        hash_of_text(token),
        hash_of_text(new),
        replace(session, issued_at=now, expires_at=expires_at),
        not_since=now - _UNDER_WAY,
    )
    return new if changed else None


def is_key_owner(owner: OwnerId) -> bool:
    """Tell whether *owner* is an API key, and no mere browser."""
    return owner.startswith(_KEY_OWNER)


async def find_owners_key(sessions: SessionStore, owner: OwnerId) -> ApiKey | None:
    """Find the API key whose jobs are *owner*'s, even if it works no more; None: it is no key."""
    if not is_key_owner(owner):
        return None
    return await sessions.find_key(owner.removeprefix(_KEY_OWNER))


async def may_still_act(context: Context, owner: OwnerId) -> bool:
    """Tell whether something may be done for *owner*; False: it is a key that works no more."""
    if not is_key_owner(owner):
        return True
    key = await find_owners_key(context.sessions, owner)
    return key is not None and key.works(context.clock.now())


async def create_api_key(
    context: Context,
    *,
    name: str,
    scopes: Collection[Scope] = USER_SCOPES,
    expires_at: datetime | None = None,
    limits: SpendingLimits = NO_LIMITS,
    generators: Sequence[str] | None = None,
) -> str:
    """
    Make an API key with jobs of its own.

    Returns:
        The key, `i2m_<id>_<secret>`. It cannot be shown again: only its hash is kept.

    Raises:
        InvalidRequest: It would be expired already.
    """
    key_id, secret = secrets.token_hex(4), secrets.token_hex(32)
    owner = OwnerId(f"{_KEY_OWNER}{key_id}")
    await _set_end(context, owner, expires_at)
    await context.sessions.add_key(
        ApiKey(
            id=key_id,
            name=name,
            secret_sha256=hash_of_text(secret),
            owner=owner,
            created_at=context.clock.now(),
            scopes=frozenset(scopes),
            expires_at=expires_at,
            limits=limits,
            generators=None if generators is None else tuple(generators),
        )
    )
    await audit(
        context,
        AuditAction.KEY_MADE,
        key=key_id,
        name=name,
        **_terms(scopes, expires_at, limits, generators),
    )
    return f"{_KEY_PREFIX}_{key_id}_{secret}"


async def change_api_key(context: Context, key: ApiKey) -> ApiKey:
    """
    Write what a key may do, spend and use, its name and its end, as *key* has them.

    Raises:
        ApiKeyNotFound: There is none, or it was revoked.
        InvalidRequest: It would be expired already; to end it now, revoke it.
    """
    before = await find_api_key(context, key.id)
    if key.expires_at != before.expires_at:
        await _set_end(context, before.owner, key.expires_at)
    if not await context.sessions.change_key(key):
        # It was revoked meanwhile, and what is written above may have opened it again.
        await context.store.end_owner(before.owner)
        raise ApiKeyNotFound(key=key.id)
    terms = _terms(key.scopes, key.expires_at, key.limits, key.generators)
    await audit(context, AuditAction.KEY_CHANGED, key=key.id, name=key.name, **terms)
    return await find_api_key(context, key.id)


def _terms(
    scopes: Collection[Scope],
    expires_at: datetime | None,
    limits: SpendingLimits,
    generators: Sequence[str] | None,
) -> Mapping[str, Any]:
    """Tell of a key what the audit log keeps: what it may do, and for how long."""
    return {
        "scopes": [scope.value for scope in Scope if scope in scopes],
        "expires_at": None if expires_at is None else expires_at.isoformat(),
        "job_usd": limits.job_usd,
        "day_usd": limits.day_usd,
        "month_usd": limits.month_usd,
        "generators": None if generators is None else list(generators),
    }


async def find_api_key(context: Context, key_id: str) -> ApiKey:
    """
    Read what is kept of a key that was not revoked.

    Raises:
        ApiKeyNotFound: There is none.
    """
    key = await context.sessions.find_key(key_id)
    if key is None or key.revoked_at is not None:
        raise ApiKeyNotFound(key=key_id)
    return key


async def _set_end(context: Context, owner: OwnerId, expires_at: datetime | None) -> None:
    """Have nothing of a key's sent after it has expired, in whatever process."""
    if expires_at is None:
        await context.store.reopen_owner(owner)
    elif expires_at <= context.clock.now():
        raise InvalidRequest(field="expires_at", reason="is in the past.")
    else:
        await context.store.end_owner(owner, at=expires_at)


async def identify_key(context: Context, key: str) -> Identity:
    """
    Tell whose API key *key* is.

    Raises:
        NotAuthenticated: It is malformed, unknown, revoked or expired.
    """
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    known = await context.sessions.find_key(key_id) if prefix == _KEY_PREFIX else None
    expected = known.secret_sha256 if known else hash_of_text("")
    matches = hmac.compare_digest(hash_of_text(secret), expected)
    if known is None or known.revoked_at is not None or not matches:
        raise NotAuthenticated
    if known.is_expired(context.clock.now()):
        raise NotAuthenticated(expired_at=known.expires_at)
    return Identity(owner=known.owner, key=known)


async def list_api_keys(context: Context) -> Sequence[ApiKey]:
    """List the keys, newest first, without their secrets."""
    return await context.sessions.list_keys()
