"""The composition root: the only place that chooses implementations."""

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anyio
import anyio.to_thread

from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.backends.http.fetcher import HttpFetcher
from image2model.backends.http.openid import OpenIdSignIn
from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.inprocess.compute import ProcessCompute
from image2model.backends.inprocess.dispatcher import InProcessDispatcher, RunItem
from image2model.backends.inprocess.feed import InProcessChangeFeed
from image2model.backends.prometheus.exporter import serve_metrics
from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.backends.sql.audit import SqlAuditLog
from image2model.backends.sql.connections.postgres import open_postgres
from image2model.backends.sql.connections.sqlite import open_sqlite
from image2model.backends.sql.connections.transaction import Database
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.sessions import SqlSessionStore
from image2model.backends.sql.shares import SqlShareStore
from image2model.backends.sql.webhooks import SqlWebhookStore
from image2model.core.errors import (
    ExtraMissing,
    GeneratorNotFound,
    InvalidSetting,
    StorageUnavailable,
)
from image2model.core.generator import GeneratorId, RunsOn
from image2model.core.ids import OwnerId, WorkerId, new_hex_id
from image2model.core.job import KeepPolicy
from image2model.core.money import Budget, SpendingLimits
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.background.tasks import Chores
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.context import Context, Rules
from image2model.jobs.health import measure_now
from image2model.jobs.lifecycle.housekeeping import TIDY_EVERY_S, Housekeeper
from image2model.jobs.limits.bounds import Bounds
from image2model.jobs.limits.free_space import Reserve
from image2model.jobs.provider_links import Links
from image2model.jobs.results.previews import PreviewDrawer
from image2model.jobs.runs.fair_choice import FairChoice
from image2model.jobs.runs.leases import LeaseKeeper
from image2model.jobs.runs.recover import SWEEP_EVERY_S, Sweeper
from image2model.jobs.runs.run import ItemRunner
from image2model.jobs.runs.uncertain import SETTLE_EVERY_S, DoubtSettler
from image2model.jobs.webhooks.deliver import DELIVERY_TURN_S, WebhookDeliverer
from image2model.ports.artifacts import ArtifactStore
from image2model.ports.audit import AuditLog
from image2model.ports.dispatcher import Dispatcher, ItemRef
from image2model.ports.feed import ChangeFeed
from image2model.ports.jobstore import JobStore
from image2model.ports.metrics import Metrics
from image2model.ports.provider import Provider, ProviderTools
from image2model.ports.sessions import SessionStore
from image2model.ports.shares import ShareStore
from image2model.ports.sign_in import SignIn
from image2model.ports.webhooks import WebhookStore
from image2model.providers.local.provider import load_engine
from image2model.providers.registry import FoundProviders, create_providers
from image2model.settings import ServeSettings, Settings, harmless_environment

_log = logging.getLogger(__name__)

_WARM_UP_LIMIT_S = 60.0
_MEASURE_EVERY_S = 10.0
_ONCE = 0.9
"""The share of its period that a turn at a slow chore lasts: whoever comes first then does it."""

_IDLE_NICENESS = 15
"""How much what can wait steps back, as for `nice`: it gets 4 % of what another process gets."""

