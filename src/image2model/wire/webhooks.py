"""What the HTTP API says of webhooks that are sent."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.model import ReplyModel, WireModel

EventName = Literal[
    "job.started",
    "job.finished",
    "item.succeeded",
    "item.failed",
    "item.cancelled",
    "item.uncertain",
]
DeliveryStateName = Literal["waiting", "delivered", "failed", "dropped"]

EXAMPLE_WEBHOOK = "7c9e6679f5a14c3d9b0e2d1f3a5b7c9d"
_EVENT = "1b4e28baa2c84f6d8e7f0a1b2c3d4e5f"
_URL = "https://shop.example/hooks/models"
_HAPPENED, _SENT = "2026-11-21T09:30:48Z", "2026-11-21T09:30:49Z"
_URL_CHARACTERS = 2_000


class WebhookIn(WireModel):
    """A webhook to add."""

    url: str = Field(
        max_length=_URL_CHARACTERS,
        description="Where events are posted: public https.",
        examples=[_URL],
    )
    events: list[EventName] = Field(
        default_factory=list,
        description="Which it hears of; empty: all.",
        examples=[["job.finished", "item.failed"]],
    )
    named_only: bool = Field(
        False,
        description="Whether it hears only of jobs whose `webhook_url` is its URL.",
        examples=[False],
    )


class WebhookPatch(WireModel):
    """What to change of a webhook; what is left out, or null, stays."""

    url: str | None = Field(
        None, max_length=_URL_CHARACTERS, description="Where events are posted.", examples=[_URL]
    )
    events: list[EventName] | None = Field(
        None, description="Which it hears of; empty: all.", examples=[["job.finished"]]
    )
    named_only: bool | None = Field(
        None, description="Whether it hears only of jobs that name it.", examples=[False]
    )
    enabled: bool | None = Field(
        None,
        description="Whether anything is sent; `true` also switches on what was switched off "
        "because it failed.",
        examples=[True],
    )


class WebhookOut(ReplyModel):
    """An address that hears of your jobs."""

    id: str = Field(description="Ours.", examples=[EXAMPLE_WEBHOOK])
    url: str = Field(description="Where events are posted.", examples=[_URL])
    events: list[EventName] = Field(
        description="Which it hears of; empty: all.", examples=[["job.finished", "item.failed"]]
    )
    named_only: bool = Field(
        description="Whether it hears only of jobs whose `webhook_url` is its URL.",
        examples=[False],
    )
    enabled: bool = Field(description="Whether anything is sent.", examples=[True])
    switched_off: Literal["by_owner", "gone", "failing"] | None = Field(
        description="Why nothing is sent: you switched it off, it answered 410 Gone, or all "
        "deliveries failed for days; null: it is on.",
        examples=[None],
    )
    failing_since: datetime | None = Field(
        description="Since when every delivery fails; null: the last one arrived.", examples=[None]
    )
    created_at: datetime = Field(description="When it was added.", examples=[_HAPPENED])


class WebhookSecretOut(WebhookOut):
    """A webhook with its secret, which is told this once."""

    secret: str = Field(
        description="What deliveries are signed with (HMAC-SHA256). It cannot be shown again.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class WebhookList(ReplyModel):
    """Your webhooks, oldest first."""

    webhooks: list[WebhookOut] = Field(description="All of them.")


class DeliveryOut(ReplyModel):
    """One event on its way to one webhook."""

    id: str = Field(
        description="The event's, the same with every try: the header `webhook-id`.",
        examples=[_EVENT],
    )
    type: EventName | Literal["webhook.test"] = Field(
        description="What happened.", examples=["item.succeeded"]
    )
    job: str | None = Field(
        description="The job's `id`; null: it is a test.", examples=[EXAMPLE_JOB]
    )
    item: int | None = Field(
        description="The item's `index`; null: it is about the job.", examples=[0]
    )
    state: DeliveryStateName = Field(
        description="`waiting`: it is sent (again) at `next_at`. `delivered`: it was answered "
        "2xx. `failed`: no try was left. `dropped`: it was given up; `note` says why.",
        examples=["delivered"],
    )
    created_at: datetime = Field(description="When it happened.", examples=[_HAPPENED])
    tries: int = Field(description="How often it was sent.", examples=[1])
    tried_at: datetime | None = Field(
        description="When it was sent last; null: not yet.", examples=[_SENT]
    )
    next_at: datetime | None = Field(
        description="When it is sent (again); null: not by itself.", examples=[None]
    )
    status: int | None = Field(
        description="The HTTP status of the last answer; null: there was none.", examples=[204]
    )
    note: str = Field(
        description="Why the last try failed, or why there is no other; empty: nothing to say.",
        examples=[""],
    )


class DeliveryList(ReplyModel):
    """One page of deliveries, newest first."""

    deliveries: list[DeliveryOut] = Field(description="The deliveries.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: the last page.",
        examples=[f"1795253400.000000-{_EVENT}"],
    )
