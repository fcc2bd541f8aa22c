"""What people do with webhooks: add, change, rotate, test, look at deliveries, replay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from image2model.core.audit import AuditAction
from image2model.core.errors import (
    DeliveryNotFound,
    FetchRefused,
    InvalidRequest,
    WebhookNotFound,
    WrongState,
)
from image2model.core.ids import OwnerId, new_hex_id
from image2model.core.webhooks import (
    Delivery,
    DeliveryState,
    EventId,
    EventType,
    Secret,
    SwitchedOff,
    Webhook,
    WebhookId,
    new_secret,
)
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.jobs.webhooks.payloads import payload_of_test
from image2model.ports.webhooks import DeliveryPage

_SWITCHED_OFF = "the webhook was switched off"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChange:
    """
    What to change of a webhook; None leaves it.

    Attributes:
        url: Where events are posted.
        events: Which it hears of; empty: all.
        named_only: Whether it hears only of jobs that name its URL.
        enabled: Whether anything is sent; True also where it was switched off by itself.
    """

    url: str | None = None
    events: Sequence[EventType] | None = None
    named_only: bool | None = None
    enabled: bool | None = None


async def add_webhook(
    context: Context,
    owner: OwnerId,
    url: str,
    *,
    events: Sequence[EventType] = (),
    named_only: bool = False,
) -> Webhook:
    """
    Add a webhook with a secret of its own.

    Raises:
        InvalidRequest: The URL is not one to post to.
        TooManyWebhooks: The owner has as many as allowed.
    """
    _check_url(context, url, field="url")
    webhook = Webhook(
        id=WebhookId(new_hex_id()),
        owner=owner,
        url=url,
        events=tuple(dict.fromkeys(events)),
        named_only=named_only,
        secrets=(Secret(text=new_secret()),),
        created_at=context.clock.now(),
    )
    await context.webhooks.add_webhook(webhook, limit=context.rules.webhooks_per_owner)
    await _note(context, AuditAction.WEBHOOK_ADDED, webhook)
    return webhook


async def add_named(context: Context, owner: OwnerId, url: str) -> None:
    """
    See to it that *url*, which a job names, is one of the owner's webhooks.

    A new one hears of jobs that name it, and of no others.

    Raises:
        InvalidRequest: The URL is not one to post to.
        TooManyWebhooks: The owner has as many as allowed.
    """
    _check_url(context, url, field="webhook_url")
    if not any(known.url == url for known in await context.webhooks.list_webhooks(owner)):
        await add_webhook(context, owner, url, named_only=True)


async def owned_webhook(context: Context, owner: OwnerId, webhook_id: WebhookId) -> Webhook:
    """
    Read a webhook, if it belongs to *owner*.

    Raises:
        WebhookNotFound: It does not exist or is somebody else's; the two cannot be told apart.
    """
    webhook = await context.webhooks.find_webhook(webhook_id)
    if webhook is None or webhook.owner != owner:
        raise WebhookNotFound(webhook=webhook_id)
    return webhook


async def change_webhook(
    context: Context, owner: OwnerId, webhook_id: WebhookId, change: WebhookChange
) -> Webhook:
    """
    Change a webhook, or switch it on or off.

    Raises:
        WebhookNotFound: The owner has no such webhook.
        InvalidRequest: The URL is not one to post to.
    """
    await owned_webhook(context, owner, webhook_id)
    if change.url is not None:
        _check_url(context, change.url, field="url")

    def changed(webhook: Webhook) -> Webhook:
        webhook = replace(
            webhook,
            url=webhook.url if change.url is None else change.url,
            events=webhook.events if change.events is None else tuple(change.events),
            named_only=webhook.named_only if change.named_only is None else change.named_only,
        )
        if change.enabled is True:
            return replace(webhook, switched_off=None, failing_since=None)
        if change.enabled is False:
            return replace(webhook, switched_off=webhook.switched_off or SwitchedOff.BY_OWNER)
        return webhook

    webhook = await _change(context, webhook_id, changed)
    await _note(context, AuditAction.WEBHOOK_CHANGED, webhook)
    return webhook


async def remove_webhook(context: Context, owner: OwnerId, webhook_id: WebhookId) -> None:
    """
    Remove a webhook with its deliveries.

    Raises:
        WebhookNotFound: The owner has no such webhook.
    """
    webhook = await owned_webhook(context, owner, webhook_id)
    await context.webhooks.remove_webhook(webhook_id)
    await _note(context, AuditAction.WEBHOOK_REMOVED, webhook)


async def rotate_secret(context: Context, owner: OwnerId, webhook_id: WebhookId) -> Webhook:
    """
    Give a webhook a new secret; the one before signs along for a day.

    Raises:
        WebhookNotFound: The owner has no such webhook.
    """
    await owned_webhook(context, owner, webhook_id)
    now = context.clock.now()
    return await _change(context, webhook_id, lambda webhook: webhook.rotated(now))


async def send_test(context: Context, owner: OwnerId, webhook_id: WebhookId) -> Delivery:
    """
    Have a test sent to a webhook, whatever events it hears of.

    Raises:
        WebhookNotFound: The owner has no such webhook.
        WrongState: It is switched off.
    """
    _check_is_on(await owned_webhook(context, owner, webhook_id))
    now = context.clock.now()
    delivery = Delivery(
        id=EventId(new_hex_id()),
        webhook=webhook_id,
        type=EventType.TEST,
        job=None,
        item=None,
        payload=payload_of_test(now),
        created_at=now,
        next_at=now,
    )
    await context.webhooks.put_delivery(delivery)
    return delivery


async def list_deliveries(
    context: Context, owner: OwnerId, webhook_id: WebhookId, *, after: str | None, limit: int
) -> DeliveryPage:
    """
    List what was, or is to be, sent to a webhook, newest first.

    Raises:
        WebhookNotFound: The owner has no such webhook.
        InvalidRequest: *after* is no position.
    """
    await owned_webhook(context, owner, webhook_id)
    return await context.webhooks.list_deliveries(webhook_id, after=after, limit=limit)


async def replay_delivery(
    context: Context, owner: OwnerId, webhook_id: WebhookId, event: EventId
) -> Delivery:
    """
    Have a delivery sent (again) now, with the same id and body.

    Raises:
        WebhookNotFound, DeliveryNotFound: The owner has no such webhook, or that no such delivery.
        WrongState: The webhook is switched off.
    """
    _check_is_on(await owned_webhook(context, owner, webhook_id))
    found = await context.webhooks.find_delivery(webhook_id, event)
    if found is None:
        raise DeliveryNotFound(webhook=webhook_id, delivery=event)
    again = replace(
        found, state=DeliveryState.WAITING, tries=0, next_at=context.clock.now(), note=""
    )
    await context.webhooks.put_delivery(again)
    return again


async def _note(context: Context, action: AuditAction, webhook: Webhook) -> None:
    # What follows the host may be a secret.
    host, enabled = urlsplit(webhook.url).hostname, webhook.switched_off is None
    await audit(
        context, action, webhook=webhook.id, owner=webhook.owner, host=host, enabled=enabled
    )


def _check_is_on(webhook: Webhook) -> None:
    if webhook.switched_off is not None:
        raise WrongState(what=f"Webhook {webhook.id}", state="switched off", allowed=["on"])


def _check_url(context: Context, url: str, *, field: str) -> None:
    try:
        context.poster.check_url(url)
    except FetchRefused as error:
        raise InvalidRequest(
            field=field, reason=f"is refused: {error.details['reason']}."
        ) from error


async def _change(
    context: Context, webhook_id: WebhookId, change: Callable[[Webhook], Webhook]
) -> Webhook:
    changed = await context.webhooks.change_webhook(webhook_id, change)
    if changed is None:
        raise WebhookNotFound(webhook=webhook_id)
    if changed.switched_off is not None:
        await context.webhooks.drop_waiting(webhook_id, note=_SWITCHED_OFF)
    return changed