_NETWORK_ITEMS_AT_ONCE = 1_000
"""Items that wait for a provider cost next to nothing here; the provider has its own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """
    A running product.

    Attributes:
        context: What the use cases take.
        settings: What it was opened with.
    """

    context: Context
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """
    What is behind the database's URL.

    Attributes:
        jobs: The jobs.
        sessions: Who they belong to.
        shares: Who else may see them.
        webhooks: Who hears of them.
        audit: What changed money or access.
        database: Where both are; None: not in a SQL database.
    """

    jobs: JobStore
    sessions: SessionStore
    shares: ShareStore
    webhooks: WebhookStore
    audit: AuditLog
    database: Database | None = None


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """
    Open the database, creating or migrating its tables where needed; the block's end closes it.

    Raises:
        InvalidSetting: Its URL cannot be right.
        ExtraMissing: Its driver is not installed.
        DatabaseUnavailable: It cannot be opened.
    """
    url = settings.effective_database_url
    if settings.database_url is None:
        await anyio.to_thread.run_sync(_make_folders, settings.data_dir)
    match urlsplit(url).scheme.partition("+")[0]:
        case "sqlite":
            stores = _sql_stores(await open_sqlite(url))
        case "postgresql":
            stores = _sql_stores(await open_postgres(url))
        case "redis" | "rediss":
            stores = await _redis_stores(url)
        case scheme:
            raise AssertionError(scheme)  # The settings let no other through.
    try:
        yield stores
    finally:
        with anyio.CancelScope(shield=True):
            await stores.jobs.aclose()


def _sql_stores(database: Database) -> Stores:
    return Stores(
        jobs=SqlJobStore(database),
        sessions=SqlSessionStore(database),
        shares=SqlShareStore(database),
        webhooks=SqlWebhookStore(database),
        audit=SqlAuditLog(database),
        database=database,
    )


async def _redis_stores(url: str) -> Stores:
    try:
        # Not installed, and not needed, where everything is one process.
        from image2model.backends.redis.audit import RedisAuditLog  # noqa: PLC0415
        from image2model.backends.redis.connection.database import open_redis  # noqa: PLC0415
        from image2model.backends.redis.jobs.store import RedisJobStore  # noqa: PLC0415
        from image2model.backends.redis.rights import (  # noqa: PLC0415
            DATABASE_RIGHTS,
            check_rights,
        )
        from image2model.backends.redis.sessions import RedisSessionStore  # noqa: PLC0415
        from image2model.backends.redis.shares import RedisShareStore  # noqa: PLC0415
        from image2model.backends.redis.webhooks import RedisWebhookStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="Redis", extra="scaled") from error
    check = partial(check_rights, url, DATABASE_RIGHTS, setting="IMAGE2MODEL_DATABASE_URL")
    await anyio.to_thread.run_sync(check)
    database = open_redis(url)
    await database.now()
    return Stores(
        jobs=RedisJobStore(database),
        sessions=RedisSessionStore(database),
        shares=RedisShareStore(database),
        webhooks=RedisWebhookStore(database),
        audit=RedisAuditLog(database),
    )


@asynccontextmanager
async def open_app(
    settings: Settings, *, works: bool = True, only_of: OwnerId | None = None
) -> AsyncIterator[App]:
    """
    Open the product.

    Embedded, this process also runs the items; unfinished work of earlier processes is taken up at
    once. Leaving the block stops what runs; its leases are given back, and the next process goes on
    with it. With a queue, items are sent to workers.

    Args:
        settings: Where things are and what is allowed.
        works: Whether this process sees to it that items are run; False only looks and changes
            records.
        only_of: Whose items are taken up here; None: everybody's. What may be bought, and for how
            much, is told by each process's own settings: for others' jobs those of the server.

    Raises:
        InvalidSetting: A setting names something that cannot work.
        ExtraMissing: Something is needed that is installed on request only.
        StorageUnavailable: The data folder cannot be written.
    """
    async with AsyncExitStack() as stack:
        parts = await _open_parts(settings, stack)
        if works and parts.lanes is not None:
            await stack.enter_async_context(_working(parts, parts.lanes, only_of))
            await stack.enter_async_context(_warming(parts.compute))
        elif works:
            await stack.enter_async_context(_sharing_chores(parts))
        yield App(context=parts.context, settings=settings)


@asynccontextmanager
async def telling_metrics(context: Context, serving: ServeSettings) -> AsyncIterator[None]:
    """
    Let monitoring read what a web process counts, if a port is set for that.

    Raises:
        InvalidSetting: Nothing can be bound there.
    """
    if serving.metrics_port is None:
        yield
        return
    with serve_metrics(
        context.metrics,
        host=serving.metrics_host,
        port=serving.metrics_port,
        setting="IMAGE2MODEL_SERVE__METRICS_PORT",
    ):
        async with anyio.create_task_group() as group:
            measure = partial(measure_now, context)
            keep = partial(context.chores.keep, every_s=_MEASURE_EVERY_S)
            group.start_soon(keep, "measuring for the metrics", measure)
            yield
            group.cancel_scope.cancel()


@asynccontextmanager
async def open_worker(
    settings: Settings, *, metrics_port: int | None = None
) -> AsyncIterator[RunItem]:
    """
    Open what a worker process needs, and yield what runs an item that a message names.

    Leaving the block when items are under way is not for the caller to do: cancel them first, so
    that their leases are given back.

    Args:
        settings: Where things are and what is allowed.
        metrics_port: Where monitoring reads what this process counts; None: nowhere.

    Raises:
        As `open_app`.
    """
    async with AsyncExitStack() as stack:
        parts = await _open_parts(settings, stack)
        if metrics_port is not None:
            stack.enter_context(serve_metrics(parts.context.metrics, port=metrics_port))
        drawer = PreviewDrawer(parts.context)
        await stack.enter_async_context(_sharing_chores(parts, parts.keeper.run, drawer.run))
        await stack.enter_async_context(_warming(parts.compute))
        yield FairChoice(parts.context, parts.runner.run).run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """
    What a process is put together from.

    Attributes:
        lanes: Where items run in this process; None: they go through a queue.
    """

    context: Context
    compute: ProcessCompute
    keeper: LeaseKeeper
    runner: ItemRunner
    lanes: InProcessDispatcher | None


async def _open_parts(settings: Settings, stack: AsyncExitStack) -> _Parts:
    rules = _rules(settings)
    await anyio.to_thread.run_sync(_make_folders, settings.data_dir, rules.incoming)
    clock = SystemClock()
    stores = await stack.enter_async_context(open_stores(settings))
    compute = ProcessCompute(
        workers=settings.compute.processes,
        memory_limit_bytes=settings.compute.memory_bytes,
        environment=harmless_environment(),
        room_bytes=settings.compute.together_bytes,
    )
    stack.push_async_callback(compute.aclose)
    idle_compute = ProcessCompute(
        workers=1,
        memory_limit_bytes=settings.compute.memory_bytes,
        niceness=_IDLE_NICENESS,
        environment=harmless_environment(),
    )
    stack.push_async_callback(idle_compute.aclose)
    fetcher = HttpFetcher(allowed_private_hosts=settings.fetch.allowed_private_hosts)
    stack.push_async_callback(fetcher.aclose)
    # Connections of its own: slow receivers must not keep us from fetching results.
    poster = HttpFetcher(allowed_private_hosts=settings.fetch.allowed_private_hosts)
    stack.push_async_callback(poster.aclose)
    found = create_providers(
        ProviderTools(
            compute=compute,
            clock=clock,
            picture_limits=rules.picture,
            fetcher=fetcher,
            incoming=rules.incoming,
            result_bytes=rules.result_bytes,
            compute_limit_s=rules.compute_s,
            facts=stores.jobs,
        ),
        config_of=settings.provider_config,
    )
    for provider in found.usable:
        stack.push_async_callback(_close, provider)

    async def run_item(ref: ItemRef) -> None:
        await runner.run(ref)

    lanes = _open_lanes(settings, run_item) if settings.is_embedded else None
    metrics = stack.enter_context(_open_metrics(settings))
    chores = Chores(clock, metrics)
    opening = _queue(settings, chores)
    dispatcher = await stack.enter_async_context(opening) if lanes is None else lanes
    context = Context(
        store=stores.jobs,
        sessions=stores.sessions,
        shares=stores.shares,
        webhooks=stores.webhooks,
        audit=stores.audit,
        artifacts=open_artifacts(settings),
        dispatcher=dispatcher,
        feed=await stack.enter_async_context(_open_feed(settings, chores)),
        compute=compute,
        idle_compute=idle_compute,
        clock=clock,
        catalogue=_catalogue(settings, found),
        fetcher=fetcher,
        poster=poster,
        links=Links(fetcher, clock, metrics),
        metrics=metrics,
        rules=rules,
        chores=chores,
        reserve=_reserve(settings),
    )
    keeper = LeaseKeeper(
        context.store,
        clock,
        feed=context.feed,
        worker=_worker_id(),
        lease_s=rules.lease_s,
        chores=chores,
    )
    runner = ItemRunner(context, keeper)
    return _Parts(context=context, compute=compute, keeper=keeper, runner=runner, lanes=lanes)


@asynccontextmanager
async def open_sign_in(settings: Settings) -> AsyncIterator[SignIn | None]:
    """Open what signs people in through their organisation; None: nobody has set it up."""
    openid = settings.openid
    if openid.issuer is None:
        yield None
        return
    secret = openid.client_secret
    service = OpenIdSignIn(
        issuer=openid.issuer,
        client_id=openid.client_id,
        client_secret=secret.get_secret_value() if secret else None,
        claim=openid.claim,
        clock=SystemClock(),
    )
    try:
        yield service
    finally:
        await service.aclose()


def _open_lanes(settings: Settings, run_item: RunItem) -> InProcessDispatcher:
    return InProcessDispatcher(
        run_item,
        concurrency={
            RunsOn.CPU: settings.compute.processes + 1,
            RunsOn.GPU: 1,
            RunsOn.NETWORK: _NETWORK_ITEMS_AT_ONCE,
        },
    )


@asynccontextmanager
async def _open_feed(settings: Settings, chores: Chores) -> AsyncIterator[ChangeFeed]:
    local = InProcessChangeFeed()
    if urlsplit(settings.queue_url).scheme not in {"redis", "rediss"}:
        yield local
        return
    try:
        # Not installed, and not needed, where everything is one process.
        from image2model.backends.redis.feed import open_redis_feed  # noqa: PLC0415
        from image2model.backends.redis.rights import check_rights, queue_rights  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="Redis", extra="scaled") from error
    url, setting = settings.queue_url, "IMAGE2MODEL_QUEUE_URL"
    await anyio.to_thread.run_sync(partial(check_rights, url, queue_rights(url), setting=setting))
    opened = open_redis_feed(url, setting=setting, local=local, chores=chores)
    async with opened as feed:
        yield feed


@asynccontextmanager
async def _queue(settings: Settings, chores: Chores) -> AsyncIterator[Dispatcher]:
    try:
        # Imported when there is a queue: it takes long, and may not be installed.
        from image2model.backends.celery.broker import make_broker  # noqa: PLC0415
        from image2model.backends.celery.dispatcher import open_dispatcher  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="A queue", extra="scaled") from error
    broker = make_broker(settings.queue_url, longest_run_s=settings.item_hard_limit_s)
    async with open_dispatcher(broker, chores=chores) as dispatcher:
        yield dispatcher


@asynccontextmanager
async def _working(
    parts: _Parts, lanes: InProcessDispatcher, only_of: OwnerId | None
) -> AsyncIterator[None]:
    """Run items in this process, and do all chores."""
    async with anyio.create_task_group() as group:
        group.start_soon(parts.keeper.run)
        group.start_soon(Housekeeper(parts.context).run)
        group.start_soon(DoubtSettler(parts.context).run)
        group.start_soon(PreviewDrawer(parts.context).run)
        group.start_soon(WebhookDeliverer(parts.context).run)
        async with lanes:
            group.start_soon(Sweeper(parts.context, only_of=only_of).run)
            yield
        group.cancel_scope.cancel()


@asynccontextmanager
async def _sharing_chores(
    parts: _Parts, *more: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Do *more* all the time, and the chores in turn with the other processes of the product."""

    def turn(duty: str, lease_s: float) -> Turn:
        store, worker = parts.context.store, parts.keeper.worker
        return Turn(store, worker=worker, duty=duty, lease_s=lease_s)

    async with anyio.create_task_group() as group:
        for run in more:
            group.start_soon(run)
        group.start_soon(Sweeper(parts.context, turn("sweep", 2.5 * SWEEP_EVERY_S)).run)
        group.start_soon(Housekeeper(parts.context, turn("tidy", _ONCE * TIDY_EVERY_S)).run)
        group.start_soon(DoubtSettler(parts.context, turn("settle", _ONCE * SETTLE_EVERY_S)).run)
        group.start_soon(WebhookDeliverer(parts.context, turn("webhooks", DELIVERY_TURN_S)).run)
        yield
        group.cancel_scope.cancel()


