"""Who asks, and whether a job is theirs."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from image2model.core.errors import ItemNotFound, JobNotFound, NotAuthenticated
from image2model.core.ids import ANONYMOUS_OWNER, JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.money import NO_LIMITS, SpendingLimits
from image2model.core.scopes import USER_SCOPES, Scope
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.sessions import ApiKey, SessionStore

SESSION_LIFE = timedelta(days=365)
SIGNED_IN_LIFE = timedelta(days=30)
"""Of a session that somebody began with an API key."""

_KEY_PREFIX = "i2m"
_KEY_OWNER = "key:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    Who is behind a key or a session.

    Attributes:
        owner: Whose jobs they reach.
        key: The API key that was sent, or that the session was begun with; None: none was.
    """

    owner: OwnerId
    key: ApiKey | None

    @property
    def scopes(self) -> Collection[Scope]:
        """What they may do."""
        return self.key.scopes if self.key else USER_SCOPES


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


def new_owner() -> OwnerId:
    """Make a name for whoever has neither a session nor a key."""
    return OwnerId(f"{ANONYMOUS_OWNER}{secrets.token_hex(8)}")


async def open_session(context: Context, owner: OwnerId) -> str:
    """Begin a browser session that stands for *owner*. Returns its secret token."""
    token = secrets.token_urlsafe(32)
    expires_at = context.clock.now() + SESSION_LIFE
    await context.sessions.add_session(_sha256(token), owner=owner, expires_at=expires_at)
    return token


async def open_key_session(context: Context, key: str) -> tuple[str, OwnerId]:
    """
    Begin a browser session that stands for an API key, and ends with it at the latest.

    Returns:
        Its secret token and the key's owner.

    Raises:
        NotAuthenticated: The key is malformed, unknown, revoked or expired.
    """
    owner = (await identify_key(context, key)).owner
    token = secrets.token_urlsafe(32)
    expires_at = context.clock.now() + SIGNED_IN_LIFE
    await context.sessions.add_session(_sha256(token), owner=owner, expires_at=expires_at)
    return token, owner


async def close_session(context: Context, token: str) -> None:
    """End a session at once; one that is not known changes nothing."""
    await context.sessions.remove_session(_sha256(token))


async def identify_session(context: Context, token: str) -> Identity | None:
    """Tell whose session *token* is; None: unknown or over, or of a key that works no more."""
    owner = await context.sessions.session_owner(_sha256(token))
    if owner is None:
        return None
    key = await find_owners_key(context.sessions, owner)
    if is_key_owner(owner) and (key is None or not key.works(context.clock.now())):
        return None
    return Identity(owner=owner, key=key)


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
    """
    key_id, secret = secrets.token_hex(4), secrets.token_hex(32)
    await context.sessions.add_key(
        ApiKey(
            id=key_id,
            name=name,
            secret_sha256=_sha256(secret),
            owner=OwnerId(f"{_KEY_OWNER}{key_id}"),
            created_at=context.clock.now(),
            scopes=frozenset(scopes),
            expires_at=expires_at,
            limits=limits,
            generators=None if generators is None else tuple(generators),
        )
    )
    return f"{_KEY_PREFIX}_{key_id}_{secret}"


async def identify_key(context: Context, key: str) -> Identity:
    """
    Tell whose API key *key* is.

    Raises:
        NotAuthenticated: It is malformed, unknown, revoked or expired.
    """
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    known = await context.sessions.find_key(key_id) if prefix == _KEY_PREFIX else None
    expected = known.secret_sha256 if known else _sha256("")
    matches = hmac.compare_digest(_sha256(secret), expected)
    if known is None or known.revoked_at is not None or not matches:
        raise NotAuthenticated
    if known.is_expired(context.clock.now()):
        raise NotAuthenticated(expired_at=known.expires_at)
    return Identity(owner=known.owner, key=known)


async def list_api_keys(context: Context) -> Sequence[ApiKey]:
    """List the keys, newest first, without their secrets."""
    return await context.sessions.list_keys()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
