"""What one process at a time is enough for, where several run."""

from image2model.core.ids import WorkerId
from image2model.ports.jobstore import JobStore


class Turn:
    """
    The turn at one duty, which goes to another process when this one asks no more.

    Args:
        store: Where all processes ask.
        worker: This process.
        duty: The duty, in a word.
        lease_s: How long a turn lasts without being taken again, in seconds.
    """

    def __init__(self, store: JobStore, *, worker: WorkerId, duty: str, lease_s: float) -> None:
        self._store = store
        self._worker = worker
        self._duty = duty
        self._lease_s = lease_s

    async def is_ours(self) -> bool:
        """Take, or keep, the turn; False: another process has it."""
        return await self._store.take_turn(self._duty, worker=self._worker, lease_s=self._lease_s)
