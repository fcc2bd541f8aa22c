"""The desk that does the work in this process, with an event loop in a thread of its own."""

import asyncio
import getpass
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from image2model.api.serializers import jobs as serializers
from image2model.bootstrap import open_app
from image2model.cli.service.event_loop import call_on
from image2model.cli.service.operator import EmbeddedOperator
from image2model.cli.service.service import Order, Resolution
from image2model.core.audit import Actor, acting_as
from image2model.core.generator import GeneratorId
from image2model.core.ids import LOCAL_OWNER, JobId
from image2model.core.job import Job, KeepPolicy
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.core.webhooks import EventId, WebhookId
from image2model.geometry.conversion.request import FORMATS
from image2model.jobs.access import owned_job
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from image2model.jobs.context import Context
from image2model.jobs.intake.receive import ItemGroup, receive_pictures
from image2model.jobs.intake.submit import JobRequest, submit_job
from image2model.jobs.lifecycle import control
from image2model.jobs.lifecycle.watch import list_jobs, wait_for_change
from image2model.jobs.paging import PageT, QueryT
from image2model.jobs.results.download import (
    find_file,
    find_model,
    read_found,
    read_model,
)
from image2model.jobs.results.fidelity import find_fidelity
from image2model.jobs.spending.estimate import estimate_job
from image2model.jobs.spending.purchase import find_buyer
from image2model.jobs.webhooks import manage
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import JobQuery, LedgerQuery
from image2model.ports.jobstore import Resolution as Decision
from image2model.settings import Settings
from image2model.wire.generators import EstimateOut, GeneratorOut
from image2model.wire.inspection import FidelityOut
from image2model.wire.items import FileOut
from image2model.wire.jobs import JobOut, JobSummary
from image2model.wire.ledger import LedgerEntryOut
from image2model.wire.webhooks import DeliveryOut, WebhookOut, WebhookSecretOut

T = TypeVar("T")

ITEM_LIMIT = 500
"""The operator's own limit protects servers; the owner of this machine may do as he likes."""

_CHUNK_BYTES = 1024 * 1024
_LOOK_EVERY_S = 0.05
_LOOKING_SHARE = 0.2
"""The most of the time that goes into reading a large job again and again."""


@contextmanager
def open_embedded(settings: Settings, *, works: bool) -> Iterator["EmbeddedDesk"]:
    """
    Open the product in this process.

    Args:
        settings: Where things are and what is allowed.
        works: Whether this process makes models, or only looks and changes records.

    Raises:
        ConfigurationError, StorageError: It cannot be opened.
    """
    limits = settings.limits.model_copy(update={"items_per_job": ITEM_LIMIT})
    # Nothing listens here, so nobody shall be told to call.
    raised = settings.model_copy(update={"limits": limits, "public_url": None})
    failure: BaseException | None = None
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            open_app(raised, works=works, only_of=LOCAL_OWNER)
        ) as app,
        acting_as(Actor(name=f"cli:{_user()}")),
    ):
        try:
            yield EmbeddedDesk(portal.call(asyncio.get_running_loop), app.context)
        except BaseException as error:  # noqa: BLE001
            # Raised again below: the event loop must not see it, least of all Ctrl-C.
            failure = error
    if failure is not None:
        raise failure


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # Nobody has named it, as in some containers.
        return "unknown"


