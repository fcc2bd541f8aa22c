"""Routes about the webhooks that hear of a caller's jobs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import AfterValidator

from image2model.api.access.callers import CallerIn, OwnerIn, count_job, insist_on_key
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import Cursor
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import (
    delivery_out,
    event_types,
    webhook_out,
    webhook_with_secret,
)
from image2model.core import errors
from image2model.core.errors import WebhookNotFound
from image2model.core.ids import is_hex_id
from image2model.core.webhooks import EventId, WebhookId
from image2model.jobs.webhooks import manage
from image2model.wire.paths import API_PREFIX
from image2model.wire.webhooks import (
    EXAMPLE_WEBHOOK,
    DeliveryList,
    DeliveryOut,
    WebhookIn,
    WebhookList,
    WebhookOut,
    WebhookPatch,
    WebhookSecretOut,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[Depends(insist_on_key)])


def _existing(text: str) -> str:
    """Find a text that can be no webhook's id to be nobody's webhook."""
    if not is_hex_id(text):
        raise WebhookNotFound(webhook=text)
    return text


_WebhookParam = Annotated[
    str,
    Path(description="The webhook's `id`.", examples=[EXAMPLE_WEBHOOK]),
    AfterValidator(_existing),
]


@router.get(
    "",
    operation_id="listWebhooks",
    summary="List your webhooks",
    response_description="All of them, oldest first.",
    responses=problems(),
)
async def list_webhooks(context: ContextIn, owner: OwnerIn) -> WebhookList:
    """Return your webhooks, without their secrets."""
    found = await context.webhooks.list_webhooks(owner)
    return WebhookList(webhooks=[webhook_out(webhook) for webhook in found])


@router.post(
    "",
    dependencies=[Depends(count_job)],
    operation_id="addWebhook",
    summary="Have an address told of your jobs",
    status_code=201,
    response_description="The webhook with its secret; `Location` says where it is.",
    responses=problems(errors.TooManyWebhooks, errors.TooManyRequests, changes=True),
)
async def add_webhook(
    given: WebhookIn, response: Response, context: ContextIn, caller: CallerIn
) -> WebhookSecretOut:
    """
    Post events to a URL from now on, signed as the Standard Webhooks specification says.

    The secret is told this once; `rotate` makes another one.
    """
    owner = caller.maker()
    async with caller.making(owner, response):
        webhook = await manage.add_webhook(
            context,
            owner,
            given.url,
            events=event_types(given.events),
            named_only=given.named_only,
        )
    response.headers["Location"] = f"{API_PREFIX}/webhooks/{webhook.id}"
    return webhook_with_secret(webhook)


@router.get(
    "/{webhook}",
    operation_id="getWebhook",
    summary="Look at a webhook",
    response_description="The webhook, without its secret.",
    responses=problems(errors.WebhookNotFound),
)
async def get_webhook(webhook: _WebhookParam, context: ContextIn, owner: OwnerIn) -> WebhookOut:
    """Return one webhook."""
    return webhook_out(await manage.owned_webhook(context, owner, WebhookId(webhook)))


@router.patch(
    "/{webhook}",
    operation_id="changeWebhook",
    summary="Change a webhook, or switch it on or off",
    response_description="The webhook as it is now.",
    responses=problems(errors.WebhookNotFound, changes=True),
)
async def change_webhook(
    webhook: _WebhookParam, given: WebhookPatch, context: ContextIn, owner: OwnerIn
) -> WebhookOut:
    """Change what is given. Switching it off drops the deliveries that wait."""
    change = manage.WebhookChange(
        url=given.url,
        events=None if given.events is None else event_types(given.events),
        named_only=given.named_only,
        enabled=given.enabled,
    )
    return webhook_out(await manage.change_webhook(context, owner, WebhookId(webhook), change))


@router.delete(
    "/{webhook}",
    operation_id="removeWebhook",
    summary="Remove a webhook",
    status_code=204,
    response_class=Response,
    response_description="It and its deliveries are gone.",
    responses=problems(errors.WebhookNotFound, changes=True),
)
async def remove_webhook(webhook: _WebhookParam, context: ContextIn, owner: OwnerIn) -> None:
    """Remove a webhook with its log; what waits is not sent."""
    await manage.remove_webhook(context, owner, WebhookId(webhook))


@router.post(
    "/{webhook}/rotate",
    operation_id="rotateWebhook",
    summary="Give a webhook a new secret",
    response_description="The webhook with its new secret.",
    responses=problems(errors.WebhookNotFound, changes=True),
)
async def rotate_webhook(
    webhook: _WebhookParam, context: ContextIn, owner: OwnerIn
) -> WebhookSecretOut:
    """Make a new secret. For 24 hours the one before signs along, so that nothing is missed."""
    return webhook_with_secret(await manage.rotate_secret(context, owner, WebhookId(webhook)))


@router.post(
    "/{webhook}/test",
    dependencies=[Depends(count_job)],
    operation_id="testWebhook",
    summary="Send a test to a webhook",
    status_code=202,
    response_description="The test, on its way; its delivery says what came of it.",
    responses=problems(
        errors.WebhookNotFound, errors.WrongState, errors.TooManyRequests, changes=True
    ),
)
async def send_test(webhook: _WebhookParam, context: ContextIn, owner: OwnerIn) -> DeliveryOut:
    """Send an event of the type `webhook.test`, whatever events the webhook hears of."""
    return delivery_out(await manage.send_test(context, owner, WebhookId(webhook)))


@router.get(
    "/{webhook}/deliveries",
    operation_id="listDeliveries",
    summary="List what was sent to a webhook",
    response_description="One page of deliveries.",
    responses=problems(errors.WebhookNotFound),
)
async def list_deliveries(
    *,
    webhook: _WebhookParam,
    context: ContextIn,
    owner: OwnerIn,
    cursor: Cursor = None,
    limit: Annotated[
        int, Query(ge=1, le=500, description="The most deliveries to send.", examples=[50])
    ] = 50,
) -> DeliveryList:
    """Return what was, or is to be, sent, newest first; old deliveries are forgotten."""
    page = await manage.list_deliveries(
        context, owner, WebhookId(webhook), after=cursor, limit=limit
    )
    return DeliveryList(deliveries=[delivery_out(one) for one in page.deliveries], next=page.next)


@router.post(
    "/{webhook}/deliveries/{delivery}/replay",
    dependencies=[Depends(count_job)],
    operation_id="replayDelivery",
    summary="Send a delivery again",
    status_code=202,
    response_description="The delivery, on its way.",
    responses=problems(
        errors.WebhookNotFound,
        errors.DeliveryNotFound,
        errors.WrongState,
        errors.TooManyRequests,
        changes=True,
    ),
)
async def replay_delivery(
    webhook: _WebhookParam,
    delivery: Annotated[
        str,
        Path(
            max_length=64,
            description="The delivery's `id`.",
            examples=["1b4e28baa2c84f6d8e7f0a1b2c3d4e5f"],
        ),
    ],
    context: ContextIn,
    owner: OwnerIn,
) -> DeliveryOut:
    """Send the same body with the same `webhook-id` once more, whatever came of it before."""
    if not is_hex_id(delivery):
        raise errors.DeliveryNotFound(webhook=webhook, delivery=delivery)
    again = await manage.replay_delivery(context, owner, WebhookId(webhook), EventId(delivery))
    return delivery_out(again)
