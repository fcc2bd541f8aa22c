"""Tell whoever follows or holds an item, in whichever process, to look now."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from image2model.core.ids import JobId
from image2model.ports.dispatcher import ItemRef
from image2model.ports.feed import ChangeFeed, Watch
from image2model.ports.provider import Provider, WebhookReceiver

LISTEN_S = 3_600.0
"""How long a bell is listened to in one go."""

RECALLS = JobId("recalls")
"""Rung when items may have been taken from their workers; the feed takes any name."""


async def ring(feed: ChangeFeed, ref: ItemRef) -> None:
    """Have the process that follows *ref* look now; nobody may, and that is fine."""
    await feed.publish(_bell(ref))


@asynccontextmanager
async def listening(
    feed: ChangeFeed, ref: ItemRef, provider: Provider, request_id: str
) -> AsyncIterator[None]:
    """While the block lasts, wake *provider*'s look at a request when its item's bell rings."""
    if not isinstance(provider, WebhookReceiver):
        yield
        return
    failure: Exception | None = None
    async with feed.watch(_bell(ref)) as watch, anyio.create_task_group() as group:
        group.start_soon(_listen, watch, provider, request_id)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below, where no group wraps it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _listen(watch: Watch, receiver: WebhookReceiver, request_id: str) -> None:
    while True:
        if await watch.changed(timeout_s=LISTEN_S):
            receiver.wake(request_id)


def _bell(ref: ItemRef) -> JobId:
    # The feed takes any name; that of a bell is no job's.
    return JobId(f"{ref.job}/{ref.index}")
