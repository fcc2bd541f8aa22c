"""What was wished of a job is made of every result; what was delivered stays."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from image2model.core.errors import (
    ComputeCrashed,
    FormatUnsupported,
    InvalidMesh,
    InvalidRequest,
    JsonValue,
    StorageFull,
)
from image2model.core.ids import OwnerId
from image2model.core.job import Description, FileRole, Job, KeepPolicy, ResultFile
from image2model.core.output import Output
from image2model.core.states import ItemState
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.export import make_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.container import parse_glb
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.render.preview import render_preview
from image2model.geometry.render.sprite import render_sprite
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from image2model.jobs.computations import convert_model as convert_file_of
from image2model.jobs.intake.submit import JobRequest, submit_job
from image2model.jobs.lifecycle.control import update_job
from image2model.jobs.results.download import find_model, find_preview, read_found
from image2model.jobs.results.download import read_model as read_chunks
from image2model.jobs.results.fidelity import FACT, find_fidelity
from image2model.jobs.results.finalize import NOT_MADE
from image2model.jobs.results.report import report_item
from image2model.jobs.results.sprite import find_sprite
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.dispatcher import ItemRef
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.memory_artifacts import FailingArtifactStore
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("key:anna")


async def made(
    rig: Rig,
    *formats: str,
    adjust: Mapping[str, JsonValue] | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
    keep: KeepPolicy = KeepPolicy.KEEP,
    reuse: bool = False,
    name: str = "mug",
    key: str | None = None,
) -> Job:
    """Make a mug as wished, to its end."""
    item = replace(await rig.new_item("mug"), metadata=metadata or {}, name=name)
    output = Output(formats=formats, adjust=adjust or {})
    request = JobRequest(output=output, keep=keep, reuse=reuse, idempotency_key=key)
    job = await submit_job(rig.context, ANNA, request, [item])
    await rig.run_dispatched()
    return await rig.store.get_job(job.id)


def files_of(job: Job) -> Sequence[ResultFile]:
    (item,) = job.items
    assert item.result is not None
    return item.result.files


def names_of(job: Job) -> list[tuple[str, FileRole]]:
    return [(file.name, file.role) for file in files_of(job)]


async def content_of(rig: Rig, file: ResultFile) -> bytes:
    assert file.artifact is not None
    return b"".join([chunk async for chunk in rig.artifacts.read(file.artifact)])


async def downloaded(rig: Rig, job: Job, format_name: str, **asked: JsonValue) -> bytes:
    """Download a model as a user does."""
    ref = ItemRef(job.id, 0)
    model = await find_model(rig.context, ANNA, ref, format_name, asked=asked)
    return await read_whole(read_chunks(rig.context, model))


def height_mm(model: bytes) -> float:
    meshes = read_model(model).meshes
    return float(1000 * np.ptp(np.concatenate([mesh.positions for mesh in meshes])[:, 1]))


async def test_formats_stand_beside_what_was_delivered(rig: Rig) -> None:
    job = await made(rig, "glb", "stl", "3mf")
    assert names_of(job) == [
        ("mug.glb", FileRole.MESH),
        ("mug.stl", FileRole.MESH),
        ("mug.3mf", FileRole.MESH),
        ("preview.webp", FileRole.PREVIEW),
    ]
    for file in files_of(job):
        content = await content_of(rig, file)
        assert (file.size_bytes, file.sha256) == (len(content), sha256(content).hexdigest())
    assert await content_of(rig, files_of(job)[0]) == tiny_glb("mug")
    assert job.items[0].mesh is files_of(job)[0]


async def test_adjusted_model_takes_the_place_of_the_one_delivered(rig: Rig) -> None:
    job = await made(rig, "stl", adjust={"height_mm": 80})
    assert names_of(job)[:3] == [
        ("mug.glb", FileRole.MESH),
        ("mug.stl", FileRole.MESH),
        ("mug.original.glb", FileRole.ORIGINAL),
    ]
    adjusted, stl, original = files_of(job)[:3]
    for file in (adjusted, stl):
        assert height_mm(await content_of(rig, file)) == pytest.approx(80)
    assert await content_of(rig, original) == tiny_glb("mug")
    assert job.items[0].result is not None
    assert job.items[0].result.facts["height_mm"] == pytest.approx(80)


async def test_a_model_that_lies_down_still_has_its_height(rig: Rig) -> None:
    job = await made(rig, adjust={"up": "z", "height_mm": 50})
    assert job.items[0].result is not None
    assert job.items[0].result.facts["height_mm"] == pytest.approx(50)


async def test_downloads_are_as_wished_unless_they_ask_otherwise(rig: Rig) -> None:
    job = await made(rig, adjust={"height_mm": 80})
    assert height_mm(await downloaded(rig, job, "glb")) == pytest.approx(80)
    assert height_mm(await downloaded(rig, job, "ply")) == pytest.approx(80)
    # Another side replaces the height; both at once would make no sense.
    assert height_mm(await downloaded(rig, job, "glb", width_mm=20)) == pytest.approx(20)


async def test_own_size_of_an_object_goes_before_that_of_all(rig: Rig) -> None:
    said: Mapping[str, JsonValue] = {"height_mm": 33, "face_limit": 10_000}
    job = await made(rig, adjust={"width_mm": 80, "faces": 500}, metadata=said)
    assert height_mm(await downloaded(rig, job, "stl")) == pytest.approx(33)
    assert [name for name, _ in names_of(job)[:2]] == ["mug.glb", "mug.original.glb"]
    glb, original = [await content_of(rig, file) for file in files_of(job)[:2]]
    assert parse_glb(glb).binary == parse_glb(original).binary, "nothing was left to adjust"


async def test_what_cannot_be_made_is_said_and_fails_nothing(rig: Rig) -> None:
    job = await made(rig, "stl", "usdz", adjust={"max_bytes": 1500})
    assert job.items[0].state is ItemState.SUCCEEDED
    assert job.items[0].result is not None
    refused = job.items[0].result.facts[NOT_MADE]
    assert set(refused) == {"usdz"}
    assert "the least it can become" in refused["usdz"]
    archive = await open_archive(rig.context, ANNA, job.id, ArchiveRequest())
    content = b"".join([chunk async for chunk in archive.read()])
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert "mug.stl" in files.namelist()
        assert b"the least it can become" in files.read("manifest.json")


async def test_archive_of_such_a_job_is_known_beforehand(rig: Rig) -> None:
    """Nothing is made on the way, so a broken download goes on where it stopped."""
    job = await made(rig, "stl", "3mf", adjust={"height_mm": 80})
    archive = await open_archive(rig.context, ANNA, job.id, ArchiveRequest())
    content = b"".join([chunk async for chunk in archive.read()])
    assert (archive.size_bytes, archive.etag is not None) == (len(content), True)
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert {"mug.stl", "mug.3mf"} < set(files.namelist())
        assert height_mm(files.read("mug.stl")) == pytest.approx(80)


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (Output(formats=("dwg",)), FormatUnsupported),
        (Output(adjust={"faces": 3}), InvalidRequest),
        (Output(adjust={"height_mm": 3, "width_mm": 3}), InvalidRequest),
    ],
)
async def test_wishes_that_cannot_be_met_are_refused_before_the_work(
    rig: Rig, output: Output, error: type[Exception]
) -> None:
    item = await rig.new_item("mug")
    with pytest.raises(error):
        await submit_job(rig.context, ANNA, JobRequest(output=output), [item])
    assert [one async for one in rig.artifacts.all()] == []


# --- results taken over, and results that their provider keeps --------------------------------


async def stored(rig: Rig) -> int:
    return len([one async for one in rig.artifacts.all()])


async def test_taken_over_results_are_made_to_fit_and_not_paid_again(rig: Rig) -> None:
    first = await made(rig, adjust={"height_mm": 80})
    again = await made(rig, "stl", adjust={"height_mm": 40}, reuse=True)
    assert again.items[0].attempts == ()
    assert height_mm(await downloaded(rig, again, "glb")) == pytest.approx(40)
    assert height_mm(await downloaded(rig, again, "stl")) == pytest.approx(40)
    assert height_mm(await downloaded(rig, first, "glb")) == pytest.approx(80)
    plain = await made(rig, reuse=True)
    assert names_of(plain) == [("mug.glb", FileRole.MESH), ("preview.webp", FileRole.PREVIEW)]
    assert plain.items[0].result is not None
    assert plain.items[0].result.facts["height_mm"] == pytest.approx(100)


# --- what is said of an object ----------------------------------------------------------------


def said_in(glb: bytes) -> JsonValue:
    """Read what a GLB file says of its object, besides what made it."""
    said = dict(parse_glb(glb).document["scenes"][0]["extras"])
    assert said.pop("generator") == "scripted/cube"
    return said


def facts_of(job: Job) -> Mapping[str, JsonValue]:
    (item,) = job.items
    assert item.result is not None
    return item.result.facts


async def test_what_is_said_may_change_without_paying_again(rig: Rig) -> None:
    """Title and size are written into the model that was delivered, for every job its own."""
    small, large = {"title": "Jug", "height_mm": 33}, {"title": "Krug", "height_mm": 66}
    first = await made(rig, metadata=small)
    again = await made(rig, "stl", metadata=large, reuse=True, name="Krug")
    assert rig.provider.submits_of("mug") == len(rig.provider.accepted) == 1
    assert names_of(again) == [
        ("Krug.glb", FileRole.MESH),
        ("Krug.stl", FileRole.MESH),
        ("Krug.original.glb", FileRole.ORIGINAL),
        ("preview.webp", FileRole.PREVIEW),
    ]
    glb, stl, original = [await content_of(rig, file) for file in files_of(again)[:3]]
    assert (said_in(glb), original) == (large, tiny_glb("mug"))
    assert [height_mm(glb), height_mm(stl)] == pytest.approx([66, 66])
    assert (facts_of(again)["height_mm"], facts_of(again)["scaled_to"]) == (
        pytest.approx(66),
        "height_mm",
    )
    assert said_in(await downloaded(rig, first, "glb")) == small
    plain = await made(rig, reuse=True)
    assert names_of(plain) == [("mug.glb", FileRole.MESH), ("preview.webp", FileRole.PREVIEW)]
    assert await downloaded(rig, plain, "glb") == tiny_glb("mug")
    assert "scaled_to" not in facts_of(plain)
    assert len(rig.provider.accepted) == 1


async def test_another_name_alone_renames_the_files(rig: Rig) -> None:
    first = await made(rig, "obj.zip")
    again = await made(rig, "obj.zip", reuse=True, name="vase")
    assert [name for name, _ in names_of(again)] == ["vase.glb", "vase.obj.zip", "preview.webp"]
    with zipfile.ZipFile(io.BytesIO(await content_of(rig, files_of(again)[1]))) as files:
        assert "vase.obj" in files.namelist()
    assert files_of(again)[0].artifact == files_of(first)[0].artifact
    assert len(rig.provider.accepted) == 1


async def test_a_request_that_was_cut_short_is_brought_to_its_end(rig: Rig) -> None:
    """The results were taken over, and then the process was killed."""
    await made(rig, metadata={"title": "Jug"})
    broken = rig.with_artifacts(
        FailingArtifactStore(rig.artifacts, puts={2: StorageFull(where="the disk")})
    )
    short = await made(broken, metadata={"title": "Krug"}, reuse=True, key="one")
    assert said_in(await content_of(rig, files_of(short)[0])) == {"title": "Jug"}
    assert said_in(await downloaded(rig, short, "glb")) == {"title": "Krug"}
    whole = await made(rig, metadata={"title": "Krug"}, reuse=True, key="one")
    assert whole.id == short.id
    assert said_in(await content_of(rig, files_of(whole)[0])) == {"title": "Krug"}


async def test_links_say_it_when_they_are_downloaded(rig: Rig) -> None:
    said = {"title": "Jug", "height_mm": 33}
    job = await made(rig, metadata=said, keep=KeepPolicy.LINKS)
    assert said_in(await downloaded(rig, job, "glb")) == said
    assert height_mm(await downloaded(rig, job, "stl")) == pytest.approx(33)
    other = {"title": "Krug", "width_mm": 40}
    again = await made(rig, metadata=other, keep=KeepPolicy.LINKS, reuse=True)
    assert said_in(await downloaded(rig, again, "glb")) == other
    assert len(rig.provider.accepted) == 1


async def test_models_in_other_formats_get_their_size(rig: Rig) -> None:
    url = "https://scripted.invalid/request-1.glb"
    solid = convert_file(tiny_glb(), Conversion(format="ply"), name="mug").content
    rig.web.files[url] = solid
    said = {"title": "Jug", "height_mm": 33}
    job = await made(rig, metadata=said, keep=KeepPolicy.LINKS)
    assert height_mm(await downloaded(rig, job, "ply")) == pytest.approx(33)
    assert said_in(await downloaded(rig, job, "glb"))["title"] == "Jug"


async def test_a_limit_of_faces_is_told(rig: Rig) -> None:
    rig.web.files["https://scripted.invalid/request-1.glb"] = ball()
    job = await made(rig, metadata={"face_limit": 200}, keep=KeepPolicy.LINKS)
    await update_job(rig.context, ANNA, job.id, starred=True)
    kept = await rig.store.get_job(job.id)
    assert facts_of(kept)["simplified_from"] == 1280
    assert facts_of(kept)["faces"] <= 200
    assert "simplified from 1,280" in files_of(kept)[0].notes[0]


# --- pictures and facts are of the model that stands first --------------------------------------


def ball() -> bytes:
    solid = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    egg = solid.apply_scale([1.0, 2.0, 0.5])
    return write_glb(
        Mesh(
            name="egg",
            positions=np.asarray(egg.vertices, np.float32),
            faces=np.asarray(egg.faces, np.uint32),
        )
    )


@pytest.fixture
async def eggs(rig: Rig) -> Rig:
    """Whatever is asked for, the provider has an egg that stands."""
    for number in range(1, 4):
        rig.web.files[f"https://scripted.invalid/request-{number}.glb"] = ball()
    return rig


@pytest.mark.parametrize("adjust", [{"faces": 60}, {"faces": 60, "up": "z"}])
async def test_preview_shows_the_adjusted_model_upright(
    eggs: Rig, adjust: Mapping[str, JsonValue]
) -> None:
    job = await made(eggs, adjust=adjust, keep=KeepPolicy.LINKS)
    await update_job(eggs.context, ANNA, job.id, starred=True)
    kept = await eggs.store.get_job(job.id)
    ref = ItemRef(job.id, 0)
    upright = make_file(ball(), Conversion(format="glb", faces=60), Description(name="mug"))
    shown = render_preview(upright.content)
    preview = await find_preview(eggs.context, ANNA, ref)
    assert await read_whole(read_found(eggs.context, preview)) == shown != render_preview(ball())
    sprite = await find_sprite(eggs.context, ANNA, ref)
    assert await read_whole(eggs.artifacts.read(sprite)) == render_sprite(upright.content)
    report = await report_item(eggs.context, ANNA, ref, printer_min_mm=0.8)
    assert report["faces"] == facts_of(kept)["faces"] <= 60
    assert report["size_mm"][1] == pytest.approx(facts_of(kept)["height_mm"], abs=0.01)


async def test_sprite_and_facts_of_links_are_of_what_is_downloaded(eggs: Rig) -> None:
    job = await made(eggs, adjust={"faces": 60, "up": "z"}, keep=KeepPolicy.LINKS)
    ref = ItemRef(job.id, 0)
    upright = make_file(ball(), Conversion(format="glb", faces=60), Description(name="mug"))
    sprite = await find_sprite(eggs.context, ANNA, ref)
    assert await read_whole(eggs.artifacts.read(sprite)) == render_sprite(upright.content)
    assert (await report_item(eggs.context, ANNA, ref, printer_min_mm=0.8))["faces"] <= 60


async def test_links_that_cannot_be_as_small_are_shown_as_they_are(eggs: Rig) -> None:
    job = await made(eggs, adjust={"max_bytes": 1000}, keep=KeepPolicy.LINKS)
    sprite = await find_sprite(eggs.context, ANNA, ItemRef(job.id, 0))
    assert await read_whole(eggs.artifacts.read(sprite)) == render_sprite(ball())


async def test_a_score_is_forgotten_with_the_model_it_was_of(rig: Rig) -> None:
    first = await made(rig)
    await find_fidelity(rig.context, ANNA, ItemRef(first.id, 0))
    same = await made(rig, "stl", reuse=True)
    assert FACT in facts_of(same)
    other = await made(rig, adjust={"height_mm": 50}, reuse=True)
    assert FACT not in facts_of(other)


async def test_the_same_wishes_again_make_nothing(rig: Rig) -> None:
    first = await made(rig, "stl", adjust={"height_mm": 80})
    before = await stored(rig)
    again = await made(rig, "stl", adjust={"height_mm": 80}, reuse=True)
    assert files_of(again) == files_of(first)
    assert await stored(rig) == before + 1, "but for the new picture"


async def test_links_are_adjusted_when_they_are_downloaded(rig: Rig) -> None:
    job = await made(rig, "stl", adjust={"height_mm": 80}, keep=KeepPolicy.LINKS)
    assert [name for name, _ in names_of(job)] == ["mug.glb"]
    assert height_mm(await downloaded(rig, job, "glb")) == pytest.approx(80)
    await update_job(rig.context, ANNA, job.id, starred=True)
    kept = await rig.store.get_job(job.id)
    assert [name for name, _ in names_of(kept)][:3] == ["mug.glb", "mug.stl", "mug.original.glb"]


class Dying(InlineCompute):
    """Computes everything but conversions, whose process dies."""

    async def run(self, limit_s: float, function: Callable[..., Any], /, *args: object) -> Any:
        """Call *function*, unless it converts."""
        if function is convert_file_of:
            raise ComputeCrashed(function="convert_model")
        return await super().run(limit_s, function, *args)


async def test_a_conversion_that_dies_fails_no_item_and_no_archive(rig: Rig) -> None:
    rig.context = replace(rig.context, compute=Dying())
    rig.keeper, rig.runner = rig.worker("two")
    job = await made(rig, "stl")
    assert job.items[0].state is ItemState.SUCCEEDED
    assert job.items[0].result is not None
    assert set(job.items[0].result.facts[NOT_MADE]) == {"stl"}
    request = ArchiveRequest(formats=["stl", "glb"])
    archive = await open_archive(rig.context, ANNA, job.id, request)
    content = b"".join([chunk async for chunk in archive.read()])
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert "mug.glb" in files.namelist()
        (missing,) = json.loads(files.read("manifest.json"))["items"][0]["missing"]
    assert missing["format"] == "stl"
    archive = await open_archive(rig.context, ANNA, job.id, ArchiveRequest(formats=["stl"]))
    content = b"".join([chunk async for chunk in archive.read()])
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert files.read("mug.original.glb") == tiny_glb("mug")


def test_whatever_goes_wrong_in_a_conversion_is_the_files_fault(tmp_path: Path) -> None:
    odd = Conversion.__new__(Conversion)  # It has no values at all.
    source, target = tmp_path / "mug.glb", tmp_path / "mug.stl"
    source.write_bytes(tiny_glb())
    with pytest.raises(InvalidMesh, match="too odd"):
        convert_file_of(source, target, odd, Description(name="mug"))
