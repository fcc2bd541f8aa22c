"""Space is kept for what is paid for; what is new waits or is refused before it costs anything."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from image2model.core.errors import StorageFull
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import FileRole
from image2model.core.states import ItemState
from image2model.jobs.health import check_parts
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.intake.submit import JobRequest, create_draft, start_draft
from image2model.jobs.lifecycle.control import cancel_items
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.jobs.limits import free_space
from image2model.jobs.limits.free_space import Reserve
from image2model.jobs.results.convert import find_derived
from image2model.jobs.results.download import convert_model, find_model
from image2model.jobs.results.previews import PreviewDrawer, draw_now
from image2model.jobs.runs.recover import Sweeper
from image2model.ports.dispatcher import ItemRef
from tests.harness.rig import Rig, disc_png, once

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
GIGABYTE = 10**9


class Disk:
    """
    What `shutil.disk_usage` says.

    Attributes:
        free_bytes: What is free.
        total_bytes: How large it is.
    """

    free_bytes = 100 * GIGABYTE
    total_bytes = 200 * GIGABYTE


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(free_space, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda _: SimpleNamespace(free=disk.free_bytes, total=disk.total_bytes),
    )
    return disk


@pytest.fixture
def watched(rig: Rig, tmp_path: Path) -> Rig:
    rig.context = replace(rig.context, reserve=Reserve([tmp_path], GIGABYTE))
    rig.keeper, rig.runner = rig.worker("one")
    return rig


@pytest.mark.parametrize(
    ("total_bytes", "free_bytes", "is_enough"),
    [
        (200 * GIGABYTE, 501_000_000, True),
        (200 * GIGABYTE, 499_000_000, False),
        (GIGABYTE, 51_000_000, True),
        (GIGABYTE, 49_000_000, False),
    ],
)
async def test_by_default_a_small_disk_keeps_less(
    disk: Disk, tmp_path: Path, *, total_bytes: int, free_bytes: int, is_enough: bool
) -> None:
    disk.total_bytes, disk.free_bytes = total_bytes, free_bytes
    refused = pytest.raises(StorageFull, match="IMAGE2MODEL_RESERVE_BYTES")
    with nullcontext() if is_enough else refused:
        await Reserve([tmp_path]).check()


async def test_nothing_new_is_taken_in(watched: Rig, disk: Disk) -> None:
    item = await watched.new_item("mug")
    draft = await create_draft(watched.context, ANNA, JobRequest())
    kept = [stored async for stored in watched.artifacts.all()]
    disk.free_bytes = GIGABYTE - 1
    with pytest.raises(StorageFull, match="Only 1000 MB are free"):
        await take_picture(watched.context, once(disc_png("vase")), view=View.FRONT)
    assert [stored async for stored in watched.artifacts.all()] == kept
    with pytest.raises(StorageFull):
        await create_draft(watched.context, ANNA, JobRequest())
    with pytest.raises(StorageFull):
        await watched.submit(ANNA, "vase")
    await watched.context.store.put_picture(
        ItemRef(draft.id, 0), item.pictures[0], name="mug", item_limit=9
    )
    with pytest.raises(StorageFull):
        await start_draft(watched.context, ANNA, draft.id)
    assert "RESERVE" in (await check_parts(watched.context))["space"]
    disk.free_bytes = GIGABYTE
    await start_draft(watched.context, ANNA, draft.id)
    assert (await check_parts(watched.context))["space"] == "ok"


async def test_derived_files_make_way_for_what_is_new(rig: Rig, disk: Disk, tmp_path: Path) -> None:
    """As many as there is space missing, and first those that were used longest ago."""
    files = tmp_path / "artifacts"
    rig.context = replace(rig.context, reserve=Reserve([files], GIGABYTE, files=files))
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    for height_mm in (10, 20, 30):
        asked = {"height_mm": height_mm}
        model = await find_model(rig.context, ANNA, ItemRef(job.id, 0), "obj.zip", asked=asked)
        await convert_model(rig.context, model)
        await rig.clock.advance(61)
    whole = (await rig.store.stored(ANNA)).derived_bytes
    disk.free_bytes = GIGABYTE - whole // 2
    await Housekeeper(rig.context).make_space()
    left = (await rig.store.stored(ANNA)).derived_bytes
    assert 0 < left <= whole - whole // 2
    assert await find_derived(rig.context, model.derivation) is not None
    disk.free_bytes = GIGABYTE
    await Housekeeper(rig.context).make_space()
    assert (await rig.store.stored(ANNA)).derived_bytes == left
    assert (await rig.store.stored(ANNA)).kept_bytes


async def test_items_wait_and_say_why_before_anything_is_paid(watched: Rig, disk: Disk) -> None:
    job = await watched.submit(ANNA, "mug", "vase")
    disk.free_bytes = 0
    await watched.run_dispatched()
    waiting = (await watched.store.get_job(job.id)).items
    assert [item.state for item in waiting] == [ItemState.QUEUED] * 2
    assert {item.problem.code for item in waiting if item.problem} == {"storage_full"}
    assert not watched.provider.accepted
    disk.free_bytes = GIGABYTE
    await watched.run_on(minutes=1)
    done = (await watched.store.get_job(job.id)).items
    assert [(item.state, item.problem) for item in done] == [(ItemState.SUCCEEDED, None)] * 2


async def test_an_item_that_waits_can_be_cancelled(watched: Rig, disk: Disk) -> None:
    job = await watched.submit(ANNA, "mug")
    disk.free_bytes = 0
    await watched.run_dispatched()
    await watched.clock.advance(15.0)
    await Sweeper(watched.context).sweep()
    async with anyio.create_task_group() as group:
        [ref] = watched.dispatcher.take()
        group.start_soon(watched.runner.run, ref)
        await watched.clock.until_sleeping()
        await cancel_items(watched.context, ANNA, job.id)
        await watched.keeper.renew()
    assert (await watched.store.get_item(ref)).state is ItemState.CANCELLED


async def test_what_lacks_space_after_its_place_was_found_gives_it_back(
    watched: Rig, disk: Disk
) -> None:
    """The disk fills up while it waits for a place."""
    hang = watched.provider.hang("prepare", "mug")
    await watched.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(watched.run_dispatched)
        await hang.reached.wait()
        disk.free_bytes = 0
        hang.released.set()
    assert not watched.provider.accepted
    assert not watched.provider.reserved


async def test_what_is_paid_for_uses_the_reserve(watched: Rig, disk: Disk) -> None:
    """Its model is kept; its preview, which can be drawn at any time, is not made."""
    hang = watched.provider.hang("collect", "mug")
    job = await watched.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(watched.run_dispatched)
        await hang.reached.wait()
        disk.free_bytes = 0
        hang.released.set()
    [item] = (await watched.store.get_job(job.id)).items
    assert item.state is ItemState.SUCCEEDED
    [preview] = [file for file in item.result.files if file.role is FileRole.PREVIEW]  # type: ignore[union-attr]
    assert preview.is_awaited
    with pytest.raises(StorageFull):
        await draw_now(watched.context, ItemRef(job.id, 0), preview)
    disk.free_bytes = GIGABYTE
    drawn = await draw_now(watched.context, ItemRef(job.id, 0), preview)
    assert not drawn.is_awaited
    await PreviewDrawer(watched.context).draw_waiting()
