"""Port: wake whoever watches a job; what changed stands in the store."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from image2model.core.ids import JobId


class Watch(Protocol):
    """One watcher of one job."""

    async def changed(self, *, timeout_s: float) -> bool:
        """
        Wait for a change since the watch began or since the last call that returned True.

        Several changes may be reported as one.

        Returns:
            True after a change, False when *timeout_s* seconds passed without one.
        """
        ...


class ChangeFeed(Protocol):
    """Tells watchers that a job changed. Messages may be lost, so watchers also look by time."""

    async def publish(self, job: JobId) -> None:
        """Wake the watchers of *job*, in every process; never fails and never waits for them."""
        ...

    def watch(self, job: JobId) -> AbstractAsyncContextManager[Watch]:
        """Watch *job* until the block is left; changes from its start on are not missed."""
        ...
