"""Who changed what about money and access: the words of the audit log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from image2model.core.errors import JsonValue


class AuditAction(StrEnum):
    """What happened."""

    KEY_MADE = "key_made"
    KEY_CHANGED = "key_changed"
    KEY_REVOKED = "key_revoked"
    KEY_EXPIRED = "key_expired"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    BUDGET_CHANGED = "budget_changed"
    SPENDING_STOPPED = "spending_stopped"
    SPENDING_ALLOWED = "spending_allowed"
    BILLED_BEYOND = "billed_beyond"
    RESUBMITTED = "resubmitted"
    JOB_CANCELLED = "job_cancelled"
    JOB_DELETED = "job_deleted"
    OWNER_CANCELLED = "owner_cancelled"
    PURGED = "purged"
    SHARE_MADE = "share_made"
    SHARE_REVOKED = "share_revoked"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_REMOVED = "webhook_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """
    Who does something.

    Attributes:
        name: An owner (`key:0badcafe`, `person:…`, `session:…`), `operator` at this machine, or
            `cli:USER` at the command line.
        address: The network address they come from; "": from none.
    """

    name: str
    address: str = ""


OURSELVES = Actor(name="image2model")
"""What the product does by itself."""

_ACTOR: ContextVar[Actor] = ContextVar("image2model_actor", default=OURSELVES)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """
    One line of the audit log.

    Attributes:
        id: 32 hex digits.
        at: When it happened.
        actor: Who did it.
        action: What.
        details: More of it, without secrets.
    """

    id: str
    at: datetime
    actor: Actor
    action: AuditAction
    details: Mapping[str, JsonValue]


def act_as(actor: Actor) -> None:
    """Have `current_actor` tell *actor* for the rest of this task."""
    _ACTOR.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Have `current_actor` tell *actor* within, and in tasks started there."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)


def current_actor() -> Actor:
    """Tell for whom the code that runs now acts."""
    return _ACTOR.get()
