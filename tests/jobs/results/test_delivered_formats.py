"""Results that are no GLB: drawn, inspected and converted as well, or handed through."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from image2model.core.errors import FileNotInResult, FormatUnsupported
from image2model.core.generator import GeneratorId, Price
from image2model.core.ids import OwnerId
from image2model.core.job import FileRole, Handle, Item
from image2model.core.rules import offered_usd
from image2model.core.states import AttemptState, ItemState
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.lifecycle.control import retry_items
from image2model.jobs.results.download import find_model, read_model
from image2model.jobs.results.report import report_item
from image2model.jobs.results.sprite import find_sprite
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.dispatcher import ItemRef
from image2model.ports.provider import Delivery, ProvidedFile, Work
from image2model.providers.function import FunctionProvider
from image2model.testing.scripted_provider import SCRIPTED, ScriptedProvider
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

ANNA = OwnerId("key:anna")
FBX = b"Kaydara FBX Binary  \0" + bytes(99)


@dataclass(slots=True)
class Delivering(ScriptedProvider):
    """Delivers one file, whatever it was asked for."""

    delivered: ProvidedFile | None = None

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Deliver it."""
        del work, handle
        assert self.delivered is not None
        return Delivery(files=[self.delivered])


async def delivered(rig: Rig, name: str, content: bytes) -> Item:
    """Have an item made as a file *name* with *content*."""
    file = ProvidedFile(name=name, role=FileRole.MESH, content=content)
    provider = Delivering(rig.clock, delivered=file)
    rig.context = replace(rig.context, catalogue=Catalogue([provider], default=SCRIPTED))
    rig.keeper, rig.runner = rig.worker("one")
    job = await rig.submit(ANNA, "mug")
    await rig.run_on(minutes=2)
    (item,) = (await rig.store.get_job(job.id)).items
    return item


@pytest.mark.parametrize("format_name", ["stl", "ply", "obj.zip", "gltf.zip"])
async def test_drawn_inspected_and_converted(rig: Rig, format_name: str) -> None:
    content = convert_file(tiny_glb(), Conversion(format=format_name), name="m").content
    item = await delivered(rig, f"model.{format_name}", content)
    assert item.state is ItemState.SUCCEEDED
    assert item.result is not None
    assert [file.role for file in item.result.files] == [FileRole.MESH, FileRole.PREVIEW]
    assert (item.result.facts["faces"], item.result.facts["watertight"]) == (12, True)
    ref = ItemRef(item.job, item.index)
    told = await report_item(rig.context, ANNA, ref, printer_min_mm=0.8)
    assert (told["format"], told["faces"]) == (format_name.rpartition(".")[2], 12)
    picture = await find_sprite(rig.context, ANNA, ref)
    assert (await rig.artifacts.stat(picture)).size_bytes > 100
    glb = await read_whole(read_model(rig.context, await find_model(rig.context, ANNA, ref, "glb")))
    assert glb.startswith(b"glTF")


async def test_fbx_is_handed_through(rig: Rig) -> None:
    """Byte for byte; what would have to read it says that it cannot."""
    item = await delivered(rig, "model.fbx", FBX)
    assert item.mesh is not None
    assert item.mesh.artifact is not None
    assert (item.mesh.name, item.mesh.format) == ("mug.fbx", "fbx")
    assert b"".join([part async for part in rig.artifacts.read(item.mesh.artifact)]) == FBX
    ref = ItemRef(item.job, item.index)
    found = await find_model(rig.context, ANNA, ref, "fbx")
    assert (found.name, found.convert) == ("mug.fbx", None)
    with pytest.raises(FormatUnsupported):
        await find_model(rig.context, ANNA, ref, "stl")
    with pytest.raises(FormatUnsupported):
        await report_item(rig.context, ANNA, ref, printer_min_mm=0.8)
    with pytest.raises(FileNotInResult):
        await find_sprite(rig.context, ANNA, ref)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.fbx", FBX),
        ("model.obj", b"v 0 0 0\nf 1 2 9\n"),
        ("model.zip", b"PK\3\4" + bytes(60)),
    ],
)
async def test_what_cannot_be_converted_is_in_the_archive_as_it_was_delivered(
    rig: Rig, name: str, content: bytes
) -> None:
    item = await delivered(rig, name, content)
    archive = await open_archive(
        rig.context, ANNA, item.job, ArchiveRequest(formats=["stl", "usdz"])
    )
    data = b"".join([chunk async for chunk in archive.read()])
    assert archive.size_bytes in {len(data), None}
    kind = name.rpartition(".")[2]
    with zipfile.ZipFile(io.BytesIO(data)) as files:
        assert files.read(f"mug.original.{kind}") == content
        (told,) = json.loads(files.read("manifest.json"))["items"]
    assert {one["format"] for one in told["missing"]} == {"stl", "usdz"}
    assert "as it was delivered, in place of what was asked for" in told["files"][0]["notes"][0]


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.obj", b"v 0 0 0\nf 1 2 9\n"), ("model.zip", b"PK\3\4" + bytes(60))],
)
async def test_what_cannot_be_read_is_kept_without_a_picture(
    rig: Rig, name: str, content: bytes
) -> None:
    """It was paid for, and others may read it."""
    item = await delivered(rig, name, content)
    assert item.state is ItemState.SUCCEEDED
    assert item.result is not None
    assert [file.role for file in item.result.files] == [FileRole.MESH]
    assert "faces" not in item.result.facts
    assert str(item.result.facts["not_read"]).startswith("The 3D file cannot be used: ")


