"""
What keeping jobs costs: calls, exchanges with the database and milliseconds for each item.

All stores in one run, side by side: in memory, SQLite in a temporary folder on whatever disk that
is, and PostgreSQL and Redis as `make test` starts them, on this machine. Those two do not wait for
the disk here (`fsync = off`, no append-only file), which a real one does at every commit.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.redis.connection.connect import connect
from image2model.backends.redis.connection.database import CONNECTIONS, RedisDatabase
from image2model.backends.redis.jobs.store import RedisJobStore
from image2model.backends.sql.connections.postgres import open_postgres
from image2model.backends.sql.connections.sqlite import open_sqlite
from image2model.backends.sql.jobs.store import SqlJobStore
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
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

WORKER = WorkerId("bench")
LEASE_S = 600.0
JOBS = 4
ITEMS = 25
TASKS = (1, 16)
"""How many items are worked on at a time."""


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


def steps_of_a_life() -> list[Step]:
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
        Step(to=ItemState.SUBMITTING, start=start),
        Step(to=generating, attempt=accepted),
        Step(to=generating, progress=Progress(fraction=0.3, phase="a")),
        Step(to=generating, progress=Progress(fraction=0.6, phase="b")),
        Step(to=ItemState.FINISHING),
        Step(to=ItemState.SUCCEEDED, result=Result(files=[mesh]), attempt=paid),
    ]


@dataclass(slots=True)
class Exchanges:
    """How often a database was asked something; beginning and committing count."""

    count: int = 0


@contextmanager
def counting_sql(exchanges: Exchanges) -> Iterator[None]:
    """Count what is sent to any SQL database within the block."""

    def count(*_arguments: Any) -> None:
        exchanges.count += 1

    def count_begin(connection: sa.Connection) -> None:
        # On SQLite it is a statement like others, and counted as one.
        exchanges.count += connection.dialect.name == "postgresql"

    listeners = {"before_cursor_execute": count, "begin": count_begin, "commit": count}
    for name, listener in listeners.items():
        sa.event.listen(sa.Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            sa.event.remove(sa.Engine, name, listener)


class CountedRedis(RedisDatabase):
    """A database in Redis that counts how often it asks."""

    def __init__(self, url: str, exchanges: Exchanges) -> None:
        client = connect(url, setting="URL", connections=CONNECTIONS, texts=True)
        super().__init__(client, clock=None)
        self._exchanges = exchanges

    async def run_all(self, commands: Sequence[Sequence[str | float]]) -> list[Any]:
        """Run several commands in one exchange."""
        self._exchanges.count += 1
        return await super().run_all(commands)

    async def _script(self, name: str, names: Sequence[str], arguments: Sequence[str]) -> Any:
        self._exchanges.count += 1
        return await super()._script(name, names, arguments)


async def live(store: JobStore, ref: ItemRef) -> int:
    """Bring one item from its claim to its result; returns how many calls that took."""
    claim = await store.claim_item(ref, worker=WORKER, lease_s=LEASE_S)
    assert isinstance(claim, Claim)
    steps = steps_of_a_life()
    for step in steps:
        claim = await store.step(claim, step)
    return 1 + len(steps)


async def measure(name: str, store: JobStore, exchanges: Exchanges, *, tasks: int) -> None:
    """Make some jobs by *tasks* at a time, and print what each item cost."""
    refs = []
    for _ in range(JOBS):
        job = await store.add_job(make_job(ITEMS))
        refs += [ItemRef(job.id, item.index) for item in job.items]
    waiting = iter(refs)
    calls = 0

    async def work() -> None:
        nonlocal calls
        for ref in waiting:
            made = await live(store, ref)
            calls += made

    before, start_s = exchanges.count, time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work())
    taken_s = time.perf_counter() - start_s
    print(
        f"{name:12} {tasks:5} {calls / len(refs):9.0f} "
        f"{(exchanges.count - before) / len(refs):9.1f} {taken_s / len(refs) * 1e3:9.2f} "
        f"{calls / taken_s:9,.0f}"
    )


@asynccontextmanager
async def stores(exchanges: Exchanges) -> AsyncIterator[dict[str, JobStore]]:
    """Open a new store of each kind."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        postgres = stack.enter_context(PostgresServer())
        redis = stack.enter_context(RedisServer())
        stack.enter_context(counting_sql(exchanges))
        opened: dict[str, JobStore] = {
            "memory": MemoryJobStore(SystemClock()),
            "SQLite": SqlJobStore(await open_sqlite(f"sqlite:///{Path(folder) / 'bench.db'}")),
            "PostgreSQL": SqlJobStore(await open_postgres(postgres.make_database())),
            "Redis": RedisJobStore(CountedRedis(redis.url(), exchanges)),
        }
        for store in opened.values():
            stack.push_async_callback(store.aclose)
        yield opened


async def measure_all() -> None:
    """Measure all stores, one after the other."""
    print(f"{JOBS} jobs of {ITEMS} items; for each item:")
    print(f"{'':12} tasks     calls exchanges        ms   calls/s")
    exchanges = Exchanges()
    async with stores(exchanges) as opened:
        for tasks in TASKS:
            for name, store in opened.items():
                await measure(name, store, exchanges, tasks=tasks)


def main() -> None:
    """Measure, and print a line for each store."""
    asyncio.run(measure_all())


if __name__ == "__main__":
    main()