async def _warm(compute: ProcessCompute) -> None:
    try:
        await compute.warm(_WARM_UP_LIMIT_S, load_engine)
    except* Exception as errors:  # noqa: BLE001  # what is broken shows again where it is needed
        _log.warning("the worker processes could not be warmed up", exc_info=errors)


@asynccontextmanager
async def _warming(compute: ProcessCompute) -> AsyncIterator[None]:
    """Start the worker processes in the background, so that the first picture finds them ready."""
    async with anyio.create_task_group() as group:
        group.start_soon(_warm, compute)
        yield
        group.cancel_scope.cancel()


def _worker_id() -> WorkerId:
    return WorkerId(f"{socket.gethostname()}:{os.getpid()}:{new_hex_id()[:8]}")


def _rules(settings: Settings) -> Rules:
    return Rules(
        items_per_job=settings.limits.items_per_job,
        unfinished_jobs_per_owner=settings.limits.unfinished_jobs_per_owner,
        requests_per_minute=settings.limits.requests_per_minute,
        jobs_per_minute=settings.limits.jobs_per_minute,
        fetches_per_minute=settings.limits.fetches_per_minute,
        uploads_at_once=settings.limits.uploads_at_once,
        fetches_at_once=settings.limits.fetches_at_once,
        picture_bytes=settings.limits.picture_bytes,
        picture=replace(PictureLimits(), max_pixels=settings.limits.picture_pixels),
        result_bytes=settings.limits.result_bytes,
        keep=KeepPolicy(settings.keep),
        keep_s=settings.effective_keep_s,
        links_s=settings.retention.links_s,
        draft_s=settings.retention.draft_s,
        audit_s=settings.retention.audit_s,
        budget=_budget(settings),
        allowed_generators=settings.allowed_generators,
        anonymous_may_pay=settings.anonymous_may_pay,
        unknown_price_usd=settings.budget.unknown_price_usd,
        lease_s=settings.lease_s,
        soft_limit_s=settings.item_soft_limit_s,
        hard_limit_s=settings.item_hard_limit_s,
        collect_s=settings.collect_s,
        compute_s=settings.compute.limit_s,
        bounds=_bounds(settings),
        webhooks_per_owner=settings.webhooks.per_owner,
        webhook_waiting=settings.webhooks.waiting,
        webhook_log_s=settings.webhooks.log_s,
        webhook_failing_s=settings.webhooks.failing_s,
        incoming=settings.data_dir / "incoming",
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        bytes_per_owner=settings.limit("bytes_per_owner"),
        anonymous_bytes=settings.limit("anonymous_bytes"),
        bytes=settings.limit("bytes"),
        drafts_per_owner=settings.limit("drafts_per_owner"),
        items_per_owner=settings.limit("items_per_owner"),
        derived_bytes_per_owner=settings.limit("derived_bytes_per_owner"),
        derived_bytes=settings.derived_bytes,
        sessions=settings.limits.sessions,
        sessions_per_hour=settings.limits.sessions_per_hour,
        empty_draft_s=settings.retention.empty_draft_s,
    )


