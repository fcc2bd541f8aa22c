"""Run one item from wherever it stands to its end."""

import dataclasses
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from functools import partial

import anyio
import anyio.lowlevel

from image2model.core.errors import (
    AccessEnded,
    BudgetExceeded,
    ComputeCrashed,
    ComputeError,
    ConfigurationError,
    DatabaseUnavailable,
    FetchBroken,
    GeneratorRetired,
    Image2ModelError,
    InvalidInputError,
    InvalidPictureError,
    ItemTimedOut,
    LeaseLost,
    ProviderAccountBlocked,
    ProviderError,
    ProviderRejected,
    ProviderResultInvalid,
    ProviderUnavailable,
    SpendingStopped,
    StorageError,
    StorageFull,
    SubmissionUncertain,
)
from image2model.core.generator import RunsOn
from image2model.core.ids import SubmitKey, new_hex_id
from image2model.core.job import Attempt, Handle, Item, Job, Problem, Progress, Submission
from image2model.core.rules import IllegalStep, undelivered_attempt
from image2model.core.shares import Share, working_for
from image2model.core.states import ACTIVE_STATES, OPEN_ATTEMPTS, AttemptState, ItemState
from image2model.core.text.clean import harmless_text
from image2model.jobs.background.current_item import working_on
from image2model.jobs.background.item_signals import listening
from image2model.jobs.context import Context, Rules
from image2model.jobs.results.finalize import fit_result, is_fitted
from image2model.jobs.results.finish import artifacts_of, take_delivery
from image2model.jobs.results.linked import settle_life
from image2model.jobs.runs.collecting import (
    NOT_FOUND,
    UNEXPECTED,
    Failure,
    kept_problem,
    next_try,
    our_fault,
    tries_of,
)
from image2model.jobs.runs.leases import LeaseKeeper
from image2model.jobs.runs.lost_answers import find_answer
from image2model.jobs.runs.measured import note_step, provider_call
from image2model.jobs.runs.pacing import ProgressPacer, retry_delay_s
from image2model.jobs.runs.provider_work import work_of
from image2model.jobs.spending.purchase import Wanted, find_buyer
from image2model.jobs.spending.stop import SpendingWatch, note_bill
from image2model.jobs.storage.discard import discard_unnamed
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, AttemptStart, Claim, Step
from image2model.ports.provider import AnswerSearcher, BillReader, Delivery, PlaceKeeper

_log = logging.getLogger(__name__)

_NOTHING_USD = Decimal(0)
_LONGEST_PHASE = 200
_CANCEL_SEARCH_S = 15.0
_STOPPED_DELAY_S = 1.0
_LOOK_FOR_SPACE_S = 5.0
_WRITE_AGAIN_AFTER_S = (0.2, 0.5, 1.0)
"""How often, and after how many seconds, an answer is written again that could not be kept."""

_EXAMINED_TRIES = 2
"""After so many, a model that cannot be examined for lack of memory or time is kept as it is."""

_MOST_CLAIMS = 20
"""An item that was claimed this often and never got to its first submission is given up."""


class ItemRunner:
    """Runs items, any number at once; a run that was cut short is taken up by a later one."""

    def __init__(self, context: Context, keeper: LeaseKeeper) -> None:
        self._context = context
        self._keeper = keeper
        self._spending = SpendingWatch(context)

    async def run(self, ref: ItemRef) -> bool:
        """
        Claim *ref* and bring it to its end, or as far as it goes now.

        Cancelling gives the lease back; what the provider has accepted goes on there and is
        followed again by the next run.

        Returns:
            False: it cannot be claimed.
        """
        with working_on(ref):
            return await self._run(ref)

    async def _run(self, ref: ItemRef) -> bool:
        claim = await self._keeper.claim(ref)
        if claim is None:
            return False
        with working_for(Share(claim.job.owner, ref.job)):
            await self._run_claimed(claim)
        return True

    async def _run_claimed(self, claim: Claim) -> None:
        ref, run = claim.ref, _Run(self._context, claim, self._spending)
        try:
            async with self._keeper.hold(claim) as held:
                with run.limits.hard:
                    with held.scope, run.limits.soft:
                        await run.advance()
                    if held.cancel_requested and not held.lost:
                        await run.cancel()
                    elif run.limits.soft.cancelled_caught and not held.lost:
                        await run.give_up()
                run.limits.check()
        except TimeoutError:
            _log.warning("item %d of job %s: the hard time limit is over", ref.index, ref.job)
            return
        await settle_life(self._context, run.job)
        if held.lost:
            if run.has_begun:
                self._context.metrics.leases_lost(1)
            _log.info("item %d of job %s is no longer held here", ref.index, ref.job)


