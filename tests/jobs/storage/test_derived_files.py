"""What is made of results takes no more room than allowed, and is not made in vain for ever."""

import io
import zipfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from image2model.core.errors import ComputeTimedOut, InvalidMesh
from image2model.core.ids import ArtifactId, OwnerId
from image2model.core.job import Job, KeepPolicy
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from image2model.jobs.context import Rules
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.jobs.limits.bounds import Bounds
from image2model.jobs.results.convert import drop_derived, find_derived, read_derived
from image2model.jobs.results.download import Model, convert_model, find_model, shown_file
from image2model.jobs.results.sprite import find_sprite
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.derived import Owners
from image2model.ports.dispatcher import ItemRef
from image2model.ports.fetcher import Fetched
from image2model.testing.inline_compute import InlineCompute
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

T = TypeVar("T")

ANNA, BEN = OwnerId("session:anna"), OwnerId("key:ben")


class CountingCompute(InlineCompute):
    """Counts what is asked of it, and lets others go first."""

    def __init__(self, **failures: Exception) -> None:
        super().__init__(failures=failures)
        self.calls: list[str] = []

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """Call *function* after a while."""
        self.calls.append(function.__name__)
        await anyio.sleep(0.01)
        return await super().run(limit_s, function, *args)


def bounded(tmp_path: Path, bounds: Bounds) -> Rig:
    return Rig(tmp_path, rules=Rules(picture=PictureLimits(), incoming=tmp_path, bounds=bounds))


async def made(rig: Rig, owner: OwnerId, *, keep: KeepPolicy = KeepPolicy.KEEP) -> Job:
    job = await rig.submit(owner, "cube", request=JobRequest(keep=keep))
    await rig.run_dispatched()
    return await rig.store.get_job(job.id)


async def model_of(rig: Rig, job: Job, *, height_mm: float) -> Model:
    asked = {"height_mm": height_mm}
    return await find_model(rig.context, job.owner, ItemRef(job.id, 0), "obj.zip", asked=asked)


async def content_of(rig: Rig, model: Model) -> bytes:
    """Convert a model, and read it."""
    made = await convert_model(rig.context, model)
    try:
        return await read_whole(read_derived(rig.context, made))
    finally:
        await drop_derived(made)


async def kept_bytes(rig: Rig, found: set[ArtifactId]) -> int:
    """Add up the files that were stored since *found* was."""
    return sum([one.size_bytes async for one in rig.artifacts.all() if one.artifact not in found])


async def test_thirty_heights_take_no_more_than_allowed(tmp_path: Path) -> None:
    """Those used longest ago make way for new ones; every answer is as asked for."""
    rig = bounded(tmp_path, Bounds(derived_bytes_per_owner=5_000))
    job = await made(rig, ANNA)
    before = {one.artifact async for one in rig.artifacts.all()}
    models = [await model_of(rig, job, height_mm=10 + step) for step in range(30)]
    contents = []
    for model in models:
        contents.append(await content_of(rig, model))
        await rig.clock.advance(61)
        stored = await rig.store.stored(ANNA)
        assert stored.derived_bytes == await kept_bytes(rig, before) <= 5_000
    assert sum(map(len, contents)) > 2 * 5_000
    assert (await rig.store.usage(ANNA)).stored.all_bytes > stored.kept_bytes
    assert await find_derived(rig.context, models[0].derivation) is None
    assert await find_derived(rig.context, models[-1].derivation) is not None
    assert await content_of(rig, models[0]) == contents[0], "made again on demand"
    assert await find_derived(rig.context, models[0].derivation) is not None
    item = (await rig.store.get_job(job.id)).items[0]
    assert item.result is not None
    for file in item.result.files:
        assert file.artifact is not None
        await rig.artifacts.stat(file.artifact)


async def test_many_at_once_are_answered_and_not_all_kept(tmp_path: Path) -> None:
    """What may just be on its way to somebody is not dropped; then new files are not kept."""
    rig = bounded(tmp_path, Bounds(derived_bytes_per_owner=3_000))
    job = await made(rig, ANNA)
    for step in range(10):
        assert await content_of(rig, await model_of(rig, job, height_mm=10 + step))
    assert 0 < (await rig.store.stored(ANNA)).derived_bytes <= 3_000
    assert await find_sprite(rig.context, ANNA, ItemRef(job.id, 0)), "pages are always drawn"


