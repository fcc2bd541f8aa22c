"""The job and session stores under contract, and the jobs that the contract tests give them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.redis.audit import RedisAuditLog
from image2model.backends.redis.connection.database import open_redis
from image2model.backends.redis.jobs.store import RedisJobStore
from image2model.backends.redis.sessions import RedisSessionStore
from image2model.backends.redis.shares import RedisShareStore
from image2model.backends.redis.webhooks import RedisWebhookStore
from image2model.backends.sql.audit import SqlAuditLog
from image2model.backends.sql.connections.postgres import open_postgres
from image2model.backends.sql.connections.sqlite import open_sqlite
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.sessions import SqlSessionStore
from image2model.backends.sql.shares import SqlShareStore
from image2model.backends.sql.webhooks import SqlWebhookStore
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import (
    LOCAL_OWNER,
    ArtifactId,
    JobId,
    OwnerId,
    SubmitKey,
    WorkerId,
    new_hex_id,
)
from image2model.core.job import (
    FileRole,
    Handle,
    Item,
    Job,
    Picture,
    Problem,
    Progress,
    Result,
    ResultFile,
    Submission,
)
from image2model.core.money import Budget
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.audit import AuditLog
from image2model.ports.clock import Clock
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    AttemptStart,
    Claim,
    DraftTerms,
    JobStore,
    Step,
)
from image2model.ports.sessions import SessionStore
from image2model.ports.shares import ShareStore
from image2model.ports.webhooks import WebhookStore
from image2model.testing.memory_audit import MemoryAuditLog
from image2model.testing.memory_jobs import MemoryJobStore
from image2model.testing.memory_sessions import MemorySessionStore
from image2model.testing.memory_shares import MemoryShareStore
from image2model.testing.memory_webhooks import MemoryWebhookStore

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
"""A time no store's clock shows."""

WORKER = WorkerId("worker-1")
RIVAL = WorkerId("worker-2")
LEASE_S = 30.0
PROBLEM = Problem(code="provider_rejected", message="No.", details={"provider": "testing"})

KINDS = ("memory", "postgresql", "redis", "sqlite")
"""The kinds of stores; all but the one in memory can be shared by processes."""


def terms_of(job: Job) -> DraftTerms:
    """Tell what *job* is made with."""
    return DraftTerms(
        generator=job.generator,
        options=job.options,
        output=job.output,
        keep=job.keep,
        life_s=job.life_s,
        budget_usd=job.budget_usd,
    )


