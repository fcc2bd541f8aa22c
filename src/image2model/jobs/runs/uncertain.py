"""Settle uncertain items without a person: ask their provider again what became of them."""

import contextlib
import logging
from datetime import timedelta
from decimal import Decimal

import anyio

from image2model.core.errors import (
    Image2ModelError,
    ItemNotFound,
    JobNotFound,
    WrongState,
)
from image2model.core.job import Attempt, Handle, Problem
from image2model.core.states import AttemptState, ItemState
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Resolution

_log = logging.getLogger(__name__)

SETTLE_EVERY_S = 180.0
GIVE_UP_AFTER = timedelta(hours=1)
"""Later than that a provider's list will not tell anything new."""

_SEARCH_S = 60.0
_MOST_AT_ONCE = 100
_AT_ONCE = 4
_NOT_FAILED = Problem(code="given_up", message="")
"""Only a resolution that gives the item up writes its problem."""


class DoubtSettler:
    """
    Asks again about uncertain items, every few minutes for an hour; several may run at once.

    An item goes on where its provider turns out to have accepted it, and is submitted again only
    where the provider certainly has not. Every other one is left to a person.

    Args:
        context: The ports.
        turn: Whether it is this process's turn; None: nobody else need be asked.
    """

    def __init__(self, context: Context, turn: Turn | None = None) -> None:
        self._context = context
        self._turn = turn
        self._free = anyio.CapacityLimiter(_AT_ONCE)

    async def run(self) -> None:
        """Settle for ever; cancel to stop."""
        await self._context.chores.keep(
            "the search for lost answers", self._take_turn, every_s=SETTLE_EVERY_S, waits_first=True
        )

    async def _take_turn(self) -> None:
        if self._turn is None or await self._turn.is_ours():
            await self.settle()

    async def settle(self) -> None:
        """Ask about all of them once."""
        since = self._context.clock.now() - GIVE_UP_AFTER
        refs = await self._context.store.uncertain_items(since=since, limit=_MOST_AT_ONCE)
        async with anyio.create_task_group() as group:
            for ref in refs:
                group.start_soon(self._settle_one, ref)

    async def _settle_one(self, ref: ItemRef) -> None:
        async with self._free:
            try:
                with contextlib.suppress(JobNotFound, ItemNotFound, WrongState):
                    await self._ask_about(ref)
            except Exception as error:  # noqa: BLE001 - the others are asked about all the same
                _log.warning("cannot settle item %d of job %s: %s", ref.index, ref.job, error)

    async def _ask_about(self, ref: ItemRef) -> None:
        attempt = await self._doubtful_attempt(ref)
        if attempt is None:
            return
        try:
            with anyio.fail_after(_SEARCH_S):
                handle = attempt.handle or await self._search(ref, attempt)
        except (Image2ModelError, TimeoutError) as error:
            _log.info("item %d of job %s stays uncertain: %s", ref.index, ref.job, error)
            return
        # Meanwhile a person may have decided, or a webhook come: then this is no news.
        if await self._doubtful_attempt(ref) != attempt:
            return
        if handle is not None:
            change = AttemptChange(state=AttemptState.ACCEPTED, handle=handle)
            await self._context.store.book_late_answer(attempt.submit_key, change)
        else:
            await self._send_again(ref, attempt)
        await self._context.announce(ref.job)
        await self._dispatch(ref)

    async def _doubtful_attempt(self, ref: ItemRef) -> Attempt | None:
        item = await self._context.store.get_item(ref)
        return item.attempts[-1] if item.state is ItemState.UNCERTAIN else None

    async def _search(self, ref: ItemRef, attempt: Attempt) -> Handle | None:
        job = await self._context.store.get_job(ref.job)
        provider = self._context.catalogue.provider(job.generator)
        return await provider.reconcile(attempt.submission, submit_key=attempt.submit_key)

    async def _send_again(self, ref: ItemRef, attempt: Attempt) -> None:
        store = self._context.store
        await store.resolve_item(ref, Resolution.RESUBMIT, problem=_NOT_FAILED)
        unpaid = AttemptChange(state=AttemptState.FAILED, cost_usd=Decimal(0))
        await store.book_late_answer(attempt.submit_key, unpaid)

    async def _dispatch(self, ref: ItemRef) -> None:
        job = await self._context.store.get_job(ref.job)
        card = self._context.catalogue.card(job.generator)
        await self._context.dispatcher.dispatch([ref], owner=job.owner, runs_on=card.runs_on)
