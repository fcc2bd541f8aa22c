"""
Workers that race for items, crash and stall; a provider that remembers; a reader that follows.

Run as `python -m tests.contracts.race URL RECORD SEED` it is one process of several.
"""

import fcntl
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import anyio
import anyio.lowlevel

from image2model.core.errors import LeaseLost
from image2model.core.ids import JobId, SubmitKey, WorkerId, new_hex_id
from image2model.core.job import Item, Progress
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Claim, JobStore, Step
from tests.contracts.job_stores import accept, make_result, new_start, open_job_store

WORKERS = 8
LEASE_S = 0.2
STALL_LEASES = 1.25
MOST_STALL_LEASES = 20
CRASHES = 0.05
STALLS = 0.01
NAP_S = 0.02
"""How long a worker that finds nothing to do waits before it looks again."""


class Crash(Exception):
    """The worker is gone, as if its process had been killed: it gives nothing back."""


class Refused(Exception):
    """The provider does not take this submission any more."""


class Record:
    """
    What must not happen twice, in a file that all processes share and that outlives them.

    It plays the provider too. Somebody may ask for a submission, hear that it never came, and
    make another one, while the first, stalled, is still to come: the provider refuses that one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        with self._path.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            yield file

    def submit(self, key: SubmitKey, ref: ItemRef) -> None:
        """Start paid work, or raise `Refused`."""
        with self._locked() as file:
            if f"withdrawn {key}\n" in file.readlines():
                raise Refused
            file.write(f"submitted {ref.job}/{ref.index}\nkey {key}\n")

    def has(self, key: SubmitKey) -> bool:
        """Tell whether *key* was submitted; if not, it never will be."""
        with self._locked() as file:
            found = f"key {key}\n" in file.readlines()
            if not found:
                file.write(f"withdrawn {key}\n")
            return found

    def note(self, *lines: str) -> None:
        """Remember what has happened."""
        with self._locked() as file:
            file.writelines(f"{line}\n" for line in lines)

    def counts(self) -> Counter[str]:
        """Count how often each thing has happened."""
        with self._locked() as file:
            return Counter(line.strip() for line in file)


class Racer:
    """
    One of many that work in a process and ask for leases in its name.

    When it crashes, another one takes its place: only the fence tells their claims apart.
    """

    def __init__(
        self, store: JobStore, record: Record, worker: WorkerId, chance: random.Random
    ) -> None:
        self._store = store
        self._worker = worker
        self._record = record
        self._chance = chance
        self._lease_s = LEASE_S
        self._has_stalled = False
        self.crashes = 0
        self.leases_lost = 0

    async def run(self) -> None:
        """Work until no item is left."""
        while True:
            try:
                while True:
                    await self._turn()
            except Crash:
                self.crashes += 1

    async def _turn(self) -> None:
        due = await self._store.due_items(limit=3 * WORKERS)
        if not due:
            await anyio.sleep(NAP_S)
            return
        ref = self._chance.choice(due)
        claim = await self._store.claim_item(ref, worker=self._worker, lease_s=self._lease_s)
        if claim is None:
            return
        self._has_stalled = False
        await self._boundary(claim)
        try:
            await self._work(claim)
        except (LeaseLost, Refused):
            self.leases_lost += 1
            if not self._has_stalled:
                # The machine is too slow for it: nobody would ever come to an end.
                self._lease_s *= 2

    async def _work(self, claim: Claim) -> None:
        if claim.item.state is ItemState.QUEUED:
            claim = await self._step(claim, new_start())
            self._record.submit(claim.item.attempts[-1].submit_key, claim.ref)
            await self._boundary(claim)
            claim = await self._accepted(claim)
        elif claim.item.state is ItemState.SUBMITTING:
            if not self._record.has(claim.item.attempts[-1].submit_key):
                unpaid = AttemptChange(state=AttemptState.FAILED)
                await self._step(claim, Step(to=ItemState.QUEUED, attempt=unpaid))
                return
            claim = await self._accepted(claim)
        if claim.item.state is ItemState.GENERATING:
            half = Progress(fraction=0.5, phase="Sculpting")
            claim = await self._step(claim, Step(to=ItemState.GENERATING, progress=half))
            claim = await self._step(claim, Step(to=ItemState.FINISHING))
        done = AttemptChange(state=AttemptState.SUCCEEDED)
        await self._step(claim, Step(to=ItemState.SUCCEEDED, result=make_result(), attempt=done))

    async def _accepted(self, claim: Claim) -> Claim:
        key = claim.item.attempts[-1].submit_key
        return await self._step(claim, accept(f"request-{key}"))

    async def _step(self, claim: Claim, step: Step) -> Claim:
        after = await self._store.step(claim, step)
        lines = [f"version {after.ref.job} {after.job.version}"]
        if after.item.state is ItemState.SUCCEEDED:
            lines.append(f"done {after.ref.job}/{after.ref.index}")
        if after.job.state is JobState.FINISHED:
            lines.append(f"finished {after.ref.job}")
        self._record.note(*lines)
        await self._boundary(after)
        return after

    async def _boundary(self, claim: Claim) -> None:
        """Go on, stall, or crash."""
        await anyio.lowlevel.checkpoint()
        if self._chance.random() < STALLS:
            await self._stall(claim)
        if self._chance.random() < CRASHES:
            raise Crash

    async def _stall(self, claim: Claim) -> None:
        """Wait until the lease has run out, and half the time until somebody has gone on, too."""
        self._has_stalled = True
        await anyio.sleep(STALL_LEASES * self._lease_s)
        if self._chance.random() < 0.5:
            return
        # Not for ever: all may stall at once.
        with anyio.move_on_after(MOST_STALL_LEASES * self._lease_s):
            while not await self._is_taken(claim):  # noqa: ASYNC110 - the store knows
                await anyio.sleep(NAP_S)

    async def _is_taken(self, claim: Claim) -> bool:
        return (await self._store.get_item(claim.ref)).version != claim.item.version


@dataclass
class Follower:
    """
    Follows jobs by `changes_since` alone, as a browser does.

    Attributes:
        items: What it has seen last of every item.
        versions: The version it has come to with each job.
        states: Where each job stood then.
    """

    store: JobStore
    jobs: Sequence[JobId]
    items: dict[ItemRef, Item] = field(default_factory=dict)
    versions: dict[JobId, int] = field(default_factory=dict)
    states: dict[JobId, JobState] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow until all jobs are finished."""
        await self._until(lambda: all(found is JobState.FINISHED for found in self.states.values()))

    async def until_succeeded(self, count: int) -> None:
        """Follow until *count* items have succeeded."""
        succeeded = ItemState.SUCCEEDED
        await self._until(
            lambda: sum(item.state is succeeded for item in self.items.values()) >= count
        )

    async def _until(self, is_enough: Callable[[], bool]) -> None:
        while True:
            for job in self.jobs:
                await self._look(job)
            if is_enough():
                return
            await anyio.sleep(NAP_S)

    async def _look(self, job: JobId) -> None:
        known = self.versions.get(job, 0)
        changes = await self.store.changes_since(job, known)
        assert changes.job.version >= known
        for item in changes.items:
            assert known < item.version <= changes.job.version
            self.items[ItemRef(job, item.index)] = item
        self.versions[job] = changes.job.version
        self.states[job] = changes.job.state


async def race(store: JobStore, record: Record, jobs: Sequence[JobId], *, seed: int) -> list[Racer]:
    """Let `WORKERS` work on *store* until all *jobs* are finished; return them."""
    worker = WorkerId(new_hex_id())
    chances = [random.Random(f"{seed}-{number}") for number in range(WORKERS)]
    racers = [Racer(store, record, worker, chance) for chance in chances]
    async with anyio.create_task_group() as tasks:
        for racer in racers:
            tasks.start_soon(racer.run)
        await Follower(store, jobs).run()
        tasks.cancel_scope.cancel()
    return racers


async def main(*arguments: str) -> None:
    """Be one of several processes."""
    url, record, seed, *jobs = arguments
    async with open_job_store(url) as store:
        await race(store, Record(Path(record)), [JobId(job) for job in jobs], seed=int(seed))


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
