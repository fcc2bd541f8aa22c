"""Calls about the same thing that are written in one transaction."""

from collections.abc import AsyncIterator, Sequence
from typing import Self

import anyio
import pytest
import sqlalchemy as sa

from image2model.backends.sql.connections.batching import MOST_TOGETHER, Together
from image2model.backends.sql.connections.postgres import PostgresDatabase, open_postgres
from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.tables import turns
from image2model.core.errors import JobNotFound, LeaseLost
from image2model.core.job import Progress
from image2model.core.states import ItemState, JobState
from image2model.ports.jobstore import Claim, Step
from tests.contracts.job_stores import PROBLEM, generate, make_job, new_start, refs, take

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    database = await open_postgres(postgres_url)
    try:
        yield database
    finally:
        await database.aclose()


class Transactions:
    """Counts what an engine commits and what it sends within a block."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._engine = database._engine
        self.commits = 0
        self.statements = 0

    def __enter__(self) -> Self:
        """Begin to count."""
        sa.event.listen(self._engine, "commit", self._commit)
        sa.event.listen(self._engine, "before_cursor_execute", self._execute)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        sa.event.remove(self._engine, "commit", self._commit)
        sa.event.remove(self._engine, "before_cursor_execute", self._execute)

    def _commit(self, _connection: sa.Connection) -> None:
        self.commits += 1

    def _execute(self, *_: object) -> None:
        self.statements += 1


async def gather(store: SqlJobStore, steps: Sequence[tuple[Claim, Step]]) -> list[Claim | str]:
    """Ask for *steps* at the same moment; returns the claims, or the codes of errors."""
    after: dict[int, Claim | str] = {}

    async def step(number: int, claim: Claim, step: Step) -> None:
        try:
            after[number] = await store.step(claim, step)
        except LeaseLost as error:
            after[number] = error.code

    async with anyio.create_task_group() as tasks:
        for number, (claim, wanted) in enumerate(steps):
            tasks.start_soon(step, number, claim, wanted)
    return [after[number] for number in range(len(steps))]


async def test_steps_of_a_job_share_transactions(database: PostgresDatabase) -> None:
    """All that come at a moment, in no more statements than one takes."""
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=30))
    claims = [await take(store, ref) for ref in refs(job)]
    with Transactions(database) as alone:
        claims[0] = await store.step(claims[0], new_start())
    starts = [(claim, new_start()) for claim in claims[1:]]
    with Transactions(database) as together:
        after = await gather(store, starts)
    assert (alone.commits, together.commits) == (1, 1)
    assert together.statements == alone.statements
    seen = await store.get_job(job.id)
    taken = [claim for claim in after if isinstance(claim, Claim)]
    assert [claim.item for claim in taken] == list(seen.items)[1:]
    assert sorted(claim.job.version for claim in taken) == list(range(3, 32))
    assert seen.version == 31


async def test_lost_lease_takes_nothing_from_the_others(database: PostgresDatabase) -> None:
    """Where one step must not be written, the others are, each with a version of its own."""
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=5))
    claims = [await generate(store, ref) for ref in refs(job)]
    await store.release_leases(claims[2].worker, [(claims[2].ref, claims[2].fence)])
    progress = Progress(fraction=0.5, phase="half")
    before = (await store.get_job(job.id)).version
    step = Step(to=ItemState.GENERATING, progress=progress)
    after = await gather(store, [(claim, step) for claim in claims])
    assert after[2] == "lease_lost"
    versions = sorted(claim.job.version for claim in after if isinstance(claim, Claim))
    assert versions == list(range(before + 1, before + 5))
    seen = await store.get_job(job.id)
    assert seen.version == before + 4
    assert sum(item.progress == progress for item in seen.items) == 4


async def test_two_steps_of_one_item_are_one_after_the_other(database: PostgresDatabase) -> None:
    """The second finds another state than its claim says."""
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=2))
    held, other = [await take(store, ref) for ref in refs(job)]
    fail = Step(to=ItemState.FAILED, problem=PROBLEM)
    after = await gather(store, [(other, fail), (held, fail), (held, fail)])
    assert after.count("lease_lost") == 1
    ended = [claim.job.state for claim in after if isinstance(claim, Claim)]
    assert sorted(ended) == [JobState.FINISHED, JobState.RUNNING]


async def test_cancelled_caller_takes_nothing_from_the_others() -> None:
    """Who writes for others goes on, even where nobody waits for its own answer any more."""
    written: list[list[int]] = []
    go_on = anyio.Event()

    async def write(_work: object, numbers: Sequence[int]) -> list[int]:
        await go_on.wait()
        written.append(list(numbers))
        return [-number for number in numbers]

    together = Together(write)
    answers: list[int] = []

    async def do(number: int) -> None:
        answers.append(await together.do(echo, "a", number))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as leaders:
                leaders.start_soon(do, 0)
                await anyio.wait_all_tasks_blocked()
                for number in range(1, MOST_TOGETHER + 3):
                    tasks.start_soon(do, number)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                go_on.set()
    assert [len(numbers) for numbers in written] == [1, MOST_TOGETHER, 2]
    assert sorted(answers) == [-number for number in range(MOST_TOGETHER + 2, -1, -1)]
    assert together._queues == {}


async def test_one_that_raises_is_told_alone() -> None:
    async def write(_work: object, words: Sequence[str]) -> list[str]:
        if "bad" in words:
            raise JobNotFound(job="bad")
        return [word.upper() for word in words]

    together = Together(write)
    answers: list[str] = []

    async def do(word: str) -> None:
        try:
            answers.append(await together.do(echo, "a", word))
        except JobNotFound:
            answers.append("refused")

    async with anyio.create_task_group() as tasks:
        for word in ("first", "good", "bad", "fine"):
            tasks.start_soon(do, word)
    assert sorted(answers) == ["FINE", "FIRST", "GOOD", "refused"]


def echo(_tx: Transaction, arguments: Sequence[object]) -> Sequence[object]:
    """Stand for any work; `write` above does not call it."""
    return arguments


async def test_arguments_are_written_in_their_order(database: PostgresDatabase) -> None:
    """Each caller gets the answer to its own argument."""

    def insert(tx: Transaction, tokens: Sequence[str]) -> list[str]:
        rows = [{"duty": token, "worker": "w", "until": 0.0} for token in tokens]
        tx.run_each(sa.insert(turns), rows)
        return [f"{token} done" for token in tokens]

    answers: dict[str, str] = {}

    async def do(token: str) -> None:
        answers[token] = await database.write_together(insert, "all", token)

    tokens = [f"{number:02}" for number in range(20)]
    async with anyio.create_task_group() as tasks:
        for token in tokens:
            tasks.start_soon(do, token)
    assert answers == {token: f"{token} done" for token in tokens}
