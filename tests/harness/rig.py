"""A whole product in memory: every port a fake, time standing still until it is moved."""

import copy
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Self

from PIL import Image, ImageDraw

from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.inprocess.feed import InProcessChangeFeed
from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.core.generator import View
from image2model.core.ids import OwnerId, WorkerId
from image2model.core.job import Job
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.background.tasks import Chores
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.context import Context, Rules
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.intake.submit import JobRequest, NewItem, submit_job
from image2model.jobs.provider_links import Links
from image2model.jobs.results.previews import PreviewDrawer
from image2model.jobs.runs.leases import LeaseKeeper
from image2model.jobs.runs.recover import Sweeper
from image2model.jobs.runs.run import ItemRunner
from image2model.ports.artifacts import ArtifactStore
from image2model.ports.metrics import Metrics
from image2model.testing.fake_clock import FakeClock
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.memory_artifacts import MemoryArtifactStore
from image2model.testing.memory_audit import MemoryAuditLog
from image2model.testing.memory_fetcher import MemoryFetcher
from image2model.testing.memory_jobs import MemoryJobStore
from image2model.testing.memory_receivers import MemoryReceivers
from image2model.testing.memory_sessions import MemorySessionStore
from image2model.testing.memory_shares import MemoryShareStore
from image2model.testing.memory_webhooks import MemoryWebhookStore
from image2model.testing.recording_dispatcher import RecordingDispatcher
from image2model.testing.scripted_provider import SCRIPTED, ScriptedProvider

REAL_CHORES = Chores(SystemClock())
"""For what runs in real time beside no product."""


class Rig:
    """
    The use cases over fakes, with a provider that does as it is told.

    Attributes:
        clock: Stands still until `advance`.
        provider: Told what to do by the test.
        web: What is under providers' URLs.
        receivers: Who hears of what happens.
        context: What the use cases take.
        runner: Runs items as worker `one`.
    """

    def __init__(
        self, incoming: Path, *, rules: Rules | None = None, metrics: Metrics | None = None
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.artifacts = MemoryArtifactStore(self.clock)
        self.dispatcher = RecordingDispatcher()
        self.web = MemoryFetcher()
        self.receivers = MemoryReceivers()
        self.provider = ScriptedProvider(self.clock, web=self.web)
        metrics = metrics or PrometheusMetrics()
        self.context = Context(
            store=self.store,
            sessions=MemorySessionStore(self.clock),
            shares=MemoryShareStore(self.clock),
            webhooks=MemoryWebhookStore(self.store.events),
            audit=MemoryAuditLog(),
            artifacts=self.artifacts,
            dispatcher=self.dispatcher,
            feed=InProcessChangeFeed(),
            compute=InlineCompute(),
            idle_compute=InlineCompute(),
            clock=self.clock,
            catalogue=Catalogue([self.provider], default=SCRIPTED),
            fetcher=self.web,
            poster=self.receivers,
            links=Links(self.web, self.clock, metrics),
            metrics=metrics,
            rules=rules or Rules(picture=PictureLimits(), incoming=incoming),
            chores=Chores(self.clock, metrics),
        )
        self.keeper, self.runner = self.worker("one")

    def with_artifacts(self, artifacts: ArtifactStore) -> Self:
        """Return the same rig with another artifact store, as far as use cases see it."""
        other = copy.copy(self)
        other.context = replace(self.context, artifacts=artifacts)
        other.keeper, other.runner = other.worker("one")
        return other

    def worker(self, name: str) -> tuple[LeaseKeeper, ItemRunner]:
        """Start another worker on the same store."""
        keeper = LeaseKeeper(
            self.store,
            self.clock,
            feed=self.context.feed,
            worker=WorkerId(name),
            lease_s=self.context.rules.lease_s,
            chores=self.context.chores,
        )
        return keeper, ItemRunner(self.context, keeper)

    async def new_item(self, name: str, *, views: Sequence[View] = (View.FRONT,)) -> NewItem:
        """Take in a picture (a disc whose colour depends on *name*) for each view."""
        pictures = [
            await take_picture(self.context, once(disc_png(f"{name}-{view}")), view=view)
            for view in views
        ]
        return NewItem(name=name, pictures=pictures)

    async def submit(self, owner: OwnerId, *names: str, request: JobRequest | None = None) -> Job:
        """Submit a job with an item for each name."""
        items = [await self.new_item(name) for name in names]
        return await submit_job(self.context, owner, request or JobRequest(), items)

    async def run_dispatched(self) -> None:
        """Run what was dispatched, one by one, until nothing more is; then draw previews."""
        while refs := self.dispatcher.take():
            for ref in refs:
                await self.runner.run(ref)
        await PreviewDrawer(self.context).draw_waiting()

    async def run_on(self, *, minutes: int = 12) -> None:
        """Run what is dispatched and what is due by itself within *minutes*."""
        await self.run_dispatched()
        for _ in range(minutes * 4):
            await self.clock.advance(15.0)
            await Sweeper(self.context).sweep()
            await self.run_dispatched()


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield *data* as one chunk."""
    yield data


def disc_png(name: str, *, side_px: int = 64) -> bytes:
    """Draw a disc on a transparent ground as PNG; its colour depends on *name*."""
    color = (*(hash_byte(name, n) for n in range(3)), 255)
    image = Image.new("RGBA", (side_px, side_px))
    ImageDraw.Draw(image).ellipse((8, 8, side_px - 8, side_px - 8), fill=color)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def hash_byte(text: str, position: int) -> int:
    """Return one byte of a stable hash of *text*."""
    return sha256(text.encode()).digest()[position]
