"""Models in other formats, adjusted, kept for the next who asks, and inspected."""

import io
import json
import zipfile
from dataclasses import replace

import httpx2
import numpy as np
import pytest

from image2model.api.responses.files import NOTES_HEADER
from image2model.geometry.conversion.request import FORMATS
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.solids.print_check import check_print
from image2model.geometry.mesh.types import Mesh
from image2model.testing.tiny_model import tiny_glb
from image2model.wire.inspection import InspectionOut
from tests.api.asking import make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

STARTS = {
    "glb": b"glTF",
    "gltf.zip": b"PK\x03\x04",
    "obj.zip": b"PK\x03\x04",
    "stl": b"binary STL",
    "ply": b"ply\n",
    "usdz": b"PK\x03\x04",
    "3mf": b"PK\x03\x04",
}


@pytest.fixture
async def item(client: httpx2.AsyncClient, rig: Rig) -> str:
    """The address of an item that was made."""
    job = await make_job(client, "茶壶")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{job['id']}/items/0"


@pytest.mark.parametrize("format_name", FORMATS)
async def test_every_format_can_be_had(
    client: httpx2.AsyncClient, item: str, format_name: str
) -> None:
    reply = await client.get(f"{item}/model.{format_name}")
    assert reply.status_code == 200
    assert reply.content.startswith(STARTS[format_name])
    assert f".{format_name}" in reply.headers["content-disposition"]


async def test_archive_names_its_files_after_the_model(
    client: httpx2.AsyncClient, item: str
) -> None:
    reply = await client.get(f"{item}/model.obj.zip")
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.namelist() == ["茶壶.obj", "茶壶.mtl"]


async def test_adjusted_in_size_and_place(client: httpx2.AsyncClient, item: str) -> None:
    """25 mm high, standing on its origin."""
    query = {"height_mm": "25", "pivot": "base"}
    reply = await client.get(f"{item}/model.glb", params=query)
    [mesh] = read_model(reply.content).meshes
    assert mesh.positions.min(axis=0) == pytest.approx((-0.0125, 0, -0.0125))
    assert mesh.positions.max(axis=0) == pytest.approx((0.0125, 0.025, 0.0125))


async def test_says_what_was_left_out(client: httpx2.AsyncClient, item: str) -> None:
    """In a header that holds only ASCII whatever the model is called."""
    reply = await client.get(f"{item}/model.glb", params={"max_bytes": "1000"})
    assert problem_of(reply, 422)["code"] == "invalid_request"
    plain = await client.get(f"{item}/model.glb", params={"height_mm": "9"})
    assert NOTES_HEADER not in plain.headers


async def test_made_once_and_kept(client: httpx2.AsyncClient, item: str, rig: Rig) -> None:
    """The second request finds the file; other options make another."""
    before = {stored.artifact async for stored in rig.context.artifacts.all()}
    first = await client.get(f"{item}/model.stl")
    made = {stored.artifact async for stored in rig.context.artifacts.all()} - before
    assert len(made) == 1
    assert (await client.get(f"{item}/model.stl")).content == first.content
    await client.get(f"{item}/model.stl", params={"up": "y"})
    kept = {stored.artifact async for stored in rig.context.artifacts.all()} - before
    assert len(kept) == 2
    assert await rig.context.store.unreferenced(kept) == set()


async def test_goes_with_its_job(client: httpx2.AsyncClient, item: str, rig: Rig) -> None:
    await client.get(f"{item}/model.usdz")
    assert (await client.delete(item.partition("/items")[0])).status_code == 204
    assert [stored async for stored in rig.context.artifacts.all()] == []


async def test_part_of_a_conversion(client: httpx2.AsyncClient, item: str) -> None:
    whole = await client.get(f"{item}/model.ply")
    part = await client.get(f"{item}/model.ply", headers={"Range": "bytes=4-9"})
    assert part.status_code == 206
    assert part.content == whole.content[4:10]
    known = {"If-None-Match": whole.headers["etag"]}
    assert (await client.get(f"{item}/model.ply", headers=known)).status_code == 304


@pytest.mark.parametrize(
    "query",
    [
        {"faces": "3"},
        {"height_mm": "-1"},
        {"height_mm": "5", "width_mm": "5"},
        {"up": "x"},
        {"pivot": "left"},
        {"texture_px": "99999"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_senseless_options_are_refused(
    client: httpx2.AsyncClient, item: str, query: dict[str, str]
) -> None:
    reply = await client.get(f"{item}/model.glb", params=query)
    assert problem_of(reply, 422)["code"] == "invalid_request"


async def test_inspected(client: httpx2.AsyncClient, item: str) -> None:
    """The cube of 100 mm prints as it is; every fact is of the kind that is documented."""
    reply = await client.get(f"{item}/inspect")
    found = InspectionOut.model_validate(reply.json())
    assert found.model_dump(mode="json") == reply.json()
    assert (found.format, found.size_bytes) == ("glb", len(tiny_glb("茶壶")))
    assert found.faces == 12
    assert found.size_mm == [100.0, 100.0, 100.0]
    assert (found.textures, found.texels_per_mm) == ([], None)
    assert found.print.verdict == "ready"
    assert found.print.manifold
    assert found.print.volume_mm3 == pytest.approx(1e6)
    assert found.print.area_mm2 == pytest.approx(60_000)


async def item_with(client: httpx2.AsyncClient, rig: Rig, mesh: Mesh) -> str:
    """Have the provider make *mesh*, and return the item's address."""
    rig.web.files["https://scripted.invalid/request-1.glb"] = write_glb(mesh)
    job = await make_job(client, "box", keep="links")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{job['id']}/items/0"


async def test_inspected_for_a_coarse_printer(client: httpx2.AsyncClient, rig: Rig) -> None:
    """A cube of 5 mm is all thin walls to a printer that makes none below 10 mm."""
    [cube] = read_model(tiny_glb()).meshes
    item = await item_with(client, rig, replace(cube, positions=cube.positions / np.float32(20)))
    params = {"printer_min_mm": "10"}
    told = (await client.get(f"{item}/inspect", params=params)).json()["print"]
    assert (told["verdict"], told["printer_min_mm"], told["thin_share"]) == ("not", 10.0, 1.0)
    assert (await client.get(f"{item}/inspect")).json()["print"]["verdict"] == "ready"
    reply = await client.get(f"{item}/inspect", params={"printer_min_mm": "0"})
    assert problem_of(reply, 422)["code"] == "invalid_request"


async def test_repaired_on_the_way(client: httpx2.AsyncClient, rig: Rig) -> None:
    """A cube that lacks a face is repairable, and `repair=true` makes a closed solid of it."""
    [cube] = read_model(tiny_glb()).meshes
    item = await item_with(client, rig, replace(cube, faces=cube.faces[1:]))
    told = (await client.get(f"{item}/inspect")).json()["print"]
    assert told["verdict"] == "repairable"
    assert told["edges"]["open"] == 3
    assert told["volume_mm3"] is None
    made = await client.get(f"{item}/model.glb", params={"repair": "true"})
    assert json.loads(made.headers[NOTES_HEADER]) == ["1 hole was filled"]
    [solid] = read_model(made.content).meshes
    assert check_print([solid]).verdict == "ready"


async def test_inspecting_what_is_not_there(client: httpx2.AsyncClient, item: str) -> None:
    reply = await client.get(f"{item.rpartition('/')[0]}/7/inspect")
    assert problem_of(reply, 404)["code"] == "item_not_found"
