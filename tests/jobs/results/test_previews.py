"""Previews of what was made elsewhere: the model is there at once, its preview when it is drawn."""

from dataclasses import replace

import anyio
import pytest

from image2model.core.errors import (
    ArtifactNotFound,
    ComputeCrashed,
    FileNotInResult,
    InvalidMesh,
    StorageFull,
)
from image2model.core.ids import OwnerId
from image2model.core.job import Job, ResultFile
from image2model.core.states import ItemState, JobState
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from image2model.jobs.lifecycle.control import delete_job
from image2model.jobs.results.download import find_file, find_preview, read_found
from image2model.jobs.results.previews import PreviewDrawer
from image2model.ports.dispatcher import ItemRef
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.memory_artifacts import FailingArtifactStore
from tests.harness.rig import Rig, once

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")


async def made(rig: Rig, *names: str) -> Job:
    """Make models whose previews nobody has drawn yet."""
    job = await rig.submit(ANNA, *names)
    for ref in rig.dispatcher.take():
        await rig.runner.run(ref)
    return await rig.store.get_job(job.id)


def file_of(job: Job, index: int = 0) -> ResultFile:
    found = job.items[index].file("preview.webp")
    assert found is not None
    return found


async def is_stored(rig: Rig, file: ResultFile) -> bool:
    assert file.artifact is not None
    try:
        await rig.artifacts.stat(file.artifact)
    except ArtifactNotFound:
        return False
    return True


async def test_a_model_is_there_before_its_preview(rig: Rig) -> None:
    """The preview has its name and place from the start; its bytes come as a further version."""
    job = await made(rig, "mug")
    assert job.state is JobState.FINISHED
    assert job.items[0].state is ItemState.SUCCEEDED
    awaited = file_of(job)
    assert awaited.is_awaited
    assert not await is_stored(rig, awaited)
    await PreviewDrawer(rig.context).draw_waiting()
    later = await rig.store.get_job(job.id)
    drawn = file_of(later)
    assert not drawn.is_awaited
    assert (drawn.artifact, drawn.name) == (awaited.artifact, awaited.name)
    assert await is_stored(rig, drawn)
    assert later.version > job.version
    assert later.items[0].version == later.version
    assert later.finished_at == job.finished_at
    [mesh, _] = later.items[0].result.files if later.items[0].result else ()
    assert mesh == job.items[0].mesh


async def test_a_preview_that_is_asked_for_is_drawn_at_once(rig: Rig) -> None:
    """A process that is killed forgets what waits; whoever asks gets it all the same."""
    job = await made(rig, "mug")
    found = await find_preview(rig.context, ANNA, ItemRef(job.id, 0))
    content = b"".join([chunk async for chunk in read_found(rig.context, found)])
    assert content[8:12] == b"WEBP"
    assert found.file.size_bytes == len(content)
    assert file_of(await rig.store.get_job(job.id)) == found.file


async def test_it_is_found_under_its_name_too(rig: Rig) -> None:
    job = await made(rig, "mug")
    found = await find_file(rig.context, ANNA, ItemRef(job.id, 0), "preview.webp")
    assert await is_stored(rig, found.file)


async def test_many_who_ask_at_once_have_it_drawn_once(rig: Rig) -> None:
    job = await made(rig, "mug")
    second_put = {2: StorageFull(where="the disk")}
    only = rig.with_artifacts(FailingArtifactStore(rig.artifacts, puts=second_put))
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(find_preview, only.context, ANNA, ItemRef(job.id, 0))
        group.start_soon(PreviewDrawer(only.context).draw_waiting)
    assert not file_of(await rig.store.get_job(job.id)).is_awaited


async def test_what_was_drawn_and_not_written_down_is_taken_as_it_is(rig: Rig) -> None:
    job = await made(rig, "mug")
    artifact = file_of(job).artifact
    assert artifact is not None
    await rig.artifacts.put(artifact, once(b"drawn before"), limit_bytes=100)
    found = await find_preview(rig.context, ANNA, ItemRef(job.id, 0))
    assert found.file.size_bytes == len(b"drawn before")


async def test_a_drawing_that_failed_is_made_when_it_is_asked_for(rig: Rig) -> None:
    crashing = InlineCompute(failures={"preview_of": ComputeCrashed(function="preview_of")})
    job = await made(rig, "mug", "vase")
    await PreviewDrawer(replace(rig.context, idle_compute=crashing)).draw_waiting()
    assert file_of(await rig.store.get_job(job.id), 1).is_awaited
    assert await is_stored(rig, (await find_preview(rig.context, ANNA, ItemRef(job.id, 1))).file)


async def test_a_model_that_cannot_be_drawn_has_no_preview(rig: Rig) -> None:
    """Its texture may be broken inside, which no inspection sees; it is kept, for it was paid."""
    broken = InlineCompute(failures={"preview_of": InvalidMesh(reason="its texture is broken")})
    job = await made(rig, "mug")
    with pytest.raises(FileNotInResult):
        await find_preview(replace(rig.context, compute=broken), ANNA, ItemRef(job.id, 0))
    later = (await rig.store.get_job(job.id)).items[0]
    assert later.result is not None
    assert [file.name for file in later.result.files] == ["mug.glb"]
    await PreviewDrawer(rig.context).draw_waiting()
    assert (await rig.store.get_item(ItemRef(job.id, 0))) == later


async def test_a_deleted_job_gets_no_preview(rig: Rig) -> None:
    job = await made(rig, "mug")
    await delete_job(rig.context, ANNA, job.id)
    await PreviewDrawer(rig.context).draw_waiting()
    assert not await is_stored(rig, file_of(job))


async def test_an_archive_has_every_preview(rig: Rig) -> None:
    job = await made(rig, "mug", "vase")
    archive = await open_archive(rig.context, ANNA, job.id, ArchiveRequest())
    content = b"".join([chunk async for chunk in archive.read()])
    assert archive.size_bytes == len(content)
    assert all(f"{name}.preview.webp".encode() in content for name in ("mug", "vase"))


async def test_an_archive_without_previews_draws_none(rig: Rig) -> None:
    job = await made(rig, "mug")
    await open_archive(rig.context, ANNA, job.id, ArchiveRequest(previews=False))
    assert file_of(await rig.store.get_job(job.id)).is_awaited