def _png() -> bytes:
    return disc_png("mug")


def _longer() -> bytes:
    return tiny_glb() + bytes(8)


def _text_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "Sorry.")
    return out.getvalue()


NO_MODELS: Mapping[str, tuple[str, bytes, str]] = {
    "five bytes": ("model.glb", b"hello", "no 3D model"),
    "nothing": ("model.glb", b"", "empty"),
    "a picture": ("model.glb", _png(), "no 3D model"),
    "a page": ("model.glb", b"<!doctype html><title>Sorry</title>", "no 3D model"),
    "cut": ("model.glb", tiny_glb()[:-9], "bytes instead of"),
    "cut, by another name": ("model.fbx", tiny_glb()[:-9], "bytes instead of"),
    "too long": ("model.glb", _longer(), "bytes instead of"),
    "JSON": ("model.glb", b'{"error": "out of credit"}', "no 3D model"),
    "text called OBJ": ("model.obj", b"Service unavailable\n", "no 3D model"),
    "a picture called FBX": ("model.fbx", _png(), "no 3D model"),
    "an archive of text": ("model.zip", _text_archive(), "no 3D model in the archive"),
    "a GLB of nothing": ("model.glb", b"glTF" + struct.pack("<II", 2, 20) + bytes(8), "chunk"),
}


@pytest.mark.parametrize("case", NO_MODELS)
async def test_what_is_no_model_is_not_delivered(rig: Rig, case: str) -> None:
    """Whoever makes it; and making it again is offered, not done."""
    name, content, complaint = NO_MODELS[case]
    item = await delivered(rig, name, content)
    assert item.state is ItemState.FAILED
    assert item.result is None
    assert item.problem is not None
    assert item.problem.code == "provider_result_invalid"
    assert complaint in item.problem.message
    assert offered_usd(item) == 0.2
    assert [(one.state, one.cost_usd) for one in item.attempts] == [
        (AttemptState.ACCEPTED, Decimal("0.20"))
    ]


@pytest.mark.parametrize(
    ("name", "made_as", "known_as"),
    [
        ("model.glb", "usdz", "usdz"),
        ("model.glb", "stl", "stl"),
        ("model.glb", "ply", "ply"),
        ("model.fbx", "glb", "glb"),
        ("model", "glb", "glb"),
        ("model.bin", "3mf", "3mf"),
        ("model.GLB", "glb", "GLB"),
        ("model.stl", "obj.zip", "zip"),
    ],
)
async def test_its_format_is_by_its_bytes(rig: Rig, name: str, made_as: str, known_as: str) -> None:
    content = convert_file(tiny_glb(), Conversion(format=made_as), name="m").content
    item = await delivered(rig, name, content)
    assert item.state is ItemState.SUCCEEDED
    assert item.mesh is not None
    assert (item.mesh.name, item.mesh.format) == (f"mug.{known_as}", known_as.lower())


@pytest.mark.parametrize("content", [b"hello", b"", _png(), tiny_glb()[:-9]])
async def test_plug_in_that_makes_no_model(rig: Rig, content: bytes) -> None:
    """What costs nothing fails at once, and is made anew by a retry."""
    asked: list[str] = []

    async def make(work: Work) -> bytes:
        asked.append(work.name)
        return content if len(asked) == 1 else tiny_glb()

    card = replace(rig.provider.cards()[0], id=GeneratorId("acme/cube"), price=Price())
    catalogue = Catalogue([FunctionProvider("acme", [card], make)], default=card.id)
    rig.context = replace(rig.context, catalogue=catalogue)
    rig.keeper, rig.runner = rig.worker("one")
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    (item,) = (await rig.store.get_job(job.id)).items
    assert (item.state, item.attempts[0].state) == (ItemState.FAILED, AttemptState.FAILED)
    assert item.problem is not None
    assert item.problem.code == "provider_result_invalid"
    assert offered_usd(item) is None
    await retry_items(rig.context, ANNA, job.id)
    await rig.run_dispatched()
    (item,) = (await rig.store.get_job(job.id)).items
    assert (item.state, len(asked)) == (ItemState.SUCCEEDED, 2)