def _budget(settings: Settings) -> Budget:
    given = settings.budget
    return Budget(
        day_usd=given.day_usd,
        month_usd=given.month_usd,
        owner=SpendingLimits(
            job_usd=given.owner_job_usd,
            day_usd=given.owner_day_usd,
            month_usd=given.owner_month_usd,
        ),
    )


def _reserve(settings: Settings) -> Reserve:
    storage = urlsplit(settings.effective_storage_url)
    if storage.scheme != "file":
        return Reserve([settings.data_dir], settings.reserve_bytes)
    files = Path(url2pathname(storage.path))
    return Reserve([settings.data_dir, files], settings.reserve_bytes, files=files)


def _make_folders(*folders: Path, setting: str = "IMAGE2MODEL_DATA_DIR") -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageUnavailable(
                where=str(folder),
                reason=f"{error.strerror}; set {setting} to a folder you may write",
            ) from error


def open_artifacts(settings: Settings) -> ArtifactStore:
    """
    Open the place where pictures and results are kept.

    Raises:
        InvalidSetting: Its URL cannot be right.
        ExtraMissing: What reaches it is not installed.
        StorageUnavailable: It cannot be made.
    """
    url = urlsplit(settings.effective_storage_url)
    setting = "IMAGE2MODEL_STORAGE_URL" if settings.storage_url else "IMAGE2MODEL_DATA_DIR"
    if url.scheme != "file":
        place = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
        return _bucket_store(settings, where=f"{place} ({setting})")
    folder = Path(url2pathname(url.path))
    _make_folders(folder, setting=setting)
    return FolderArtifactStore(folder, where=f"{folder} ({setting})")


