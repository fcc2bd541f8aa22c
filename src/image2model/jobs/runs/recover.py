"""Send items again whose worker died or whose message was lost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from image2model.core.errors import GeneratorNotFound, JobNotFound
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Problem
from image2model.core.values.backoff import growing_s
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import DueJob

SWEEP_EVERY_S = 2.0
_MOST_AT_ONCE = 2_000
_FIRST_PATIENCE_S = 5.0
_LONGEST_PATIENCE_S = 600.0
_MISSED_AFTER_S = 60.0
"""An item that has waited this long may have lost its message even where many others wait."""


class Sweeper:
    """
    Looks for items that are due and dispatches them, at start and every few seconds.

    Every due item should have a message that waits. Where fewer wait than items are due, some were
    lost, and those due longest are sent; it cannot be seen which, so each is sent again later and
    later. A busy queue is thus not filled with what waits in it already.

    Args:
        context: The ports.
        turn: Whether it is this process's turn; None: no other one shares the queue.
        only_of: Whose items it looks for; None: everybody's.
    """

    def __init__(
        self, context: Context, turn: Turn | None = None, *, only_of: OwnerId | None = None
    ) -> None:
        self._context = context
        self._turn = turn
        self._only_of = only_of
        self._waits: dict[ItemRef, _Wait] = {}
        self._known: dict[JobId, _Known] = {}

    async def run(self) -> None:
        """Sweep for ever; cancel to stop."""
        keep = self._context.chores.keep
        await keep("the search for waiting items", self.sweep, every_s=SWEEP_EVERY_S, spread=0.25)

    async def sweep(self) -> int:
        """Dispatch what is due now and may have no message. Returns how many items that was."""
        if self._turn is not None and not await self._turn.is_ours():
            self._waits.clear()
            return 0
        store = self._context.store
        # One of each job too: however many items one owner has waiting, the others' are seen.
        jobs = {due.first.job: due for due in await store.due_jobs(limit=_MOST_AT_ONCE)}
        firsts = [due.first for due in jobs.values()]
        oldest = await store.due_items(limit=_MOST_AT_ONCE)
        refs = list(dict.fromkeys([*firsts, *oldest]))
        self._note(refs)
        by_kind: dict[RunsOn, list[ItemRef]] = defaultdict(list)
        for ref in refs:
            known = await self._know(ref.job, jobs.get(ref.job))
            if known is not None and self._only_of in {None, known.owner}:
                by_kind[known.runs_on].append(ref)
        return sum([await self._send(items, kind) for kind, items in by_kind.items()])

    def _note(self, refs: Sequence[ItemRef]) -> None:
        """Remember since when items wait, and forget those that do no more."""
        now_s = self._context.clock.monotonic_s()
        self._waits = {ref: self._waits.get(ref) or _Wait(since_s=now_s) for ref in refs}
        jobs = {ref.job for ref in refs}
        self._known = {job: known for job, known in self._known.items() if job in jobs}

    async def _send(self, items: Sequence[ItemRef], runs_on: RunsOn) -> int:
        waiting = await self._context.dispatcher.waiting(runs_on)
        if waiting is None:
            # What waited there may be gone when it is back.
            for ref in items:
                del self._waits[ref]
            return 0
        now_s = self._context.clock.monotonic_s()
        missing = len(items) - waiting
        chosen = [ref for ref in items if self._waits[ref].is_patience_over(now_s)][
            : max(missing, 0)
        ]
        missed = [ref for ref in items if self._waits[ref].seems_missed(now_s)]
        sent = list(dict.fromkeys([*chosen, *missed]))
        by_owner: dict[OwnerId, list[ItemRef]] = defaultdict(list)
        for ref in sent:
            by_owner[self._known[ref.job].owner].append(ref)
        for owner, refs in by_owner.items():
            await self._context.dispatcher.dispatch(refs, owner=owner, runs_on=runs_on)
        for ref in sent:
            self._waits[ref].note_sent(now_s)
        return len(sent)

    async def _know(self, job_id: JobId, due: DueJob | None = None) -> "_Known | None":
        if job_id not in self._known:
            try:
                job = due or await self._context.store.get_job(job_id)
                runs_on = self._context.catalogue.card(job.generator).runs_on
                self._known[job_id] = _Known(owner=job.owner, runs_on=runs_on)
            except JobNotFound:
                return None  # It was deleted meanwhile.
            except GeneratorNotFound as error:
                # It was there when the job came in: a plug-in was removed since.
                try:
                    await self._context.store.stop_job(job_id, problem=Problem.of(error))
                except JobNotFound:
                    return None
                await self._context.recall()
                await self._context.announce(job_id)
                return None
        return self._known[job_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Whose a job is, and what its generator needs."""

    owner: OwnerId
    runs_on: RunsOn


@dataclass(slots=True, kw_only=True)
class _Wait:
    """
    How long a due item has waited.

    Attributes:
        since_s: When it was first seen to be due, or sent for the last time.
        sends: How often it was sent since it is due.
    """

    since_s: float
    sends: int = 0

    def is_patience_over(self, now_s: float) -> bool:
        """Tell whether it may be sent where messages are missing."""
        return self.sends == 0 or now_s - self.since_s >= self._patience_s(_FIRST_PATIENCE_S)

    def seems_missed(self, now_s: float) -> bool:
        """Tell whether it may be sent where enough messages wait."""
        return now_s - self.since_s >= self._patience_s(_MISSED_AFTER_S)

    def note_sent(self, now_s: float) -> None:
        """Note that it was sent."""
        self.since_s = now_s
        self.sends += 1

    def _patience_s(self, first_s: float) -> float:
        return growing_s(self.sends, first_s=first_s, longest_s=_LONGEST_PATIENCE_S)
