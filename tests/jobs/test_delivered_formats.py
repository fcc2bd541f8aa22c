"""Results that are no GLB: drawn, inspected and converted as well, or handed through."""

import io
import json
import zipfile
from dataclasses import dataclass, replace

import pytest

from image2model.core.errors import FileNotInResult, FormatUnsupported
from image2model.core.ids import OwnerId
from image2model.core.job import FileRole, Handle, Item
from image2model.core.states import ItemState
from image2model.geometry.conversion import Conversion
from image2model.geometry.formats.convert import convert_file
from image2model.jobs.archive import open_archive
from image2model.jobs.archive_plan import ArchiveRequest
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.download import find_model, make_model
from image2model.jobs.report import report_item
from image2model.jobs.sprite import find_sprite
from image2model.ports.dispatcher import ItemRef
from image2model.ports.provider import Delivery, ProvidedFile, Work
from image2model.testing.scripted_provider import SCRIPTED, ScriptedProvider
from image2model.testing.tiny_model import tiny_glb
from tests.rig import Rig

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
    await rig.run_dispatched()
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
    glb = await make_model(rig.context, await find_model(rig.context, ANNA, ref, "glb"))
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


async def test_damaged_glb_fails_the_item(rig: Rig) -> None:
    item = await delivered(rig, "model.glb", tiny_glb()[:-9])
    assert item.state is ItemState.FAILED
    assert item.problem is not None
    assert item.problem.code == "provider_result_invalid"