async def test_all_together_are_limited_by_the_housekeeper_too(tmp_path: Path) -> None:
    rig = bounded(tmp_path, Bounds())
    for owner in (ANNA, BEN):
        job = await made(rig, owner)
        for step in range(3):
            await content_of(rig, await model_of(rig, job, height_mm=10 + step))
        await rig.clock.advance(61)
    whole = (await rig.store.stored(Owners.ALL)).derived_bytes
    rules = replace(rig.context.rules, bounds=Bounds(derived_bytes=whole // 2))
    await Housekeeper(replace(rig.context, rules=rules)).tidy()
    assert (await rig.store.stored(ANNA)).derived_bytes == 0
    assert 0 < (await rig.store.stored(BEN)).derived_bytes <= whole // 2


async def test_an_archive_comes_through_when_its_files_make_way(tmp_path: Path) -> None:
    """What was there when it was planned is made again when its turn comes."""
    rig = bounded(tmp_path, Bounds())
    job = await made(rig, ANNA)
    wanted = ArchiveRequest(formats=["stl"], previews=False)
    first = await open_archive(rig.context, ANNA, job.id, wanted)
    whole = b"".join([chunk async for chunk in first.read()])
    again = await open_archive(rig.context, ANNA, job.id, wanted)
    assert again.size_bytes is not None, "nothing is left to be made"
    await rig.clock.advance(61)
    gone = await rig.store.drop_derived(ANNA, keep_bytes=0, idle_s=0)
    for artifact in gone.artifacts:
        await rig.artifacts.delete(artifact)
    assert gone.artifacts
    content = b"".join([chunk async for chunk in again.read()])
    assert len(content) == again.size_bytes
    for data in (whole, content):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert "cube.stl" in archive.namelist()


@pytest.mark.parametrize("keep", KeepPolicy)
async def test_a_hopeless_mesh_is_computed_once(tmp_path: Path, keep: KeepPolicy) -> None:
    """Of many requests at once, and of later ones, in this and in other processes."""
    rig = bounded(tmp_path, Bounds())
    compute = CountingCompute(convert_model=ComputeTimedOut(function="convert", limit_s=120))
    rig.context = replace(rig.context, compute=compute)
    job = await made(rig, ANNA, keep=keep)
    model = await model_of(rig, job, height_mm=10)

    async def ask() -> None:
        with pytest.raises(ComputeTimedOut, match="120"):
            await content_of(rig, model)

    async with anyio.create_task_group() as tasks:
        for _ in range(9):
            tasks.start_soon(ask)
    assert compute.calls.count("convert_model") == 1
    await rig.clock.advance(61)
    for _ in range(5):
        await ask()
    assert compute.calls.count("convert_model") == 2, "it is tried again after a while"
    await rig.clock.advance(61)
    await ask()
    assert compute.calls.count("convert_model") == 2, "but ever more seldom"


@pytest.mark.parametrize("height_mm", [None, 10.0])
async def test_a_slow_provider_keeps_no_memory_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, height_mm: float | None
) -> None:
    """What only it has is read first, and then there is memory to compute with."""
    rig = bounded(tmp_path, Bounds())
    compute = CountingCompute()
    rig.context = replace(rig.context, compute=compute)
    job = await made(rig, ANNA, keep=KeepPolicy.LINKS)
    asked = {"height_mm": height_mm}
    model = await find_model(rig.context, ANNA, ItemRef(job.id, 0), "glb", asked=asked)
    (url,) = rig.web.files
    rig.web.reads.clear()
    compute.needed_bytes.clear()
    read: list[int] = []
    fetch = rig.web.fetch

    def noted(url: str, **about: Any) -> AbstractAsyncContextManager[Fetched]:
        read.append(len(compute.needed_bytes))
        return fetch(url, **about)

    monkeypatch.setattr(rig.web, "fetch", noted)
    async with shown_file(rig.context, model) as file:
        assert file.read_bytes()
    assert read == [0]
    assert rig.web.reads[url] == 1


async def test_a_mesh_that_cannot_be_drawn_is_drawn_once(tmp_path: Path) -> None:
    rig = bounded(tmp_path, Bounds())
    job = await made(rig, ANNA)
    compute = CountingCompute(sprite_of=InvalidMesh(reason="it has no faces"))
    rig.context = replace(rig.context, compute=compute)
    for _ in range(3):
        with pytest.raises(InvalidMesh, match="no faces"):
            await find_sprite(rig.context, ANNA, ItemRef(job.id, 0))
    assert compute.calls == ["sprite_of"]
