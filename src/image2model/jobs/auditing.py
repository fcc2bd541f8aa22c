"""Write down what changed money or access."""

import logging
import secrets
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

from image2model.core.audit import OURSELVES, Actor, AuditAction, AuditEntry, current_actor
from image2model.core.errors import DatabaseUnavailable, JsonValue
from image2model.jobs.context import Context
from image2model.jobs.paging import read_pages
from image2model.ports.audit import AuditQuery

_log = logging.getLogger(__name__)

_LONGEST_TEXT = 500
_KEYS_SEEN = "expired-keys-noted-until"


async def audit(
    context: Context,
    action: AuditAction,
    *,
    actor: Actor | None = None,
    **details: JsonValue | Decimal,
) -> None:
    """
    Write down what was just done; call it right after the change.

    What is done is done: if the log cannot be written, the entry goes to the program's own log
    instead, and nobody is told that the change failed.

    Args:
        context: The ports.
        action: What was done.
        actor: By whom; None: by the caller of this request or command.
        details: More of it: no secrets, and nothing large.
    """
    entry = AuditEntry(
        id=_new_id(),
        at=context.clock.now(),
        actor=actor or current_actor(),
        action=action,
        details={name: _plain(value) for name, value in details.items()},
    )
    try:
        await context.audit.add_entry(entry)
    except DatabaseUnavailable:
        _log.exception("not in the audit log: %s by %s: %s", action, entry.actor, entry.details)


async def read_audit(context: Context, query: AuditQuery) -> AsyncIterator[AuditEntry]:
    """Yield all entries that *query* asks for, newest first."""
    async for page in read_pages(context.audit.list_entries, query):
        for entry in page.entries:
            yield entry


async def note_expired_keys(context: Context) -> None:
    """Write down which keys have expired since this was called last, in whatever process."""
    now_s = context.clock.now().timestamp()
    known = await context.store.find_fact(_KEYS_SEEN)
    seen_s = float(known) if isinstance(known, int | float) else now_s
    for key in await context.sessions.list_keys():
        if key.expires_at is None or key.revoked_at is not None:
            continue
        if seen_s < key.expires_at.timestamp() <= now_s:
            await audit(
                context, AuditAction.KEY_EXPIRED, actor=OURSELVES, key=key.id, name=key.name
            )
    await context.store.keep_fact(_KEYS_SEEN, now_s)


async def forget_old_entries(context: Context) -> int:
    """Forget what is older than the retention of the audit log. Returns how many entries."""
    life = timedelta(seconds=context.rules.audit_s)
    return await context.audit.remove_before(context.clock.now() - life)


def _new_id() -> str:
    """Make an id; of entries of one moment, that of the later one sorts last."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


def _plain(value: JsonValue | Decimal) -> JsonValue:
    if isinstance(value, Decimal):
        return float(value)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