class EmbeddedDesk:
    """A `Desk` over the use cases; jobs belong to the owner `local`."""

    works_here = True
    item_limit: int | None = ITEM_LIMIT
    formats: Sequence[str] | None = FORMATS

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self._loop = loop
        self.context = context

    def call(self, function: Callable[..., Awaitable[T]], *args: object, **more: object) -> T:
        """Run a coroutine function on the event loop; where Ctrl-C ends the wait, it is stopped."""
        return call_on(self._loop, partial(function, *args, **more))

    def pages(self, read: Callable[[QueryT], Awaitable[PageT]], query: QueryT) -> Iterator[PageT]:
        """Yield the pages that *query* asks for, each when it is asked for."""
        while True:
            page = self.call(read, query)
            yield page
            if page.next is None:
                return
            query = replace(query, after=page.next)

    # --- generators -------------------------------------------------------------------------

    def generators(self) -> Sequence[GeneratorOut]:
        """List the generators, the default one first."""
        catalogue = self.context.catalogue
        return [
            serializers.generator_out(card, default=card.id == catalogue.default)
            for card in catalogue.cards()
        ]

    def generator(self, generator: str | None) -> GeneratorOut:
        """Describe a generator; None: the default one."""
        catalogue = self.context.catalogue
        card = catalogue.card(GeneratorId(generator or catalogue.default))
        return serializers.generator_out(card, default=card.id == catalogue.default)

    def estimate(
        self, generator: str, options: Mapping[str, Any], *, items: int, items_with_views: int
    ) -> EstimateOut:
        """Forecast a job."""
        return serializers.estimate_out(
            estimate_job(
                self.call(find_buyer, self.context, LOCAL_OWNER),
                generator=GeneratorId(generator),
                options=options,
                items=items,
                items_with_views=items_with_views,
            )
        )

    def day_left_usd(self) -> float | None:
        """Tell what is left of the budget of a day."""
        budget_usd = self.context.rules.budget.day_usd
        if budget_usd is None:
            return None
        usage = self.call(self.context.store.usage, LOCAL_OWNER)
        return float(max(Decimal(0), budget_usd - usage.day_usd))

    # --- jobs -------------------------------------------------------------------------------

    def submit(self, order: Order) -> JobOut:
        """Take a job in."""
        return self._shown(self.call(self._submit, order))

    async def _submit(self, order: Order) -> Job:
        places: list[Path] = []
        groups: list[ItemGroup] = []
        for subject in order.subjects:
            first = len(places)
            places += [picture.path for picture in subject.pictures.values()]
            views = dict(zip(subject.pictures, range(first, len(places)), strict=True))
            groups.append(ItemGroup(name=subject.name, pictures=views))
        async with receive_pictures(self.context) as intake:
            for path in places:
                await intake.add(_chunks(path), file_name=path.name)
            rows = order.sheet.rows if order.sheet else ()
            new_items = await intake.hand_over(groups, rows=rows)
        return await submit_job(self.context, LOCAL_OWNER, _request(order), new_items)

    def follow(self, job: str) -> Iterator[JobOut]:
        """Yield the job now and as it changes, until nothing more happens by itself."""
        known = 0
        while True:
            began_s = time.monotonic()
            current = self.call(
                wait_for_change, self.context, LOCAL_OWNER, JobId(job), after=known, wait_s=1.0
            )
            if current.version > known:
                yield self._shown(current)
            if _is_settled(current):
                return
            known = current.version
            spent_s = time.monotonic() - began_s
            time.sleep(max(_LOOK_EVERY_S, min(1.0, spent_s * (1 / _LOOKING_SHARE - 1))))

    def job(self, job: str) -> JobOut:
        """Read a job."""
        return self._shown(self.call(owned_job, self.context, LOCAL_OWNER, JobId(job)))

    def jobs(self, *, text: str = "", state: str | None = None) -> Iterator[JobSummary]:
        """List the jobs, newest first."""
        wanted = JobState(state) if state else None
        query = JobQuery(owner=LOCAL_OWNER, text=text, state=wanted)
        for page in self.pages(partial(list_jobs, self.context), query):
            for job in page.jobs:
                yield serializers.job_summary(self.context, job)

    def cancel(self, job: str, item: int | None) -> JobOut:
        """Cancel a job, or one item of it."""
        return self._act(control.cancel_items, job, None if item is None else [item])

    def retry(self, job: str, items: Sequence[int] | None) -> JobOut:
        """Make the failed items again, or some failed or cancelled items."""
        return self._act(control.retry_items, job, items)

    def pause(self, job: str) -> JobOut:
        """Start no further items."""
        return self._act(control.pause_job, job)

    def resume(self, job: str) -> JobOut:
        """Let a paused job go on."""
        return self._act(control.resume_job, job)

    def resolve(self, job: str, item: int, resolution: Resolution) -> JobOut:
        """Decide about an item of which nobody knows whether the provider accepted it."""
        ref = ItemRef(JobId(job), item)
        decision = Decision(resolution)
        return self._shown(
            self.call(control.resolve_item, self.context, LOCAL_OWNER, ref, decision)
        )

    def delete(self, job: str) -> None:
        """Delete a job with its pictures and results."""
        self.call(control.delete_job, self.context, LOCAL_OWNER, JobId(job))

    def _act(self, use_case: Callable[..., Awaitable[Job]], job: str, *more: object) -> JobOut:
        return self._shown(self.call(use_case, self.context, LOCAL_OWNER, JobId(job), *more))

    def _shown(self, job: Job) -> JobOut:
        return serializers.job_out(self.context, job)

    def ledger(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[LedgerEntryOut]:
        """List what was sent to providers between two moments, newest first."""
        query = LedgerQuery(owner=LOCAL_OWNER, since=since, until=until, limit=500)
        for page in self.pages(self.context.store.list_ledger, query):
            yield from map(serializers.ledger_entry_out, page.entries)

    @property
    def operator(self) -> EmbeddedOperator:
        """What operators see and do here."""
        return EmbeddedOperator(self)

    # --- webhooks ---------------------------------------------------------------------------

    def webhooks(self) -> Sequence[WebhookOut]:
        """List the webhooks, oldest first."""
        found = self.call(self.context.webhooks.list_webhooks, LOCAL_OWNER)
        return [serializers.webhook_out(webhook) for webhook in found]

    def add_webhook(self, url: str, *, events: Sequence[str], named_only: bool) -> WebhookSecretOut:
        """Have events posted to a URL."""
        added = self.call(
            manage.add_webhook,
            self.context,
            LOCAL_OWNER,
            url,
            events=serializers.event_types(events),
            named_only=named_only,
        )
        return serializers.webhook_with_secret(added)

    def switch_webhook(self, webhook: str, *, enabled: bool) -> WebhookOut:
        """Switch a webhook on or off."""
        change = manage.WebhookChange(enabled=enabled)
        return serializers.webhook_out(self._hook(manage.change_webhook, webhook, change))

    def remove_webhook(self, webhook: str) -> None:
        """Remove a webhook with its log."""
        self._hook(manage.remove_webhook, webhook)

    def rotate_webhook(self, webhook: str) -> WebhookSecretOut:
        """Give a webhook a new secret."""
        return serializers.webhook_with_secret(self._hook(manage.rotate_secret, webhook))

    def test_webhook(self, webhook: str) -> DeliveryOut:
        """Have a test sent."""
        return serializers.delivery_out(self._hook(manage.send_test, webhook))

    def deliveries(self, webhook: str) -> Iterator[DeliveryOut]:
        """List what was, or is to be, sent to a webhook, newest first."""
        after: str | None = None
        while True:
            page = self._hook(manage.list_deliveries, webhook, after=after, limit=500)
            yield from map(serializers.delivery_out, page.deliveries)
            if page.next is None:
                return
            after = page.next

    def replay_delivery(self, webhook: str, delivery: str) -> DeliveryOut:
        """Have a delivery sent again."""
        again = self._hook(manage.replay_delivery, webhook, EventId(delivery))
        return serializers.delivery_out(again)

    def _hook(
        self, use_case: Callable[..., Awaitable[T]], webhook: str, *args: object, **more: object
    ) -> T:
        return self.call(use_case, self.context, LOCAL_OWNER, WebhookId(webhook), *args, **more)

    # --- files ------------------------------------------------------------------------------

    def save_file(self, job: str, item: int, file: FileOut, path: Path) -> None:
        """Write a file of a result to *path*."""
        self.call(self._save_file, ItemRef(JobId(job), item), file.name, path)

    async def _save_file(self, ref: ItemRef, name: str, path: Path) -> None:
        await self._write(
            read_found(self.context, await find_file(self.context, LOCAL_OWNER, ref, name)), path
        )

    def save_model(
        self, job: str, item: int, format_name: str, adjust: Mapping[str, Any], path: Path
    ) -> None:
        """Write an item's model in the format asked for, and adjusted, to *path*."""
        self.call(self._save_model, ItemRef(JobId(job), item), format_name, adjust, path)

    async def _save_model(
        self, ref: ItemRef, format_name: str, adjust: Mapping[str, Any], path: Path
    ) -> None:
        model = await find_model(self.context, LOCAL_OWNER, ref, format_name, asked=adjust)
        await self._write(read_model(self.context, model), path)

    def fidelity(self, job: str, item: int) -> FidelityOut:
        """Compare an item's model with its photo."""
        ref = ItemRef(JobId(job), item)
        found = self.call(find_fidelity, self.context, LOCAL_OWNER, ref)
        return FidelityOut(**found.as_json())

    def save_archive(self, job: str, wanted: ArchiveRequest, path: Path) -> None:
        """Write all of a job as one ZIP file to *path*."""
        self.call(self._save_archive, JobId(job), wanted, path)

    async def _save_archive(self, job: JobId, wanted: ArchiveRequest, path: Path) -> None:
        archive = await open_archive(self.context, LOCAL_OWNER, job, wanted)
        async with await anyio.open_file(path, "wb") as out:
            async for chunk in archive.read():
                await out.write(chunk)

    async def _write(self, chunks: AsyncIterator[bytes], path: Path) -> None:
        # What cannot be read or made leaves no file.
        first = await anext(chunks, b"")
        async with await anyio.open_file(path, "wb") as out:
            await out.write(first)
            async for chunk in chunks:
                await out.write(chunk)


def _request(order: Order) -> JobRequest:
    return JobRequest(
        name=order.name,
        generator=GeneratorId(order.generator),
        options=order.options,
        output=order.output,
        keep=KeepPolicy(order.keep or KeepPolicy.KEEP),
        budget_usd=order.budget_usd,
        idempotency_key=order.key,
        reuse=order.reuse,
    )


def _is_settled(job: Job) -> bool:
    return job.state is JobState.FINISHED or all(
        item.state in FINAL_STATES or item.state is ItemState.UNCERTAIN for item in job.items
    )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_CHUNK_BYTES):
            yield chunk