@asynccontextmanager
async def open_job_store(url: str, *, clock: Clock | None = None) -> AsyncIterator[JobStore]:
    """Open the store at *url*; `memory:` has one for each call, and takes its time from *clock*."""
    match url.partition(":")[0]:
        case "memory":
            store: JobStore = MemoryJobStore(clock or SystemClock())
        case "redis":
            store = RedisJobStore(open_redis(url, clock=clock))
        case "sqlite":
            store = SqlJobStore(await open_sqlite(url, clock=clock))
        case _:
            store = SqlJobStore(await open_postgres(url, clock=clock))
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def open_session_store(url: str, *, clock: Clock) -> AsyncIterator[SessionStore]:
    """Open the store at *url*, as `open_job_store` does."""
    if url.startswith("memory:"):
        yield MemorySessionStore(clock)
        return
    if url.startswith("redis:"):
        redis = open_redis(url, clock=clock)
        yield RedisSessionStore(redis)
        await redis.aclose()
        return
    open_database = open_sqlite if url.startswith("sqlite:") else open_postgres
    database = await open_database(url, clock=clock)
    try:
        yield SqlSessionStore(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def open_share_store(url: str, *, clock: Clock) -> AsyncIterator[ShareStore]:
    """Open the store at *url*, as `open_job_store` does."""
    if url.startswith("memory:"):
        yield MemoryShareStore(clock)
        return
    if url.startswith("redis:"):
        redis = open_redis(url, clock=clock)
        yield RedisShareStore(redis)
        await redis.aclose()
        return
    open_database = open_sqlite if url.startswith("sqlite:") else open_postgres
    database = await open_database(url, clock=clock)
    try:
        yield SqlShareStore(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def open_audit_log(url: str) -> AsyncIterator[AuditLog]:
    """Open the audit log of the store at *url*."""
    if url.startswith("memory:"):
        yield MemoryAuditLog()
        return
    if url.startswith("redis:"):
        redis = open_redis(url)
        yield RedisAuditLog(redis)
        await redis.aclose()
        return
    open_database = open_sqlite if url.startswith("sqlite:") else open_postgres
    database = await open_database(url)
    try:
        yield SqlAuditLog(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def open_both_stores(
    url: str, *, clock: Clock | None = None
) -> AsyncIterator[tuple[JobStore, WebhookStore]]:
    """Open the job store at *url*, and the webhooks beside it."""
    async with open_job_store(url, clock=clock) as store:
        match store:
            case MemoryJobStore():
                yield store, MemoryWebhookStore(store.events)
            case RedisJobStore():
                redis = open_redis(url, clock=clock)
                yield store, RedisWebhookStore(redis)
                await redis.aclose()
            case _:
                open_database = open_sqlite if url.startswith("sqlite:") else open_postgres
                database = await open_database(url, clock=clock)
                yield store, SqlWebhookStore(database)
                await database.aclose()


def make_artifact() -> ArtifactId:
    """Make a new artifact id."""
    return ArtifactId(new_hex_id())


def make_picture(view: View = View.FRONT, artifact: ArtifactId | None = None) -> Picture:
    """Make a picture of *view* kept as *artifact*."""
    return Picture(
        view=view,
        artifact=artifact or make_artifact(),
        media_type="image/png",
        size_bytes=1_234,
        sha256="ab" * 32,
        width_px=640,
        height_px=480,
        notes=("it was scaled down",) if view is View.FRONT else (),
        credentials=("C2PA",) if view is View.FRONT else (),
        source_type="trainedAlgorithmicMedia" if view is View.FRONT else "",
    )


def make_item(index: int, **changes: object) -> Item:
    """Make a queued item at *index*."""
    item = Item(
        job=JobId(""),
        index=index,
        name=f"item-{index + 1}",
        state=ItemState.QUEUED,
        pictures=(make_picture(),),
        made_key=f"key-{index}",
        metadata={} if index % 2 else {"title": "Gänsekrug", "height_mm": 212.5},
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def make_job(*items: Item, count: int = 2, **changes: object) -> Job:
    """Make a running job of *items*, or of *count* queued ones."""
    job = Job(
        id=JobId(new_hex_id()),
        owner=LOCAL_OWNER,
        name="A job",
        state=JobState.RUNNING,
        generator=GeneratorId("testing/cube"),
        options={"quality": "high", "seed": 7, "nested": {"list": [1, None, "ü"]}},
        created_at=LONG_AGO,
        items=items or tuple(make_item(index) for index in range(count)),
    )
    job = replace(job, **changes)  # type: ignore[arg-type]
    return replace(job, items=tuple(replace(item, job=job.id) for item in job.items))


def make_draft(*, count: int = 0, owner: OwnerId = LOCAL_OWNER) -> Job:
    """Make a draft of *count* items."""
    items = tuple(make_item(index, made_key="") for index in range(count))
    return replace(make_job(owner=owner), state=JobState.DRAFT, items=items)


def make_file(name: str = "model.glb", **changes: object) -> ResultFile:
    """Make a mesh that we keep."""
    file = ResultFile(
        name=name,
        role=FileRole.MESH,
        format="glb",
        size_bytes=99,
        sha256="cd" * 32,
        crc32=2**32 - 1,
        artifact=make_artifact(),
    )
    return replace(file, **changes)  # type: ignore[arg-type]


def make_result(*files: ResultFile) -> Result:
    """Make a result of *files*, or of one mesh."""
    return Result(files=files or (make_file(),), facts={"faces": 12, "size_mm": [1.5, 2.0, 3.25]})


def new_start(usd: str = "0.20", *, day_usd: str | None = None, **limits: Any) -> Step:
    """Make the step that starts an attempt of *usd*; *limits*: those of `Budget`."""
    return Step(
        to=ItemState.SUBMITTING,
        start=AttemptStart(
            submit_key=SubmitKey(new_hex_id()),
            provider="testing",
            submission=Submission(endpoint="make", data={"seed": 7}, estimated_usd=Decimal(usd)),
        ),
        budget=Budget(
            day_usd=None if day_usd is None else Decimal(day_usd),
            **limits,
        ),
    )


def accept(request_id: str | None = None) -> Step:
    """Make the step that writes down the provider's answer."""
    handle = Handle(request_id=request_id or new_hex_id(), data={"url": "https://example.org/1"})
    return Step(
        to=ItemState.GENERATING, attempt=AttemptChange(state=AttemptState.ACCEPTED, handle=handle)
    )


async def take(
    store: JobStore, ref: ItemRef, *, worker: WorkerId = WORKER, lease_s: float = LEASE_S
) -> Claim:
    """Claim *ref*, which must be due."""
    claim = await store.claim_item(ref, worker=worker, lease_s=lease_s)
    assert claim is not None
    return claim


async def generate(store: JobStore, ref: ItemRef) -> Claim:
    """Bring the queued item *ref* to generating."""
    claim = await store.step(await take(store, ref), new_start())
    return await store.step(claim, accept())


async def succeed(store: JobStore, ref: ItemRef, result: Result | None = None) -> Claim:
    """Bring the queued item *ref* to its success."""
    claim = await generate(store, ref)
    claim = await store.step(claim, Step(to=ItemState.FINISHING, progress=Progress(fraction=0.9)))
    done = AttemptChange(state=AttemptState.SUCCEEDED, cost_usd=Decimal("0.25"))
    return await store.step(
        claim, Step(to=ItemState.SUCCEEDED, result=result or make_result(), attempt=done)
    )


async def fail(store: JobStore, ref: ItemRef) -> Claim:
    """Bring the queued item *ref* to its failure, before anything was sent."""
    return await store.step(await take(store, ref), Step(to=ItemState.FAILED, problem=PROBLEM))


async def doubt(store: JobStore, ref: ItemRef) -> Claim:
    """Bring the queued item *ref* to uncertain."""
    claim = await store.step(await take(store, ref), new_start())
    lost = AttemptChange(state=AttemptState.UNCERTAIN)
    return await store.step(claim, Step(to=ItemState.UNCERTAIN, problem=PROBLEM, attempt=lost))


def refs(job: Job) -> list[ItemRef]:
    """Name the items of *job*."""
    return [ItemRef(job.id, item.index) for item in job.items]
