"""
Measure the job stores: calls per second and milliseconds per call.

Run it as `python bench/store.py`; it prints one line for each store and kind of call. The SQLite
file lies in a temporary folder, on whatever disk that is.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.sql.jobs import SqlJobStore
from image2model.backends.sql.sqlite import open_sqlite
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId, new_hex_id
from image2model.core.job import (
    FileRole,
    Handle,
    Item,
    Job,
    Picture,
    Progress,
    Result,
    ResultFile,
    Submission,
)
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, AttemptStart, Claim, JobStore, Step
from image2model.testing.memory_jobs import MemoryJobStore

T = TypeVar("T")

WORKER = WorkerId("bench")
LEASE_S = 600.0


def make_job(count: int) -> Job:
    """Make a running job of *count* items with a picture each."""
    job = JobId(new_hex_id())
    return Job(
        id=job,
        owner=OwnerId("bench"),
        name="bench",
        state=JobState.RUNNING,
        generator=GeneratorId("bench/none"),
        options={"quality": "high"},
        created_at=datetime.now(UTC),
        items=[
            Item(
                job=job,
                index=index,
                name=f"item-{index + 1}",
                state=ItemState.QUEUED,
                made_key=new_hex_id(),
                pictures=[
                    Picture(
                        view=View.FRONT,
                        artifact=ArtifactId(new_hex_id()),
                        media_type="image/png",
                        size_bytes=1000,
                        sha256="0" * 64,
                        width_px=100,
                        height_px=100,
                    )
                ],
            )
            for index in range(count)
        ],
    )


def steps_of_a_life() -> list[tuple[str, Step]]:
    """List what an item goes through: its start, acceptance, three changes, its result."""
    start = AttemptStart(
        submit_key=SubmitKey(new_hex_id()),
        provider="bench",
        submission=Submission(endpoint="make", estimated_usd=Decimal("0.2")),
    )
    accepted = AttemptChange(
        state=AttemptState.ACCEPTED, handle=Handle(request_id=new_hex_id(), data={"url": "x" * 60})
    )
    mesh = ResultFile(
        name="model.glb", role=FileRole.MESH, format="glb", artifact=ArtifactId(new_hex_id())
    )
    paid = AttemptChange(state=AttemptState.SUCCEEDED, cost_usd=Decimal("0.2"))
    generating = ItemState.GENERATING
    return [
        ("step: start", Step(to=ItemState.SUBMITTING, start=start)),
        ("step: accepted", Step(to=generating, attempt=accepted)),
        ("step: progress", Step(to=generating, progress=Progress(fraction=0.3, phase="a"))),
        ("step: progress", Step(to=generating, progress=Progress(fraction=0.6, phase="b"))),
        ("step: finishing", Step(to=ItemState.FINISHING)),
        (
            "step: succeeded",
            Step(to=ItemState.SUCCEEDED, result=Result(files=[mesh]), attempt=paid),
        ),
    ]


class Watch:
    """Collects how long calls took, by their kind."""

    def __init__(self) -> None:
        self.taken_s: dict[str, list[float]] = {}

    async def time(self, kind: str, call: Awaitable[T]) -> T:
        """Await *call* and note the time."""
        start = time.perf_counter()
        result = await call
        self.taken_s.setdefault(kind, []).append(time.perf_counter() - start)
        return result


async def live(store: JobStore, watch: Watch, ref: ItemRef) -> None:
    """Bring one item from its claim to its result."""
    claim = await watch.time("claim", store.claim_item(ref, worker=WORKER, lease_s=LEASE_S))
    assert isinstance(claim, Claim)
    for kind, step in steps_of_a_life():
        claim = await watch.time(kind, store.step(claim, step))


async def measure(store: JobStore, *, jobs: int, items: int, tasks: int) -> None:
    """Run *jobs* of *items* by *tasks* at a time, and print what the calls took."""
    watch = Watch()
    refs = []
    for _ in range(jobs):
        job = await watch.time(f"add_job ({items} items)", store.add_job(make_job(items)))
        refs += [ItemRef(job.id, item.index) for item in job.items]
    waiting = iter(refs)

    async def work() -> None:
        for ref in waiting:
            await live(store, watch, ref)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work())
    total_s = time.perf_counter() - start
    for _ in range(50):
        job_id = refs[0].job
        await watch.time(f"get_job ({items} items)", store.get_job(job_id))
        await watch.time("changes_since (nothing)", store.changes_since(job_id, 10**9))
        await watch.time("due_items", store.due_items(limit=500))
    steps = sum(len(taken) for kind, taken in watch.taken_s.items() if kind.startswith("step"))
    print(f"  {steps} steps by {tasks} tasks: {steps / total_s:,.0f} steps/s with their claims")
    for kind, taken in watch.taken_s.items():
        median, worst = statistics.median(taken), max(taken)
        print(f"  {kind:26} median {median * 1e3:7.2f} ms   worst {worst * 1e3:7.2f} ms")


@asynccontextmanager
async def open_sqlite_store(folder: Path) -> AsyncIterator[JobStore]:
    """Open a new SQLite store in *folder*, telling how long that takes."""
    url = f"sqlite:///{folder / 'bench.db'}"
    for what in ("created", "opened again"):
        start = time.perf_counter()
        store = SqlJobStore(await open_sqlite(url))
        await store.check()
        print(f"  {what} in {(time.perf_counter() - start) * 1e3:.0f} ms")
        if what == "created":
            await store.aclose()
    yield store
    await store.aclose()


async def main(jobs: int, items: int, tasks: int) -> None:
    """Measure all stores."""
    print("memory")
    await measure(MemoryJobStore(SystemClock()), jobs=jobs, items=items, tasks=tasks)
    with tempfile.TemporaryDirectory() as folder:
        print("sqlite")
        async with open_sqlite_store(Path(folder)) as store:
            await measure(store, jobs=jobs, items=items, tasks=tasks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the job stores.")
    parser.add_argument("--jobs", type=int, default=8, help="how many jobs (8)")
    parser.add_argument("--items", type=int, default=25, help="items of each job (25)")
    parser.add_argument("--tasks", type=int, default=1, help="items worked on at a time (1)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.jobs, arguments.items, arguments.tasks))