class _Limits:
    """How long a run may take: from when its item is under way, for waiting costs nothing."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.soft = anyio.CancelScope()
        self.hard = anyio.CancelScope()

    def begin(self) -> None:
        """Let the time run, if it does not yet."""
        if self.hard.deadline == math.inf:
            now_s = anyio.current_time()
            self.soft.deadline = now_s + self._rules.soft_limit_s
            self.hard.deadline = now_s + self._rules.hard_limit_s

    def check(self) -> None:
        """Raise `TimeoutError` where the hard limit has cut the run short."""
        if self.hard.cancelled_caught:
            raise TimeoutError


class _Run:
    """One claimed item on its way."""

    def __init__(self, context: Context, claim: Claim, spending: SpendingWatch) -> None:
        self._context = context
        self._claim = claim
        self._spending = spending
        self._provider = context.catalogue.provider(claim.job.generator)
        self._work = work_of(context, claim)
        self._answer: Image2ModelError | None = None
        self._answer_lost = False
        self._delivered = False
        self._cancelling = claim.item.cancel_requested
        self.limits = _Limits(context.rules)
        if claim.item.state is not ItemState.QUEUED:
            self.limits.begin()

    async def advance(self) -> None:
        """Go on until the item is final, must wait, or another worker has it."""
        try:
            await self._or_settle(self._advance)
        except LeaseLost as error:
            _log.info("%s", error)

    async def cancel(self) -> None:
        """Stop the item; a model that is done already is kept all the same."""
        self._cancelling = True
        try:
            await self._or_settle(self._cancel)
        except LeaseLost as error:
            _log.info("%s", error)

    async def give_up(self) -> None:
        """Stop the item because it took too long; a model that is done already is kept."""
        try:
            await self._or_settle(self._give_up)
        except LeaseLost as error:
            _log.info("%s", error)

    @property
    def job(self) -> Job:
        """The item's job as last seen, without its items."""
        return self._claim.job

    @property
    def has_begun(self) -> bool:
        """Whether anything was sent for it; what only waited is taken away by a pause, too."""
        return self._state is not ItemState.QUEUED

    # --- the way ----------------------------------------------------------------------------

    @property
    def _state(self) -> ItemState:
        return self._claim.item.state

    @property
    def _makes_here(self) -> bool:
        """
        Whether models are computed on this machine, where a preview is a part of that.

        Elsewhere many may end at once, and nobody should wait until all of them are drawn.
        """
        card = self._context.catalogue.card(self._claim.job.generator)
        return card.runs_on is not RunsOn.NETWORK

    @property
    def _attempt(self) -> Attempt:
        return self._claim.item.attempts[-1]

    @property
    def _handle(self) -> Handle:
        handle = self._attempt.handle
        assert handle is not None, "an accepted attempt has a handle"
        return handle

    async def _or_settle(self, go_on: Callable[[], Awaitable[None]]) -> None:
        try:
            await go_on()
        except (LeaseLost, DatabaseUnavailable):
            raise  # Nothing can be written now; the item is taken up again when its lease ends.
        except Exception as error:  # noqa: BLE001  # a bug must not leave an item hanging
            fault = our_fault(error)
            if error is not fault:
                _log.exception("item %d of job %s", self._claim.ref.index, self._claim.ref.job)
            await self._settle_fault(fault)

    async def _settle_fault(self, fault: Image2ModelError | None) -> None:
        """Decide what becomes of the item after *fault*; None: an unexpected error."""
        if self._state not in {ItemState.QUEUED, *ACTIVE_STATES}:
            return  # Its end is written down, and whatever came after it changes nothing.
        if self._state is ItemState.SUBMITTING and not self._is_told(fault):
            # The request may have left before whatever went wrong went wrong.
            reason = "something unexpected happened while it was being sent"
            if fault is not None:
                reason = f"{reason} ({fault.clause})"
            fault = SubmissionUncertain(provider=self._provider.name, reason=reason)
        if fault is not None:
            await self._settle(fault)
        elif self._is_paid:
            await self._collect_later(Failure.of(None))
        elif self._state is ItemState.QUEUED and self._claim.fence < self._context.rules.attempts:
            # Nothing was sent, so another try costs nothing.
            await self._requeue(
                UNEXPECTED, delay_s=retry_delay_s(self._claim.fence - 1, retry_after_s=None)
            )
        else:
            await self._fail(UNEXPECTED)

    def _is_told(self, fault: Image2ModelError | None) -> bool:
        """Tell whether *fault* is what the provider itself says of the submission under way."""
        return isinstance(fault, SubmissionUncertain) or (
            fault is not None and fault is self._answer
        )

    async def _advance(self) -> None:
        if self._state is ItemState.QUEUED:
            await self._begin()
        if self._state is ItemState.SUBMITTING:
            await self._reconcile()
        if self._state is ItemState.GENERATING:
            await self._follow()
        if self._state is ItemState.FINISHING:
            await self._finish()

    async def _begin(self) -> None:
        if undelivered_attempt(self._claim.item.attempts) is not None:
            # Paid for already: what could not be fetched or kept is fetched again.
            await self._step(Step(to=ItemState.GENERATING, progress=Progress(phase="Resuming")))
            return
        await self._wait_for_space()
        buyer = await find_buyer(self._context, self._claim.job.owner)
        await self._await_spending(is_paid=buyer.check_purchase(self._wanted) > 0)
        with self._calling("prepare"):
            submission = await self._provider.prepare(self._work)
        with self._releasing(submission):
            # Much may be written while it waits for its place.
            await self._context.reserve.check()
            # Whoever was told to stop while it waited for its place must not begin.
            await anyio.lowlevel.checkpoint_if_cancelled()
        # Not to be interrupted: a request whose answer nobody waits for may cost money. What
        # came of it is written down here, too, for only here it is certain.
        with anyio.CancelScope(shield=True):
            await self._or_settle(partial(self._submit, submission))

    async def _wait_for_space(self) -> None:
        """
        Wait until there is room for the result.

        Raises:
            StorageFull: There is none, and the item does not say so yet.
        """
        while True:
            try:
                await self._context.reserve.check()
            except StorageFull as error:
                problem = self._claim.item.problem
                if problem is None or problem.code != error.code:
                    raise
                await self._context.clock.sleep(_LOOK_FOR_SPACE_S)
            else:
                return

    @property
    def _wanted(self) -> Wanted:
        card = self._context.catalogue.card(self._claim.job.generator)
        pictures = len(self._claim.item.pictures)
        return Wanted(card=card, options=self._claim.job.options, pictures=pictures)

    async def _await_spending(self, *, is_paid: bool) -> None:
        """
        Wait while spending is stopped, once that was written down for people to see.

        Raises:
            SpendingStopped: It is stopped, and that was not written down yet.
        """
        problem = self._claim.item.problem
        if problem is not None and problem.code == SpendingStopped.code:
            await self._spending.wait(is_paid=is_paid)
        elif (stop := await self._spending.look(is_paid=is_paid)) is not None:
            raise SpendingStopped(reason=stop.reason, everything=stop.everything)

    async def _submit(self, submission: Submission) -> None:
        """Write the attempt down and send it, with nothing to wait for in between."""
        submit_key = SubmitKey(new_hex_id())
        with self._releasing(submission):
            buyer = await find_buyer(self._context, self._claim.job.owner)
            submission = buyer.reserve(submission, self._wanted)
            await self._step(
                Step(
                    to=ItemState.SUBMITTING,
                    progress=Progress(phase="Submitting"),
                    start=AttemptStart(
                        submit_key=submit_key, provider=self._provider.name, submission=submission
                    ),
                    budget=buyer.budget,
                )
            )
        try:
            with self._calling("submit"):
                handle = await self._provider.submit(submission, submit_key=submit_key)
        except SubmissionUncertain as error:
            ref = self._claim.ref
            _log.warning("item %d of job %s: %s", ref.index, ref.job, error)
            self._answer_lost = True
        except (ProviderError, InvalidInputError, ConfigurationError) as error:
            self._answer = error
            raise
        else:
            await self._accepted(handle)

    @contextmanager
    def _releasing(self, submission: Submission) -> Iterator[None]:
        """Have the provider give back what it reserved for *submission* if the block fails."""
        try:
            yield
        except BaseException:
            if isinstance(self._provider, PlaceKeeper):
                self._provider.release(submission)
            raise

    async def _accepted(self, handle: Handle) -> None:
        change = AttemptChange(state=AttemptState.ACCEPTED, handle=handle)
        step = Step(to=ItemState.GENERATING, progress=Progress(phase="Accepted"), attempt=change)
        try:
            await self._insist(partial(self._step, step))
        except LeaseLost:
            # The ledger must know it even when another worker has the item by now.
            key = self._attempt.submit_key
            await self._insist(partial(self._context.store.book_late_answer, key, change))
            raise

    async def _insist(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write what only this process knows; a store that fails is tried again for a while."""
        for wait_s in _WRITE_AGAIN_AFTER_S:
            try:
                await write()
            except DatabaseUnavailable as error:
                _log.warning("an answer of %s waits to be kept: %s", self._provider.name, error)
                await self._context.clock.sleep(wait_s)
            else:
                return
        await write()

    async def _reconcile(self) -> None:
        """Find out what became of a submission without an answer, lost now or by a dead worker."""
        attempt = self._attempt
        if attempt.handle is None:
            # In doubt from here on, so that a person may decide while the search goes on.
            await self._step(
                Step(
                    to=ItemState.SUBMITTING,
                    progress=await self._search_progress(attempt.submission),
                    attempt=AttemptChange(state=AttemptState.UNCERTAIN),
                )
            )
        handle = attempt.handle
        if handle is None:
            with self._calling("reconcile"):
                handle = await find_answer(self._context, self._provider, attempt)
        if handle is not None:
            await self._accepted(handle)
        elif self._answer_lost:
            reason = "the submission did not reach it"
            self._answer = ProviderUnavailable(provider=self._provider.name, reason=reason)
            raise self._answer
        else:
            await self._requeue(_problem_of_lost_worker(), delay_s=0.0)

    async def _search_progress(self, submission: Submission) -> Progress:
        if not isinstance(self._provider, AnswerSearcher):
            return Progress(phase="Looking for a lost answer")
        limit_s = await self._provider.search_limit_s(submission)
        told = f"{limit_s:.0f} s" if limit_s < 100.0 else f"{math.ceil(limit_s / 60.0)} min"
        phase = f"Looking for a lost answer, for at most {told}"
        return Progress(phase=phase, eta_s=limit_s)

    async def _follow(self) -> None:
        pacer = ProgressPacer(self._context.clock)
        feed, request_id = self._context.feed, self._handle.request_id
        async with listening(feed, self._claim.ref, self._provider, request_id):
            await self._report(pacer)
        cost_usd = await self._read_cost_usd()
        await self._book(Progress(fraction=0.95, phase="Finishing"), cost_usd)

    async def _read_cost_usd(self) -> Decimal | None:
        """Ask what the work has cost that is done; None: that cannot be found out now."""
        estimated_usd = self._attempt.submission.estimated_usd
        if not isinstance(self._provider, BillReader):
            return estimated_usd
        try:
            with self._calling("read_bill"):
                cost_usd = await self._provider.read_bill(self._handle)
        except ProviderError as error:
            ref = self._claim.ref
            _log.warning("cost of item %d of job %s: %s", ref.index, ref.job, error)
            return None
        # An estimate of nothing may be a price that is not known.
        return cost_usd if cost_usd is not None else estimated_usd or None

    async def _book(self, progress: Progress, cost_usd: Decimal | None) -> None:
        """Write what the work has cost as soon as it is known, whatever becomes of its files."""
        change: AttemptChange | None = None
        if cost_usd is not None:
            change = AttemptChange(state=self._attempt.state, cost_usd=cost_usd)
        problem = self._claim.item.problem
        step = Step(to=ItemState.FINISHING, progress=progress, problem=problem, attempt=change)
        try:
            await self._step(step)
        except LeaseLost:
            if change is not None:
                # The ledger must know it even when another worker has the item, or nobody.
                await self._book_late(change)
            raise

    async def _book_late(self, change: AttemptChange) -> None:
        booked = await self._context.store.book_late_answer(self._attempt.submit_key, change)
        if booked is not None:
            await note_bill(self._context, self._claim, booked)

    async def _report(self, pacer: ProgressPacer) -> None:
        with self._calling("follow"):
            async for told in self._provider.follow(self._work, self._handle):
                phase = harmless_text(told.phase, longest=_LONGEST_PHASE)
                progress = dataclasses.replace(told, phase=phase)
                if pacer.worth_writing(progress):
                    # What it says of earlier tries counts until the item is there.
                    problem = self._claim.item.problem
                    step = Step(to=ItemState.GENERATING, progress=progress, problem=problem)
                    await self._step(step)

    async def _finish(self) -> None:
        if self._attempt.cost_usd is None:
            cost_usd = await self._read_cost_usd()
            if cost_usd is not None:
                await self._book(self._claim.item.progress, cost_usd)
        with self._calling("collect"):
            delivery = await self._provider.collect(self._work, self._handle)
        self._delivered = True
        await self._keep(delivery)

    async def _keep(self, delivery: Delivery) -> None:
        job, item = self._claim.job, self._claim.item
        result = await take_delivery(
            self._context,
            delivery,
            keep=job.keep,
            provider=self._provider.name,
            item_name=item.name,
            draws=self._makes_here and not is_fitted(job, item),
            insists=tries_of(item) < _EXAMINED_TRIES,
        )
        cost_usd = self._attempt.cost_usd if delivery.cost_usd is None else delivery.cost_usd
        try:
            result = await fit_result(self._context, job, item, result, draws=self._makes_here)
            await self._step(
                Step(
                    to=ItemState.SUCCEEDED,
                    progress=Progress(fraction=1.0),
                    result=result,
                    attempt=AttemptChange(
                        state=AttemptState.SUCCEEDED,
                        cost_usd=self._attempt.submission.estimated_usd
                        if cost_usd is None
                        else cost_usd,
                    ),
                )
            )
        except BaseException:
            await discard_unnamed(self._context, artifacts_of(result.files))
            raise
        self._context.drawing.add(self._claim.ref, result)

    async def _cancel(self) -> None:
        if self._state is ItemState.SUBMITTING:
            await self._reconcile_soon()
        if self._state is ItemState.FINISHING:
            await self._advance()
        elif self._state is ItemState.GENERATING:
            if await self._cancelled_there():
                await self._step(
                    Step(
                        to=ItemState.CANCELLED,
                        attempt=AttemptChange(
                            state=AttemptState.CANCELLED, cost_usd=self._cost_of_stopped_usd
                        ),
                    )
                )
            else:
                await self._advance()
        elif self._state is ItemState.QUEUED:
            await self._step(Step(to=ItemState.CANCELLED))

    async def _give_up(self) -> None:
        if self._state is ItemState.SUBMITTING:
            await self._reconcile_soon()
        error = ItemTimedOut(limit_s=self._context.rules.soft_limit_s)
        if self._state is ItemState.GENERATING:
            if await self._cancelled_there():
                await self._fail(Problem.of(error), cost_usd=self._cost_of_stopped_usd)
            else:
                await self._advance()
        elif self._state in ACTIVE_STATES:
            raise error

    @property
    def _cost_of_stopped_usd(self) -> Decimal:
        """What was booked, or nothing: work that has stopped before its end is not charged."""
        return self._attempt.cost_usd or _NOTHING_USD

    async def _cancelled_there(self) -> bool:
        with self._calling("cancel"):
            return await self._provider.cancel(self._handle)

    async def _reconcile_soon(self) -> None:
        """Look for a lost answer no longer than somebody waits who wants the item to stop."""
        with anyio.move_on_after(_CANCEL_SEARCH_S) as search:
            await self._reconcile()
        if search.cancelled_caught:
            reason = "it was cancelled while its answer was looked for"
            raise SubmissionUncertain(provider=self._provider.name, reason=reason)

    # --- what may go wrong ------------------------------------------------------------------

    async def _settle(self, error: Image2ModelError) -> None:
        if self._is_paid and not self._is_verdict(error):
            await self._collect_later(Failure.of(error))
            return
        problem = Problem.of(error)
        match error:
            case SubmissionUncertain():
                await self._step(
                    Step(
                        to=ItemState.UNCERTAIN,
                        problem=problem,
                        attempt=AttemptChange(state=AttemptState.UNCERTAIN),
                    )
                )
            case ProviderAccountBlocked() | GeneratorRetired() | AccessEnded():
                await self._fail(problem, made=True)
                await self._stop_others(problem, least_usd=_NOTHING_USD)
            case SpendingStopped():
                what = "all work" if error.everything else "spending"
                phase = f"Waiting, for {what} is stopped"
                await self._requeue(problem, delay_s=_STOPPED_DELAY_S, phase=phase)
            case BudgetExceeded():
                await self._fail(problem)
                # Cheaper ones may still fit.
                await self._stop_others(problem, least_usd=self._price_usd(self._claim.item))
            case ProviderUnavailable() | ComputeCrashed() if self._may_try_again():
                tries = max(len(self._claim.item.attempts), self._claim.fence) - 1
                retry_after_s = getattr(error, "retry_after_s", None)
                delay_s = retry_delay_s(tries, retry_after_s=retry_after_s)
                await self._requeue(problem, delay_s=delay_s, cost_usd=error.cost_usd)
            case StorageError() if self._waits_for(error):
                await self._requeue(
                    problem, delay_s=retry_delay_s(self._claim.fence - 1, retry_after_s=None)
                )
            case ProviderResultInvalid():
                again = dataclasses.replace(problem, message=f"{problem.message} Retry the item.")
                await self._fail(again, cost_usd=error.cost_usd)
            case _:
                # Whose cost is told has ended there, and is not fetched any more.
                made = _may_be_fetched_again(error) and error.cost_usd is None
                await self._fail(problem, made=made, cost_usd=error.cost_usd)

    async def _stop_others(self, problem: Problem, *, least_usd: Decimal) -> None:
        """Fail the job's other items that wait to be sent and cost *least_usd* or more."""
        job = await self._context.store.get_job(self._claim.ref.job)
        stopped = [
            item.index
            for item in job.items
            if self._price_usd(item) >= least_usd and undelivered_attempt(item.attempts) is None
        ]
        await self._context.store.stop_job(job.id, stopped, problem=problem)
        await self._context.recall()
        await self._context.announce(job.id)

    def _price_usd(self, item: Item) -> Decimal:
        card = self._context.catalogue.card(self._claim.job.generator)
        return card.price.of(self._claim.job.options, pictures=len(item.pictures))

    @property
    def _is_paid(self) -> bool:
        """
        Whether the provider has accepted the item, and may have charged for it.

        What costs nothing, by its price or by its bill, is made again more easily than fetched.
        """
        attempt = undelivered_attempt(self._claim.item.attempts)
        if attempt is None or attempt.cost_usd == 0:
            return False
        # Who writes bills may charge for what the price is not known of.
        return attempt.submission.estimated_usd > 0 or isinstance(self._provider, BillReader)

    def _is_verdict(self, error: Image2ModelError) -> bool:
        """Tell whether *error* is the provider's own word that nothing will come of the work."""
        match error:
            case ProviderRejected():
                # What it knows nothing of it may have made.
                return not self._delivered and error.details["kind"] != NOT_FOUND
            case InvalidPictureError():
                return not self._delivered
            case ProviderUnavailable():
                return self._state is ItemState.GENERATING or error.cost_usd is not None
        return False

    async def _collect_later(self, failure: Failure) -> None:
        """
        Go on later with an item that is paid for, or fail it for now.

        Its attempt stays open with its handle either way, so that nothing is submitted anew.
        """
        item, now = self._claim.item, self._context.clock.now()
        problem = kept_problem(item, failure)
        if self._cancelling:
            await self._step(Step(to=ItemState.CANCELLED, problem=problem))
            return
        if self._state not in ACTIVE_STATES:
            await self._step(Step(to=ItemState.FAILED, problem=problem))
            return
        limit_s = self._context.rules.collect_s
        then = next_try(item, failure, now=now, limit_s=limit_s)
        if then.delay_s is None:
            await self._step(Step(to=ItemState.FAILED, problem=then.problem))
        else:
            phase = f"Fetching the paid model again (try {then.tries + 1})"
            await self._step(
                Step(
                    to=self._state,
                    progress=Progress(fraction=item.progress.fraction, phase=phase),
                    problem=then.problem,
                    delay_s=then.delay_s,
                )
            )
        if isinstance(failure.error, ProviderAccountBlocked | GeneratorRetired):
            await self._stop_others(Problem.of(failure.error), least_usd=_NOTHING_USD)

    def _waits_for(self, error: StorageError) -> bool:
        """Tell whether an item that is not sent yet waits until *error* is gone."""
        return self._state is ItemState.QUEUED and (
            isinstance(error, StorageFull) or self._may_try_again()
        )

    def _may_try_again(self) -> bool:
        if self._state is ItemState.FINISHING:
            return False
        return (
            len(self._claim.item.attempts) < self._context.rules.attempts
            and self._claim.fence < _MOST_CLAIMS
        )

    async def _requeue(
        self,
        problem: Problem,
        *,
        delay_s: float,
        cost_usd: Decimal | None = None,
        phase: str = "Waiting for another try",
    ) -> None:
        """Have the item tried again later; an open attempt is closed, unpaid by itself."""
        await self._step(
            Step(
                to=ItemState.QUEUED,
                progress=Progress(phase=phase),
                problem=problem,
                attempt=self._closed(AttemptState.FAILED, cost_usd=cost_usd or _NOTHING_USD),
                delay_s=delay_s,
            )
        )

    async def _fail(
        self, problem: Problem, *, made: bool = False, cost_usd: Decimal | None = None
    ) -> None:
        """Fail the item; *made*: the provider has the model still, so its attempt stays open."""
        if self._cancelling and self._state in {ItemState.GENERATING, ItemState.FINISHING}:
            # Its end there is what was asked for.
            change = self._closed(AttemptState.CANCELLED, cost_usd=cost_usd)
            await self._step(Step(to=ItemState.CANCELLED, attempt=change))
            return
        keep_open = made and self._state is ItemState.FINISHING
        cost_usd = _NOTHING_USD if self._state is ItemState.SUBMITTING else cost_usd
        await self._step(
            Step(
                to=ItemState.FAILED,
                problem=problem,
                attempt=None if keep_open else self._closed(AttemptState.FAILED, cost_usd=cost_usd),
            )
        )

    def _closed(self, state: AttemptState, *, cost_usd: Decimal | None) -> AttemptChange | None:
        attempts = self._claim.item.attempts
        # While its answer is searched for, an attempt is in doubt and may still be closed.
        searched = {AttemptState.UNCERTAIN} if self._state is ItemState.SUBMITTING else set()
        if not attempts or attempts[-1].state not in OPEN_ATTEMPTS | searched:
            return None
        return AttemptChange(state=state, cost_usd=cost_usd)

    async def _step(self, step: Step) -> None:
        if step.to is not ItemState.QUEUED:
            self.limits.begin()
        before = self._claim
        try:
            self._claim = await self._context.store.step(before, step)
        except (Image2ModelError, IllegalStep):
            raise
        except Exception as error:
            # Nobody knows whether it was written: whoever takes the item up next looks.
            _log.exception("item %d of job %s", before.ref.index, before.ref.job)
            raise DatabaseUnavailable(reason=f"{type(error).__name__}: {error}") from error
        note_step(self._context, self._provider.name, before, step)
        if step.attempt is not None and step.attempt.cost_usd is not None:
            await note_bill(self._context, before, self._attempt)
        await self._context.announce(self._claim.ref.job)

    def _calling(self, call: str) -> AbstractContextManager[None]:
        return provider_call(self._context, self._provider.name, self._claim, call)


def _may_be_fetched_again(error: Image2ModelError) -> bool:
    return isinstance(
        error, ProviderUnavailable | FetchBroken | StorageError | ComputeError | ItemTimedOut
    )


def _problem_of_lost_worker() -> Problem:
    return Problem(
        code="worker_lost",
        message="The process that worked on this item stopped before it was sent; "
        "it is being sent again.",
    )
