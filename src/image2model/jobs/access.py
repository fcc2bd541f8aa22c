"""Who asks, and whether a job is theirs."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from image2model.core.errors import JobNotFound, NotAuthenticated
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.jobs.context import Context
from image2model.ports.sessions import ApiKey, SessionStore

SESSION_LIFE = timedelta(days=365)
_KEY_PREFIX = "i2m"


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


async def open_session(context: Context) -> tuple[str, OwnerId]:
    """Begin a browser session. Returns its secret token and the owner it stands for."""
    token = secrets.token_urlsafe(32)
    owner = OwnerId(f"session:{secrets.token_hex(8)}")
    expires_at = context.clock.now() + SESSION_LIFE
    await context.sessions.add_session(_sha256(token), owner=owner, expires_at=expires_at)
    return token, owner


async def session_owner(sessions: SessionStore, token: str) -> OwnerId | None:
    """Tell whose session *token* is; None: unknown or over."""
    return await sessions.session_owner(_sha256(token))


async def create_api_key(context: Context, *, name: str) -> str:
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
            owner=OwnerId(f"key:{key_id}"),
            created_at=context.clock.now(),
        )
    )
    return f"{_KEY_PREFIX}_{key_id}_{secret}"


async def api_key_owner(sessions: SessionStore, key: str) -> OwnerId:
    """
    Tell whose API key *key* is.

    Raises:
        NotAuthenticated: It is malformed, unknown or revoked.
    """
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    known = await sessions.find_key(key_id) if prefix == _KEY_PREFIX else None
    expected = known.secret_sha256 if known else _sha256("")
    matches = hmac.compare_digest(_sha256(secret), expected)
    if known is None or known.revoked_at is not None or not matches:
        raise NotAuthenticated
    return known.owner


async def list_api_keys(context: Context) -> Sequence[ApiKey]:
    """List the keys, newest first, without their secrets."""
    return await context.sessions.list_keys()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
