"""Keep the leases of the items that this process works on."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from image2model.core.ids import WorkerId
from image2model.jobs.background.item_signals import LISTEN_S, RECALLS
from image2model.jobs.background.tasks import Chores
from image2model.ports.clock import Clock
from image2model.ports.dispatcher import ItemRef
from image2model.ports.feed import ChangeFeed
from image2model.ports.jobstore import Claim, JobStore

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """
    A lease that is being kept.

    Attributes:
        lost: Somebody else has the item now; nothing more can be written.
        cancel_requested: Somebody wants the item to stop.
        scope: Cancelled when either becomes true; enter it around what may be interrupted.
    """

    ref: ItemRef
    fence: int
    lost: bool = False
    cancel_requested: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def interrupt(self, *, lost: bool) -> None:
        """Cancel the scope, saying why."""
        self.lost = self.lost or lost
        self.cancel_requested = self.cancel_requested or not lost
        self.scope.cancel()


class LeaseKeeper:
    """
    Renews all leases of *worker* in one statement, four times within their life.

    `run` must be running for the leases to hold.

    Args:
        store: Where the leases are.
        clock: The time.
        feed: Tells when items were paused, cancelled or deleted; None: that is found out when
            the leases are renewed.
        worker: Who holds the leases.
        lease_s: How long a lease lasts, in seconds.
        chores: Keeps the renewal going; None: nothing else need know of it.
    """

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        *,
        feed: ChangeFeed | None = None,
        worker: WorkerId,
        lease_s: float,
        chores: Chores | None = None,
    ) -> None:
        self._chores = chores or Chores(clock)
        self._store = store
        self._clock = clock
        self._feed = feed
        self._lease_s = lease_s
        self._held: dict[ItemRef, Held] = {}
        self.worker = worker

    async def claim(self, ref: ItemRef) -> Claim | None:
        """Take the lease of an item; None: it cannot be had now."""
        return await self._store.claim_item(ref, worker=self.worker, lease_s=self._lease_s)

    @asynccontextmanager
    async def hold(self, claim: Claim) -> AsyncIterator[Held]:
        """
        Keep the lease of *claim* within the block; `Held.scope` tells when to stop.

        When the block is cancelled or fails, the lease is given back, so that another worker can
        go on at once.
        """
        held = Held(claim.ref, claim.fence)
        self._held[claim.ref] = held
        if claim.item.cancel_requested:
            held.interrupt(lost=False)
        try:
            yield held
        except BaseException:
            await self._release(held)
            raise
        finally:
            if self._held.get(claim.ref) is held:
                del self._held[claim.ref]

    async def _release(self, held: Held) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self._store.release_leases(self.worker, [(held.ref, held.fence)])
            except Exception as error:  # noqa: BLE001 - the first error is the one to know
                _log.warning("lease of %s will run out by itself: %s", held.ref, error)

    async def run(self) -> None:
        """Renew for ever; cancel to stop."""
        keep = self._chores.keep
        async with anyio.create_task_group() as group:
            if self._feed is not None:
                listen = partial(self._listen, self._feed)
                group.start_soon(keep, "listening for recalled items", listen)
            every_s = self._lease_s / 4
            await keep("renewing leases", self.renew, every_s=every_s, waits_first=True)

    async def _listen(self, feed: ChangeFeed) -> None:
        """Renew whenever items may have been taken from their workers."""
        async with feed.watch(RECALLS) as watch:
            while True:
                if await watch.changed(timeout_s=LISTEN_S):
                    await self.renew()

    async def renew(self) -> None:
        """
        Renew once.

        Raises:
            StorageError: The store cannot be reached.
        """
        held = list(self._held.values())
        if not held:
            return
        renewed = await self._store.renew_leases(
            self.worker, [(h.ref, h.fence) for h in held], lease_s=self._lease_s
        )
        kept = {(lease.ref, lease.fence): lease for lease in renewed}
        for one in held:
            lease = kept.get((one.ref, one.fence))
            if self._held.get(one.ref) is one and (lease is None or lease.cancel_requested):
                one.interrupt(lost=lease is None)
