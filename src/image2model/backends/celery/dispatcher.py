"""Sending items through a broker to the workers."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from celery import Celery
from kombu.exceptions import OperationalError

from image2model.backends.celery.broker import RUN_ITEM
from image2model.core.generator import RunsOn
from image2model.core.ids import OwnerId
from image2model.jobs.background.tasks import Chores
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)

_MOST_TOGETHER = 100
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 2.0
_GOODBYE_S = 2.0
_NOT_FOUND = "404"

_Message = tuple[ItemRef, RunsOn]


class CeleryDispatcher:
    """
    A `Dispatcher` that sends one message for each item; open it by `open_dispatcher`.

    Nobody waits for the broker: messages wait here while it is out of reach, each once, and are
    sent when it is back. What waits here when the process ends is lost, which only delays.
    """

    def __init__(self, broker: Celery) -> None:
        self._broker = broker
        known = broker.connection_for_write()
        # Whatever goes wrong on the way to a broker: each transport has errors of its own.
        self._errors: tuple[type[BaseException], ...] = (
            OperationalError,
            OSError,
            *known.connection_errors,
            *known.channel_errors,
        )
        self._outbox: dict[_Message, None] = {}
        self._filled = anyio.Event()
        self._emptied = anyio.Event()
        self._is_cut_off = False
        self._is_away = False
        self._sending = anyio.CapacityLimiter(1)
        self._counting = anyio.CapacityLimiter(1)

    async def dispatch(self, items: Sequence[ItemRef], *, owner: OwnerId, runs_on: RunsOn) -> None:
        """Have *items* sent; returns at once. See `Dispatcher`."""
        del owner  # Who takes a message chooses whose item it runs; see `FairChoice`.
        self._outbox.update(((item, runs_on), None) for item in items)
        self._filled.set()

    async def waiting(self, runs_on: RunsOn) -> int | None:
        """Ask the broker how many messages wait in the queue of *runs_on*."""
        if self._is_cut_off:
            return None
        try:
            count = await anyio.to_thread.run_sync(
                self._count, runs_on, limiter=self._counting, abandon_on_cancel=True
            )
        except self._errors as error:
            self._note_away(error)
            return None
        self._note_back()
        return count

    async def serve(self) -> None:
        """Send what comes, for ever; cancel to stop."""
        while True:
            if not self._outbox:
                self._emptied.set()
                self._filled = anyio.Event()
                await self._filled.wait()
                self._emptied = anyio.Event()
            await self._send_some()

    async def until_sent(self) -> None:
        """Wait until nothing waits here."""
        while self._outbox:
            await self._emptied.wait()

    async def _send_some(self) -> None:
        batch = list(self._outbox)[:_MOST_TOGETHER]
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await anyio.to_thread.run_sync(
                    self._send, batch, limiter=self._sending, abandon_on_cancel=True
                )
            except self._errors as error:
                self._note_away(error)
                self._is_cut_off = True
                await anyio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                break
        self._is_cut_off = False
        self._note_back()
        for message in batch:
            self._outbox.pop(message, None)

    def _note_away(self, error: BaseException) -> None:
        # Said once: it is tried every few seconds.
        if not self._is_away:
            _log.warning(
                "the broker of IMAGE2MODEL_QUEUE_URL does not answer, items wait until it does: %s",
                error,
            )
            self._is_away = True

    def _note_back(self) -> None:
        if self._is_away:
            _log.warning("the broker answers again")
            self._is_away = False

    def _send(self, batch: Sequence[_Message]) -> None:
        with self._broker.producer_or_acquire() as producer:
            for item, runs_on in batch:
                self._broker.send_task(
                    RUN_ITEM, (item.job, item.index), queue=runs_on.value, producer=producer
                )

    def _count(self, runs_on: RunsOn) -> int:
        # A connection of its own: one from the pool may have been broken for a while.
        with self._broker.connection_for_write() as connection:
            connection.connect()
            channel: Any = connection.default_channel
            try:
                return int(channel.queue_declare(runs_on.value, passive=True).message_count)
            except connection.channel_errors as error:
                if str(getattr(error, "reply_code", "")) == _NOT_FOUND:
                    return 0  # Redis has no empty lists.
                raise


@asynccontextmanager
async def open_dispatcher(broker: Celery, *, chores: Chores) -> AsyncIterator[CeleryDispatcher]:
    """Send what is dispatched while the block lasts; what waits at its end has two seconds."""
    dispatcher = CeleryDispatcher(broker)
    async with anyio.create_task_group() as group:
        group.start_soon(chores.keep, "sending messages", dispatcher.serve)
        try:
            yield dispatcher
        finally:
            with anyio.move_on_after(_GOODBYE_S, shield=True):
                await dispatcher.until_sent()
            group.cancel_scope.cancel()
    await anyio.to_thread.run_sync(broker.close)
