"""Port: who hears of what happens, what happened, and what became of each delivery."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from image2model.core.ids import OwnerId
from image2model.core.webhooks import Delivery, Event, EventId, Webhook, WebhookId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """
    One page of deliveries.

    Attributes:
        deliveries: Newest first.
        next: Where the next page begins; None: this was the last one.
    """

    deliveries: Sequence[Delivery]
    next: str | None


class WebhookStore(Protocol):
    """
    Keeps webhooks and their deliveries, beside the events that the job store writes.

    A `JobStore` over the same database adds an `Event` in the transaction that starts or finishes
    a job, or brings an item to a state of `TOLD_STATES`. So no event is lost, and none is told
    that did not happen. Where an owner has no webhook, it may leave them out.

    Every method is atomic and raises DatabaseUnavailable when the store cannot be reached.
    """

    async def add_webhook(self, webhook: Webhook, *, limit: int) -> None:
        """
        Add a webhook.

        Raises:
            TooManyWebhooks: The owner has *limit* of them.
        """
        ...

    async def find_webhook(self, webhook: WebhookId) -> Webhook | None:
        """Read a webhook; None: there is none."""
        ...

    async def list_webhooks(self, owner: OwnerId) -> Sequence[Webhook]:
        """List an owner's webhooks, oldest first."""
        ...

    async def change_webhook(
        self, webhook: WebhookId, change: Callable[[Webhook], Webhook]
    ) -> Webhook | None:
        """
        Change a webhook by *change*, while nobody else does; *change* may be called again.

        Returns:
            The webhook as written; None: there is none.
        """
        ...

    async def remove_webhook(self, webhook: WebhookId) -> None:
        """Remove a webhook with its deliveries, if it is there."""
        ...

    async def new_events(self, *, limit: int) -> Sequence[Event]:
        """List events that were not handed on yet, oldest first."""
        ...

    async def hand_on(
        self, event: Event, deliveries: Sequence[Delivery], *, most_waiting: int
    ) -> None:
        """
        Put *deliveries* in the place of *event*; nothing happens where that was done before.

        Of a webhook that has more than *most_waiting* waiting ones then, the oldest are dropped,
        with a note that says so. Webhooks that are gone are passed over.
        """
        ...

    async def due_webhooks(self, now: datetime) -> Sequence[Webhook]:
        """List webhooks that have a delivery to be sent at *now*, those waiting longest first."""
        ...

    async def due_deliveries(
        self, webhook: WebhookId, now: datetime, *, limit: int
    ) -> Sequence[Delivery]:
        """List deliveries of *webhook* to be sent at *now*, oldest first."""
        ...

    async def put_delivery(self, delivery: Delivery) -> None:
        """Write a delivery in place of what was there, unless its webhook is gone."""
        ...

    async def drop_waiting(self, webhook: WebhookId, *, note: str) -> None:
        """Drop all waiting deliveries of *webhook*."""
        ...

    async def find_delivery(self, webhook: WebhookId, event: EventId) -> Delivery | None:
        """Read a delivery; None: there is none."""
        ...

    async def list_deliveries(
        self, webhook: WebhookId, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """
        List deliveries, newest first.

        Raises:
            InvalidRequest: *after* is no position.
        """
        ...

    async def forget_deliveries(self, before: datetime) -> None:
        """Forget deliveries of events before *before* that wait no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a receiver answered.

    Attributes:
        status: The HTTP status.
        retry_after_s: When it wants to be asked again, in seconds; None: it does not say.
    """

    status: int
    retry_after_s: float | None = None


class Poster(Protocol):
    """Posts to public https URLs that others wrote, with the guards of a `Fetcher`."""

    def check_url(self, url: str) -> None:
        """
        Check what can be seen of *url* without asking anybody.

        Raises:
            FetchRefused: It is not https, names a private address, or is no URL.
        """
        ...

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, limit_s: float
    ) -> Answer:
        """
        Post *body*; redirects are not followed, and the answer's body is not read.

        Args:
            url: Where to.
            headers: Beside those every request has.
            body: What to send.
            limit_s: The longest it may take, in seconds.

        Raises:
            FetchRefused: The URL, or an address of its host, is not one to ask.
            FetchBroken: There was no answer.
        """
        ...
