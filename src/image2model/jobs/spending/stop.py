"""Stop all spending, let it go on, and notice bills that are higher than expected."""

import logging
from decimal import Decimal

import anyio

from image2model.core.audit import OURSELVES, AuditAction, acting_as, current_actor
from image2model.core.job import Attempt
from image2model.core.money import BudgetScope, SpendingStop
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.ports.jobstore import Claim

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often a process looks whether spending goes on, for all its items that wait for that."""

_PERIODS = {BudgetScope.DAY: "of a day", BudgetScope.MONTH: "of 30 days"}


async def stop_spending(context: Context, *, reason: str, everything: bool = False) -> SpendingStop:
    """
    Let nothing that costs money start in any process, until `allow_spending`.

    What waits goes on waiting; what was sent already is followed and kept; what costs nothing
    goes on, too, unless *everything* is stopped.

    Args:
        context: The ports.
        reason: Why, for people: whoever has an item that waits reads it.
        everything: Let nothing start that costs nothing, either.

    Returns:
        The stop; where there was one already that stops as much, that one.
    """
    by = current_actor().name
    stop = await context.store.stop_spending(reason=reason, by=by, everything=everything)
    await audit(
        context, AuditAction.SPENDING_STOPPED, reason=stop.reason, everything=stop.everything
    )
    return stop


async def allow_spending(context: Context) -> None:
    """Let what was stopped go on; what waited for it begins within seconds, by itself."""
    await context.store.allow_spending()
    await audit(context, AuditAction.SPENDING_ALLOWED)


class SpendingWatch:
    """Whether spending is stopped, as one process sees it: asked once for all who want to know."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._one_asks = anyio.Lock()
        self._asked_at_s: float | None = None
        self._stop: SpendingStop | None = None

    async def look(self, *, is_paid: bool) -> SpendingStop | None:
        """Tell what keeps an attempt from starting now, or did `LOOK_EVERY_S` ago at most."""
        clock = self._context.clock
        async with self._one_asks:
            now_s = clock.monotonic_s()
            if self._asked_at_s is None or now_s - self._asked_at_s >= LOOK_EVERY_S:
                self._stop = await self._context.store.spending_stop()
                self._asked_at_s = now_s
            stop = self._stop
            return stop if stop is not None and stop.holds(is_paid=is_paid) else None

    async def wait(self, *, is_paid: bool) -> None:
        """Wait until an attempt may start."""
        while await self.look(is_paid=is_paid) is not None:
            await self._context.clock.sleep(LOOK_EVERY_S)


async def note_bill(context: Context, before: Claim, attempt: Attempt) -> None:
    """
    Look at what was just booked for *attempt*; stop spending if it broke a budget of all.

    Submissions are refused that might go over a budget. So a bill above what was expected is the
    only way past one, and whoever sends it may send more.

    Args:
        context: The ports.
        before: The item before that.
        attempt: Its latest attempt as it is now.
    """
    known = before.item.attempts[-1].cost_usd
    expected_usd = attempt.submission.estimated_usd
    if attempt.cost_usd is None or attempt.cost_usd == known or attempt.cost_usd <= expected_usd:
        return
    over_usd = attempt.cost_usd - max(expected_usd, known or Decimal(0))
    _log.error(
        "item %d of job %s was billed $%.2f, but at most $%.2f was expected of %s",
        before.ref.index,
        before.ref.job,
        attempt.cost_usd,
        expected_usd,
        before.job.generator,
    )
    context.metrics.overcharged(attempt.provider, over_usd)
    await audit(
        context,
        AuditAction.BILLED_BEYOND,
        actor=OURSELVES,
        job=before.ref.job,
        item=before.ref.index,
        generator=before.job.generator,
        expected_usd=expected_usd,
        billed_usd=attempt.cost_usd,
    )
    budget = context.rules.budget
    for cap in budget.caps():
        if cap.scope not in _PERIODS:
            continue
        spent_usd = await context.store.spent_usd(cap.scope, owner=before.job.owner)
        if spent_usd > cap.limit_usd:
            reason = (
                f"more was billed than expected, and the budget {_PERIODS[cap.scope]} is overdrawn"
            )
            with acting_as(OURSELVES):
                stop = await stop_spending(context, reason=reason)
            _log.error("spending is stopped: %s (%s)", stop.reason, stop.by)
            return
