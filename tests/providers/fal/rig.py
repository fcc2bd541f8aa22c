"""The provider in front of the simulator, impatient enough for tests."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from image2model.backends.http.fetcher import HttpFetcher
from image2model.backends.inprocess.clock import SystemClock
from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import SubmitKey, new_hex_id
from image2model.core.job import FileRole, Handle, Progress
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.catalogue import fill_options
from image2model.ports.clock import Clock
from image2model.ports.provider import Delivery, ProvidedFile, ProviderTools, Work, WorkPicture
from image2model.providers.fal.config import FalConfig, Pace
from image2model.providers.fal.provider import FalProvider
from image2model.testing.fal_simulator import Behaviour, FalSimulator, FaultRule, Latency
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.memory_jobs import MemoryJobStore
from tests.harness.rig import disc_png

TRIPO = GeneratorId("fal/tripo-v2.5")
AT_ONCE = Latency(median_s=0.0)
HELD = Latency(held=True)

IMPATIENT = Pace(
    shortest_s=0.01,
    longest_s=0.05,
    lag_s=0.3,
    first_retry_s=0.01,
    patience_s=0.8,
    list_lag_s=0.05,
    reserved_s=0.2,
    ahead_s=0.1,
    stop_s=0.3,
    submit_s=0.3,
    answer_s=0.3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FalRig:
    """
    A provider and the simulator it speaks to.

    Attributes:
        fal: The simulator.
        provider: The provider.
        config: What it was created with.
        tools: What it may use.
    """

    fal: FalSimulator
    provider: FalProvider
    config: FalConfig
    tools: ProviderTools
    closing: list[FalProvider] = field(default_factory=list)

    def another(self, **changes: Any) -> FalProvider:
        """Start another provider on the same simulator, as after a restart."""
        provider = FalProvider(self.tools, replace(self.config, **changes))
        self.closing.append(provider)
        return provider

    async def accepted(self, task: Work | None = None) -> tuple[Work, Handle]:
        """Prepare and submit, which must be accepted."""
        task = task or work()
        submission = await self.provider.prepare(task)
        return task, await self.provider.submit(submission, submit_key=new_key())

    async def run(self, task: Work | None = None) -> Delivery:
        """Go the whole way with one item."""
        task, handle = await self.accepted(task)
        await self.follow(task, handle)
        return await self.provider.collect(task, handle)

    async def follow(self, task: Work, handle: Handle) -> Sequence[Progress]:
        """Follow to the end and return all that was reported."""
        return [progress async for progress in self.provider.follow(task, handle)]

    @property
    def paid(self) -> Sequence[int]:
        """How often each picture was accepted, and so paid for."""
        return list(self.fal.ledger.accepted_per_picture().values())


def work(
    name: str = "mug",
    *,
    generator: GeneratorId = TRIPO,
    views: Sequence[View] = (View.FRONT,),
    options: Mapping[str, JsonValue] | None = None,
) -> Work:
    """Make the work of one item, whose picture depends on *name* and view."""
    card = _cards().card(generator)
    assert card is not None
    return Work(
        generator=generator,
        options=fill_options(card, options or {}),
        name=name,
        pictures=[_picture(name, view) for view in views],
    )


def _cards() -> FalProvider:
    return FalProvider(_tools(Path("/nowhere"), HttpFetcher(), SystemClock()), FalConfig())


def _picture(name: str, view: View) -> WorkPicture:
    data = disc_png(f"{name}-{view}")

    async def read() -> bytes:
        return data

    digest = sha256(data).hexdigest()
    return WorkPicture(view=view, media_type="image/png", sha256=digest, read=read)


def new_key() -> SubmitKey:
    return SubmitKey(new_hex_id())


def _tools(incoming: Path, fetcher: HttpFetcher, clock: Clock) -> ProviderTools:
    return ProviderTools(
        compute=InlineCompute(),
        clock=clock,
        picture_limits=PictureLimits(),
        fetcher=fetcher,
        incoming=incoming,
        result_bytes=10_000_000,
        compute_limit_s=10.0,
        facts=MemoryJobStore(clock),
    )


@asynccontextmanager
async def running(
    incoming: Path,
    latency: Latency = AT_ONCE,
    *,
    faults: Sequence[FaultRule] = (),
    behaviour: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    **config: Any,
) -> AsyncIterator[FalRig]:
    """Run a simulator and a provider on this loop."""
    settings = Behaviour(latency=latency, mesh_bytes=20_000, **(behaviour or {}))
    async with FalSimulator(settings, faults=faults) as fal:
        fetcher = HttpFetcher(allowed_private_hosts=[f"127.0.0.1:{fal.port}"])
        tools = _tools(incoming, fetcher, clock or SystemClock())
        given = FalConfig(
            key=fal.key,
            queue_url=fal.queue_url,
            rest_url=fal.rest_url,
            cdn_url=fal.cdn_url,
            api_url=fal.api_url,
            concurrency=100,
            pace=IMPATIENT,
        )
        used = replace(given, **config)
        rig = FalRig(fal=fal, provider=FalProvider(tools, used), config=used, tools=tools)
        try:
            yield rig
        finally:
            for provider in (rig.provider, *rig.closing):
                await provider.aclose()
            await fetcher.aclose()


def mesh_of(delivery: Delivery) -> ProvidedFile:
    """Return the mesh, which comes first."""
    mesh = delivery.files[0]
    assert mesh.role is FileRole.MESH
    return mesh


def extras_of(delivery: Delivery) -> Mapping[str, Any]:
    """Read whose model a GLB of the simulator is."""
    path = mesh_of(delivery).path
    assert path is not None
    data = path.read_bytes()
    size_bytes = int.from_bytes(data[12:16], "little")
    extras: Mapping[str, Any] = json.loads(data[20 : 20 + size_bytes])["asset"]["extras"]
    return extras
