"""Send items again whose worker died or whose message was lost."""

import logging
from collections import defaultdict

from image2model.core.errors import GeneratorNotFound, StorageError
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId
from image2model.core.job import Problem
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)

SWEEP_EVERY_S = 2.0
_MOST_AT_ONCE = 500


class Sweeper:
    """Looks for items that are due and dispatches them, at start and every few seconds."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Sweep for ever; cancel to stop."""
        while True:
            try:
                await self.sweep()
            except StorageError as error:
                _log.warning("cannot look for waiting items now: %s", error)
            await self._context.clock.sleep(SWEEP_EVERY_S)

    async def sweep(self) -> int:
        """Dispatch what is due now. Returns how many items that was."""
        refs = await self._context.store.due_items(limit=_MOST_AT_ONCE)
        by_job: dict[JobId, list[ItemRef]] = defaultdict(list)
        for ref in refs:
            by_job[ref.job].append(ref)
        for job_id, items in by_job.items():
            runs_on = await self._runs_on(job_id)
            if runs_on is not None:
                await self._context.dispatcher.dispatch(items, runs_on=runs_on)
        return len(refs)

    async def _runs_on(self, job_id: JobId) -> RunsOn | None:
        job = await self._context.store.get_job(job_id)
        try:
            return self._context.catalogue.card(job.generator).runs_on
        except GeneratorNotFound as error:
            # The generator was there when the job came in: a plug-in was removed since.
            problem = Problem(code=error.code, message=error.message, details=dict(error.details))
            await self._context.store.stop_job(job_id, problem=problem)
            await self._context.announce(job_id)
            return None
