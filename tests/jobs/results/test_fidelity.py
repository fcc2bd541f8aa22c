"""Comparing results with their photos: once, remembered, and told to who watches."""

from dataclasses import replace

import pytest

from image2model.core.errors import (
    ComputeCrashed,
    FileNotInResult,
    InvalidMesh,
    ItemNotFound,
    JobNotFound,
)
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import Job, KeepPolicy
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.jobs.computations import FidelityFacts
from image2model.jobs.intake.submit import JobRequest, submit_job
from image2model.jobs.results.fidelity import FACT, find_fidelity
from image2model.ports.dispatcher import ItemRef
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA, BEN = OwnerId("key:anna"), OwnerId("key:ben")
CRASHING = InlineCompute(failures={"fidelity_of": ComputeCrashed(function="fidelity_of")})


@pytest.fixture
async def job(rig: Rig) -> Job:
    """A disc, of which the scripted provider made a cube."""
    submitted = await rig.submit(ANNA, "disc")
    await rig.run_dispatched()
    return await rig.store.get_job(submitted.id)


async def ask(rig: Rig, job: Job) -> FidelityFacts:
    return await find_fidelity(rig.context, ANNA, ItemRef(job.id, 0))


async def test_remembered_and_told(rig: Rig, job: Job) -> None:
    """It becomes a fact of the result, and the job has a new version for those who watch."""
    found = await ask(rig, job)
    assert found.iou is not None
    assert 0.7 < found.iou < 0.95, "a cube is nearly a disc, but not quite"
    after = await rig.store.get_job(job.id)
    (item,) = after.items
    assert item.result is not None
    assert item.result.facts[FACT] == found.as_json()
    assert item.result.facts["faces"] == 12, "the other facts stay"
    assert after.version > job.version
    # From now on nothing is computed.
    rig.context = replace(rig.context, compute=CRASHING)
    assert await ask(rig, job) == found


async def test_a_failed_comparison_is_made_again_later(rig: Rig, job: Job) -> None:
    working = rig.context
    rig.context = replace(working, compute=CRASHING)
    with pytest.raises(ComputeCrashed):
        await ask(rig, job)
    rig.context = working
    with pytest.raises(ComputeCrashed):
        await ask(rig, job)
    await rig.clock.advance(61)
    assert (await ask(rig, job)).iou is not None


async def test_only_its_owner_may_ask(rig: Rig, job: Job) -> None:
    with pytest.raises(JobNotFound):
        await find_fidelity(rig.context, BEN, ItemRef(job.id, 0))
    with pytest.raises(ItemNotFound):
        await find_fidelity(rig.context, ANNA, ItemRef(job.id, 1))


async def test_nothing_to_compare_yet(rig: Rig) -> None:
    waiting = await rig.submit(ANNA, "disc")
    with pytest.raises(FileNotInResult):
        await ask(rig, waiting)


async def test_the_front_counts_wherever_it_stands(rig: Rig) -> None:
    """A model made of a front and a back is compared with the front."""
    both = await rig.new_item("disc", views=(View.FRONT, View.BACK))
    turned = replace(both, pictures=tuple(reversed(both.pictures)))
    alone = await rig.new_item("disc")
    job = await submit_job(rig.context, ANNA, JobRequest(), [alone, turned])
    await rig.run_dispatched()
    first, second = [
        await find_fidelity(rig.context, ANNA, ItemRef(job.id, index)) for index in (0, 1)
    ]
    # Front and back differ in their colour alone, and so would these.
    assert first == second


@pytest.mark.parametrize("format_name", ["stl", "obj.zip"])
async def test_other_formats_are_compared(rig: Rig, format_name: str) -> None:
    """What a provider delivers, where only it has the file."""
    content = convert_file(tiny_glb(), Conversion(format=format_name), name="m").content
    rig.web.files["https://scripted.invalid/request-1.glb"] = content
    job = await rig.submit(ANNA, "disc", request=JobRequest(keep=KeepPolicy.LINKS))
    await rig.run_dispatched()
    job = await rig.store.get_job(job.id)
    assert job.items[0].mesh is not None
    assert job.items[0].mesh.format == format_name.removeprefix("obj.")
    assert (await ask(rig, job)).iou is not None


async def test_what_cannot_be_read_is_unknown(rig: Rig) -> None:
    """FBX is kept and handed through."""
    rig.web.files["https://scripted.invalid/request-1.glb"] = b"Kaydara FBX Binary  \0" + bytes(99)
    job = await rig.submit(ANNA, "disc", request=JobRequest(keep=KeepPolicy.LINKS))
    await rig.run_dispatched()
    found = await ask(rig, job)
    assert (found.score, found.meaning) == (None, "unknown: FBX files cannot be read here")


async def test_damaged_models_are_an_error(rig: Rig) -> None:
    url = "https://scripted.invalid/request-1.glb"
    job = await rig.submit(ANNA, "disc", request=JobRequest(keep=KeepPolicy.LINKS))
    await rig.run_dispatched()
    glb = bytearray(rig.web.files[url])
    glb[20:24] = b"!!!!"
    rig.web.files[url] = bytes(glb)
    with pytest.raises(InvalidMesh):
        await ask(rig, job)


async def test_a_damaged_model_says_nothing_of_another_one_of_the_same_photo(rig: Rig) -> None:
    """Even where only their provider has them."""
    url = "https://scripted.invalid/request-1.glb"
    items, request = [await rig.new_item("disc")], JobRequest(keep=KeepPolicy.LINKS)
    damaged, whole = [await submit_job(rig.context, ANNA, request, items) for _ in range(2)]
    await rig.run_dispatched()
    rig.web.files[url] = rig.web.files[url][:20] + b"!!!!" + rig.web.files[url][24:]
    with pytest.raises(InvalidMesh):
        await ask(rig, damaged)
    assert (await ask(rig, whole)).iou is not None
