"""Nothing is lost, done twice or paid twice, whoever crashes or stalls wherever he is."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from image2model.core.ids import JobId
from image2model.core.job import Job
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import JobStore
from tests.contracts.job_stores import make_job, open_job_store, refs
from tests.contracts.race import Follower, Record, race
from tests.harness.patience import PATIENCE_S

pytestmark = pytest.mark.anyio

JOBS = 8
ITEMS = 65
PROCESSES = 3
ITEMS_OF_PROCESSES = 20


async def add_jobs(store: JobStore, *, items: int) -> list[Job]:
    return [await store.add_job(make_job(count=items)) for _ in range(JOBS)]


def keys_of(jobs: Sequence[Job], event: str) -> Counter[str]:
    """Expect *event* once for every item of *jobs*."""
    return Counter(f"{event} {ref.job}/{ref.index}" for job in jobs for ref in refs(job))


def happened(counts: Counter[str], event: str) -> Counter[str]:
    """Keep what the record says of *event*."""
    return Counter({line: n for line, n in counts.items() if line.startswith(f"{event} ")})


def check_items(jobs: Sequence[Job]) -> None:
    """Every item has its result and exactly one attempt that was paid."""
    for job in jobs:
        assert (job.state, job.counts) == (JobState.FINISHED, {ItemState.SUCCEEDED: job.total})
        for item in job.items:
            states = [attempt.state for attempt in item.attempts]
            assert states == [AttemptState.FAILED] * (len(states) - 1) + [AttemptState.SUCCEEDED]
            assert item.result is not None


def check_follower(follower: Follower, jobs: Sequence[Job]) -> None:
    """Whoever only asked what is new knows all there is."""
    assert follower.versions == {job.id: job.version for job in jobs}
    assert follower.items == {
        ItemRef(job.id, item.index): item for job in jobs for item in job.items
    }


async def test_workers_race(any_store_url: str, tmp_path: Path) -> None:
    """Eight workers of one process, each of which crashes and stalls again and again."""
    async with open_job_store(any_store_url) as store:
        jobs = await add_jobs(store, items=ITEMS)
        record = Record(tmp_path / "record")
        follower = Follower(store, [job.id for job in jobs])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follower.run)
            racers = await race(store, record, follower.jobs, seed=1)
        after = [await store.get_job(job.id) for job in jobs]
    assert sum(racer.crashes for racer in racers) > 50
    assert sum(racer.leases_lost for racer in racers) > 0
    check_items(after)
    check_follower(follower, after)
    counts = record.counts()
    assert happened(counts, "submitted") == keys_of(jobs, "submitted")
    assert happened(counts, "done") == keys_of(jobs, "done")
    assert happened(counts, "finished") == Counter(f"finished {job.id}" for job in jobs)
    every_version = [
        f"version {job.id} {version}" for job in after for version in range(2, job.version + 1)
    ]
    assert happened(counts, "version") == Counter(every_version)


def test_processes_race(shared_store_url: str, tmp_path: Path) -> None:
    """Three processes of eight workers over one store; one is killed in the middle."""
    url = shared_store_url
    record = Record(tmp_path / "record")
    root = Path(__file__).parents[3]

    async def prepare() -> list[Job]:
        async with open_job_store(url) as store:
            return await add_jobs(store, items=ITEMS_OF_PROCESSES)

    async def follow(jobs: Sequence[JobId], victim: subprocess.Popen[bytes]) -> list[Job]:
        async with open_job_store(url) as store:
            follower = Follower(store, jobs)
            await follower.until_succeeded(JOBS * ITEMS_OF_PROCESSES // 4)
            victim.kill()
            await follower.run()
            after = [await store.get_job(job) for job in jobs]
            check_follower(follower, after)
            return after

    jobs = anyio.run(prepare)
    ids = [job.id for job in jobs]
    command = [sys.executable, "-m", "tests.contracts.race", url, str(tmp_path / "record")]
    processes = [
        subprocess.Popen([*command, str(seed), *ids], cwd=root) for seed in range(PROCESSES)
    ]
    try:
        after = anyio.run(follow, ids, processes[0])
        assert [process.wait(PATIENCE_S) for process in processes] == [-9, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    check_items(after)
    counts = record.counts()
    assert happened(counts, "submitted") == keys_of(jobs, "submitted")
    # What the killed process did last it may have had no time to note.
    assert happened(counts, "done") <= keys_of(jobs, "done")
    assert happened(counts, "finished") <= Counter(f"finished {job}" for job in ids)
    assert max(happened(counts, "version").values()) == 1
