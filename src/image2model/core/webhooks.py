"""Webhooks that we send: events, who hears of them, and what became of each delivery."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.core.job import Job
from image2model.core.states import ItemState

WebhookId = NewType("WebhookId", str)
"""32 lower-case hex digits."""

EventId = NewType("EventId", str)
"""32 lower-case hex digits; receivers get it as `webhook-id`, the same with every try."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with, not one
ROTATION_LIFE = timedelta(hours=24)
"""How long the secret before goes on signing."""

_SECRET_BYTES = 32
_SIGNATURE_VERSION = "v1"

RETRY_DELAYS_S = (
    5.0,
    300.0,
    1_800.0,
    7_200.0,
    18_000.0,
    36_000.0,
    50_400.0,
    72_000.0,
    86_400.0,
)
"""How long after each failed try the next one comes; after the last of them there is none."""


class EventType(StrEnum):
    """What may happen."""

    JOB_STARTED = "job.started"
    JOB_FINISHED = "job.finished"
    ITEM_SUCCEEDED = "item.succeeded"
    ITEM_FAILED = "item.failed"
    ITEM_CANCELLED = "item.cancelled"
    ITEM_UNCERTAIN = "item.uncertain"
    TEST = "webhook.test"


TOLD_STATES = {
    ItemState.SUCCEEDED: EventType.ITEM_SUCCEEDED,
    ItemState.FAILED: EventType.ITEM_FAILED,
    ItemState.CANCELLED: EventType.ITEM_CANCELLED,
    ItemState.UNCERTAIN: EventType.ITEM_UNCERTAIN,
}
"""The states that are told of when an item comes to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    Something that happened to a job or an item, written in the transaction that made it happen.

    Attributes:
        id: Ours.
        owner: Whose job it is.
        type: What happened.
        job: The job.
        item: The item's index; None: it is about the job.
        at: When it happened.
        webhook_url: The URL that the job names; None: it names none.
    """

    id: EventId
    owner: OwnerId
    type: EventType
    job: JobId
    item: int | None
    at: datetime
    webhook_url: str | None


def event_of(job: Job, event_type: EventType, *, item: int | None = None, at: datetime) -> Event:
    """Make an event of *job*."""
    return Event(
        id=EventId(new_hex_id()),
        owner=job.owner,
        type=event_type,
        job=job.id,
        item=item,
        at=at,
        webhook_url=job.webhook_url,
    )


class SwitchedOff(StrEnum):
    """Why nothing is sent to a webhook."""

    BY_OWNER = "by_owner"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """
    What deliveries are signed with.

    Attributes:
        text: `whsec_` and the key in base64.
        until: When it stops signing; None: it is the one in use.
    """

    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """
    An address that hears of an owner's jobs.

    Attributes:
        id: Ours.
        owner: Whose jobs it hears of.
        url: Where events are posted.
        events: Which it hears of; empty: all.
        named_only: Whether it hears only of jobs that name its URL.
        secrets: What signs, the newest first.
        switched_off: Why nothing is sent; None: it is on.
        failing_since: When the first failure after the last success was; None: it works.
        created_at: When it was added.
    """

    id: WebhookId
    owner: OwnerId
    url: str
    events: Sequence[EventType] = ()
    named_only: bool = False
    secrets: Sequence[Secret]
    switched_off: SwitchedOff | None = None
    failing_since: datetime | None = None
    created_at: datetime

    def hears(self, event: Event) -> bool:
        """Tell whether *event*, which is of the same owner, is to be sent to it."""
        named = not self.named_only or event.webhook_url == self.url
        return self.switched_off is None and named and event.type in (self.events or EventType)

    def rotated(self, now: datetime) -> "Webhook":
        """Return it with a new secret; the one before signs along for `ROTATION_LIFE`."""
        current = replace(self.secrets[0], until=now + ROTATION_LIFE)
        return replace(self, secrets=(Secret(text=new_secret()), current))

    def signing_secrets(self, now: datetime) -> list[str]:
        """List what signs at *now*."""
        return [one.text for one in self.secrets if one.until is None or one.until > now]


class DeliveryState(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One event on its way to one webhook.

    Attributes:
        id: The event's.
        webhook: Where it goes.
        type: What happened.
        job: The job; None: it is a test.
        item: The item's index; None: it is about the job.
        payload: The body, the same with every try.
        state: What became of it.
        created_at: When the event happened.
        tries: How often it was sent.
        next_at: When it is sent (again); None: not by itself.
        tried_at: When it was sent last; None: not yet.
        status: The status of the last answer; None: there was none.
        note: Why the last try failed, or why there will be none; "": nothing to say.
    """

    id: EventId
    webhook: WebhookId
    type: EventType
    job: JobId | None
    item: int | None
    payload: str
    state: DeliveryState = DeliveryState.WAITING
    created_at: datetime
    tries: int = 0
    next_at: datetime | None
    tried_at: datetime | None = None
    status: int | None = None
    note: str = ""

    def dropped(self, note: str) -> "Delivery":
        """Return it given up without another try."""
        return replace(self, state=DeliveryState.DROPPED, next_at=None, note=note)


def new_secret() -> str:
    """Make a secret of 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, event_id: str, timestamp_s: int, payload: bytes) -> str:
    """
    Sign *payload* by the Standard Webhooks specification, version 1.

    Raises:
        ValueError: *secret* is not base64, with or without `whsec_` before it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not 'whsec_' and base64") from error
    signed = f"{event_id}.{timestamp_s}.".encode() + payload
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"{_SIGNATURE_VERSION},{base64.b64encode(digest).decode()}"


def dropped_for(most_waiting: int) -> str:
    """Say why the oldest of too many waiting deliveries was dropped."""
    return f"more than {most_waiting} deliveries waited"
