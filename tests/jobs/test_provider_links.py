"""Results of which only the provider has the files."""

from datetime import timedelta

import pytest

from image2model.core.errors import FetchBroken, ResultExpired
from image2model.core.ids import OwnerId
from image2model.core.job import Item, Job, KeepPolicy
from image2model.core.states import ItemState
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle.control import update_job
from image2model.jobs.results.download import find_file, find_model, read_found, read_model
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.dispatcher import ItemRef
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("key:anna")
LINKS = JobRequest(keep=KeepPolicy.LINKS)


async def made(rig: Rig, *names: str) -> Job:
    """Make a job of the policy `links` to its end."""
    job = await rig.submit(ANNA, *names, request=LINKS)
    await rig.run_dispatched()
    return await rig.store.get_job(job.id)


def url_of(item: Item) -> str:
    assert item.mesh is not None
    assert item.mesh.provider_url is not None
    return item.mesh.provider_url


async def stored(rig: Rig) -> int:
    """Count what our store holds besides the pictures that were sent."""
    return len([one async for one in rig.artifacts.all()])


async def test_nothing_is_copied(rig: Rig) -> None:
    rig.provider.expires_at = rig.clock.now() + timedelta(days=7)
    job = await made(rig, "mug")
    (item,) = job.items
    assert item.result is not None
    assert [(f.name, f.format, f.artifact) for f in item.result.files] == [("mug.glb", "glb", None)]
    assert item.mesh is not None
    assert item.mesh.size_bytes == len(tiny_glb("mug"))
    assert item.mesh.expires_at == rig.provider.expires_at
    assert url_of(item) in rig.web.files
    assert await stored(rig) == len(item.pictures)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<!doctype html><title>Sorry</title>", "no 3D model"),
        (tiny_glb("mug")[:-100], "bytes instead of"),
    ],
)
async def test_what_is_no_model_is_refused(rig: Rig, content: bytes, complaint: str) -> None:
    rig.web.files["https://scripted.invalid/request-1.glb"] = content
    job = await made(rig, "mug")
    await rig.run_on()
    (item,) = (await rig.store.get_job(job.id)).items
    assert item.state is ItemState.FAILED
    assert item.problem is not None
    assert item.problem.code == "provider_result_invalid"
    assert complaint in item.problem.message


async def test_job_ends_with_the_last_of_its_urls(rig: Rig) -> None:
    rig.provider.expires_at = rig.clock.now() + timedelta(hours=2)
    assert (await made(rig, "mug", "vase")).expires_at == rig.provider.expires_at


async def test_job_ends_with_its_retention_if_that_is_sooner(rig: Rig) -> None:
    rig.provider.expires_at = rig.clock.now() + timedelta(days=7)
    assert (await made(rig, "mug")).expires_at == rig.clock.now() + timedelta(days=1)


async def test_look_at_a_url_is_remembered_for_a_minute(rig: Rig) -> None:
    job = await made(rig, "mug")
    ref, url = ItemRef(job.id, 0), url_of(job.items[0])
    await rig.clock.advance(61)
    for _ in range(3):
        found = await find_file(rig.context, ANNA, ref, "mug.glb")
        assert found.offer is not None
        assert found.offer.url == url
    assert rig.web.peeks[url] == 1
    await rig.clock.advance(61)
    await find_file(rig.context, ANNA, ref, "mug.glb")
    assert rig.web.peeks[url] == 2


async def test_url_found_dead_by_reading_it_is_remembered_as_dead(rig: Rig) -> None:
    job = await made(rig, "mug")
    ref = ItemRef(job.id, 0)
    found = await find_file(rig.context, ANNA, ref, "mug.glb")
    rig.web.files.clear()
    with pytest.raises(ResultExpired):
        _ = [chunk async for chunk in read_found(rig.context, found)]
    with pytest.raises(ResultExpired):
        await find_file(rig.context, ANNA, ref, "mug.glb")


async def test_what_only_the_provider_has_can_still_be_drawn(rig: Rig) -> None:
    (item,) = (await made(rig, "mug")).items
    assert item.result is not None
    assert set(item.result.facts["sprite"]) == {"views", "columns", "size_px"}


