"""Which of the items that are due a worker runs when a message comes."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from image2model.core.errors import GeneratorNotFound, JobNotFound
from image2model.core.generator import GeneratorId, RunsOn
from image2model.core.ids import JobId
from image2model.core.shares import FairQueue, Share
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef

_LOOK_EVERY_S = 1.0
_MOST_JOBS = 2_000
_MOST_TRIES = 5
"""Others look at the same items: so often another one is tried before the sweeper sees to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    share: Share
    ref: ItemRef


class FairChoice:
    """
    Runs the item that is due by fairness, rather than the one that a message names.

    Messages wait in one line, where 500 of one owner come before one of another. So a message only
    says that something is due: what runs is an item of the owner who has fewest under way in this
    process, and the message of that item finds another one later. Every message thus runs one
    item; where one finds nothing, the sweeper sends another.

    Args:
        context: The ports.
        run: Claims an item and runs it; tells whether it could be claimed.
    """

    def __init__(self, context: Context, run: Callable[[ItemRef], Awaitable[bool]]) -> None:
        self._context = context
        self._run = run
        self._due: dict[RunsOn, FairQueue[ItemRef]] = {kind: FairQueue() for kind in RunsOn}
        self._known: dict[JobId, tuple[Share, RunsOn]] = {}
        self._looked_at_s = -math.inf

    async def run(self, named: ItemRef) -> None:
        """Run *named*, or an item of the same kind whose owner has less under way here."""
        await self._look()
        known = self._known.get(named.job) or await self._know(named.job)
        if known is None:
            await self._run(named)
            return
        own, kind = known
        due = self._due[kind]
        left: list[_Chosen] = [_Chosen(share=own, ref=named)]
        for _ in range(_MOST_TRIES):
            first = due.first()
            others = [_Chosen(share=first[0], ref=first[1])] if first is not None else []
            # The one that is named where there is nothing to choose between them.
            chosen = min([*left, *others], key=lambda one: due.load_of(one.share), default=None)
            if chosen is None:
                return
            due.remove(chosen.share, chosen.ref)
            left = [one for one in left if one.ref != chosen.ref]
            due.hold(chosen.share)
            try:
                if await self._run(chosen.ref):
                    return
            finally:
                due.give_back(chosen.share)

    async def _look(self) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s < self._looked_at_s + _LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        jobs = await self._context.store.due_jobs(limit=_MOST_JOBS)
        for queue in self._due.values():
            queue.clear()
        self._known.clear()
        for job in jobs:
            known = self._note(job.first.job, job.owner, job.generator)
            if known is not None:
                share, kind = known
                self._due[kind].put(share, job.first)

    async def _know(self, job_id: JobId) -> tuple[Share, RunsOn] | None:
        try:
            job = await self._context.store.get_job(job_id)
        except JobNotFound:
            return None
        return self._note(job_id, job.owner, job.generator)

    def _note(self, job: JobId, owner: str, generator: GeneratorId) -> tuple[Share, RunsOn] | None:
        try:
            kind = self._context.catalogue.card(generator).runs_on
        except GeneratorNotFound:
            return None
        self._known[job] = known = Share(owner, job), kind
        return known