@contextmanager
def _open_metrics(settings: Settings) -> Iterator[Metrics]:
    counting = PrometheusMetrics()
    if settings.traces_url is None:
        yield counting
        return
    try:
        from image2model.backends.otlp.traces import TracingMetrics  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="IMAGE2MODEL_TRACES_URL", extra="telemetry") from error
    tracing = TracingMetrics(
        counting, url=settings.traces_url, service="image2model", version=version("image2model")
    )
    try:
        yield tracing
    finally:
        tracing.close()


def _bucket_store(settings: Settings, *, where: str) -> ArtifactStore:
    try:
        from image2model.backends.objects.artifacts import ObjectArtifactStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="Storage in a bucket", extra="scaled") from error
    return ObjectArtifactStore(
        settings.effective_storage_url, endpoint_url=settings.storage_endpoint_url, where=where
    )


async def _close(provider: Provider) -> None:
    try:
        await provider.aclose()
    except Exception:  # noqa: BLE001 - a plug-in's, and what was asked for is done
        _log.warning("the provider '%s' could not be closed", provider.name, exc_info=True)


def _catalogue(settings: Settings, found: FoundProviders) -> Catalogue:
    wanted = GeneratorId(settings.effective_default_generator)
    left_out = {broken.name: broken.message for broken in found.broken}
    catalogue = Catalogue(found.usable, default=wanted, left_out=left_out)
    try:
        card = catalogue.card(wanted)
    except GeneratorNotFound as error:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DEFAULT_GENERATOR",
            reason=f"{error.message} Example: IMAGE2MODEL_DEFAULT_GENERATOR=local/puff",
        ) from error
    if not settings.allows(card.id):
        raise InvalidSetting(
            setting="IMAGE2MODEL_DEFAULT_GENERATOR",
            reason=f"is {card.id}, which IMAGE2MODEL_ALLOWED_GENERATORS does not allow. Name one "
            "that it does.",
        )
    return catalogue