async def test_dead_url_is_told_and_counted(rig: Rig) -> None:
    job = await made(rig, "mug")
    await rig.clock.advance(7200)
    rig.web.files.clear()
    for _ in range(2):
        with pytest.raises(ResultExpired):
            await find_file(rig.context, ANNA, ItemRef(job.id, 0), "mug.glb")
    told = rig.context.metrics.exposition().decode()
    assert 'image2model_provider_url_failures_total{provider="scripted"} 1.0' in told
    age = 'image2model_provider_url_age_seconds_sum{alive="false",provider="scripted"}'
    assert f"{age} 7200.0" in told


async def test_url_past_its_end_is_not_asked_for(rig: Rig) -> None:
    rig.provider.expires_at = rig.clock.now() + timedelta(hours=2)
    job = await made(rig, "mug")
    await rig.clock.advance(7200)
    with pytest.raises(ResultExpired) as caught:
        await find_file(rig.context, ANNA, ItemRef(job.id, 0), "mug.glb")
    assert caught.value.details["expired_at"] == "2026-01-01 02:00 UTC"
    assert not rig.web.peeks


async def test_url_that_cannot_be_looked_at_now_passes(rig: Rig) -> None:
    job = await made(rig, "mug")
    await rig.clock.advance(61)
    rig.web.broken.add(url_of(job.items[0]))
    found = await find_file(rig.context, ANNA, ItemRef(job.id, 0), "mug.glb")
    assert found.offer is not None


async def test_other_formats_are_made_of_what_the_provider_has(rig: Rig) -> None:
    job = await made(rig, "mug")
    model = await find_model(rig.context, ANNA, ItemRef(job.id, 0), "stl")
    stl = await read_whole(read_model(rig.context, model))
    assert int.from_bytes(stl[80:84], "little") * 50 + 84 == len(stl)


# --- starring ---------------------------------------------------------------------------------


async def test_starring_copies_what_the_provider_has(rig: Rig) -> None:
    job = await made(rig, "mug")
    url = url_of(job.items[0])
    starred = await update_job(rig.context, ANNA, job.id, starred=True)
    rig.web.files.clear()
    assert starred.starred
    assert starred.expires_at is None
    result = starred.items[0].result
    assert result is not None
    assert [file.name for file in result.files] == ["mug.glb", "preview.webp"]
    assert "faces" in result.facts
    assert url_of(starred.items[0]) == url
    found = await find_file(rig.context, ANNA, ItemRef(job.id, 0), "mug.glb")
    assert b"".join([chunk async for chunk in read_found(rig.context, found)]) == tiny_glb("mug")


async def test_starring_again_copies_nothing(rig: Rig) -> None:
    job = await made(rig, "mug")
    first = await update_job(rig.context, ANNA, job.id, starred=True)
    kept = await stored(rig)
    second = await update_job(rig.context, ANNA, job.id, starred=True)
    assert second.items[0].result == first.items[0].result
    assert await stored(rig) == kept


async def test_starring_keeps_what_is_left(rig: Rig) -> None:
    job = await made(rig, "mug", "vase")
    del rig.web.files[url_of(job.items[0])]
    starred = await update_job(rig.context, ANNA, job.id, starred=True)
    meshes = [item.mesh for item in starred.items]
    assert starred.starred
    assert [mesh is not None and mesh.artifact is not None for mesh in meshes] == [False, True]


async def test_nothing_left_cannot_be_starred(rig: Rig) -> None:
    job = await made(rig, "mug", "vase")
    rig.web.files.clear()
    with pytest.raises(ResultExpired):
        await update_job(rig.context, ANNA, job.id, starred=True)
    assert not (await rig.store.get_job(job.id)).starred


async def test_star_waits_for_files_that_cannot_be_read_now(rig: Rig) -> None:
    job = await made(rig, "mug", "vase")
    rig.web.broken.add(url_of(job.items[1]))
    before = await stored(rig)
    with pytest.raises(FetchBroken):
        await update_job(rig.context, ANNA, job.id, starred=True)
    assert not (await rig.store.get_job(job.id)).starred
    rig.web.broken.clear()
    starred = await update_job(rig.context, ANNA, job.id, starred=True)
    assert all(item.mesh and item.mesh.artifact for item in starred.items)
    assert await stored(rig) == before + 4
    assert not list(rig.context.rules.incoming.glob("*.part"))


async def test_job_that_is_starred_no_more_ends_as_before(rig: Rig) -> None:
    job = await made(rig, "mug")
    await update_job(rig.context, ANNA, job.id, starred=True)
    unstarred = await update_job(rig.context, ANNA, job.id, starred=False)
    assert unstarred.expires_at == job.expires_at
