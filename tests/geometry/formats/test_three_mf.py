"""3MF: lib3mf reads it without a warning, in millimetres, solid, in its colours."""

from dataclasses import replace

import lib3mf
import numpy as np
import pytest

from image2model.geometry.formats.three_mf.writer import write_3mf
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.formats.outside_readers import read_3mf
from tests.geometry.sample_meshes import coat, pbr_material, picture, torus

SHAPES: dict[str, list[Mesh]] = {
    "textured": [torus(material=pbr_material())],
    "tinted": [
        torus(material=Material(base_color=(0.5, 1, 1, 1), base_color_texture=picture(kind="webp")))
    ],
    "plain": [torus(material=Material(name='"a" <b>', base_color=(0.2, 0.4, 0.6, 1)))],
    "white": [torus(material=Material())],
    "coat": [replace(torus(), colors=coat(torus()))],
}


def only_mesh(model: lib3mf.Model) -> lib3mf.MeshObject:
    objects = model.GetMeshObjects()
    assert objects.Count() == 1
    assert objects.MoveNext()
    return objects.GetCurrentMeshObject()


@pytest.mark.parametrize("shape", SHAPES)
def test_is_a_solid_in_millimetres(shape: str) -> None:
    """300 mm wide and deep; 100 mm high, along Z."""
    model = read_3mf(write_3mf(SHAPES[shape]))
    found = only_mesh(model)
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    assert found.IsManifoldAndOriented()
    corners = np.array([list(one.Coordinates) for one in found.GetVertices()])
    assert np.ptp(corners, axis=0) == pytest.approx((300, 300, 100), rel=1e-3)
    assert found.GetTriangleCount() == 48 * 24 * 2


def test_parts_become_one_object() -> None:
    """Two closed parts stay closed, each with its own colours."""
    second = replace(torus(material=Material(base_color=(1, 0, 0, 1))), uvs=None)
    moved = replace(second, positions=second.positions + np.float32(1))
    model = read_3mf(write_3mf([torus(), moved]))
    assert only_mesh(model).IsManifoldAndOriented()
    assert model.GetTexture2DGroups().Count() == 1
    assert model.GetBaseMaterialGroups().Count() == 1


def quad(material: Material, *, at: float, **changes: object) -> Mesh:
    corners = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], np.float32)
    corners[:, 0] += np.float32(at)
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.uint32)
    mesh = Mesh(name="quad", positions=corners, faces=faces, material=material)
    return replace(mesh, **changes)  # type: ignore[arg-type]


RED = quad(Material(name="red", base_color=(1, 0, 0, 1)), at=0)
PAINTED = quad(Material(), at=0, colors=np.full((4, 4), (255, 0, 0, 255), np.uint8))
TEXTURED = quad(Material(base_color_texture=picture()), at=0, uvs=np.zeros((4, 2), np.float32))


@pytest.mark.parametrize("first", [RED, PAINTED, TEXTURED], ids=["red", "painted", "textured"])
@pytest.mark.parametrize("white_first", [True, False])
def test_what_is_white_stays_white_beside_colours(first: Mesh, white_first: bool) -> None:
    """A triangle without properties would take those of its object."""
    white = quad(Material(), at=3)
    meshes = [white, first] if white_first else [first, white]
    model = read_3mf(write_3mf(meshes))
    mesh = only_mesh(model)
    colors = {}
    groups = model.GetBaseMaterialGroups()
    while groups.MoveNext():
        group = groups.GetCurrentBaseMaterialGroup()
        for entry in group.GetAllPropertyIDs():
            color = group.GetDisplayColor(entry)
            colors[group.GetResourceID()] = (color.Red, color.Green, color.Blue)
    shown = []
    for at in range(mesh.GetTriangleCount()):
        properties = mesh.GetTriangleProperties(at)
        x = mesh.GetVertex(mesh.GetTriangle(at).Indices[0]).Coordinates[0]
        if x >= 3000:
            shown.append(colors[properties.ResourceID])
        else:
            assert colors.get(properties.ResourceID) != (255, 255, 255)
    assert shown == [(255, 255, 255)] * 2


def test_texture_and_its_coordinates_read_back() -> None:
    mesh = torus()
    model = read_3mf(write_3mf([mesh]))
    groups = model.GetTexture2DGroups()
    assert groups.MoveNext()
    group = groups.GetCurrentTexture2DGroup()
    assert group.GetCount() == len(mesh.positions)
    assert mesh.uvs is not None
    for at in (0, 7, len(mesh.uvs) - 1):
        coordinate = group.GetTex2Coord(at + 1)
        assert pytest.approx(mesh.uvs[at].tolist(), abs=1e-5) == (coordinate.U, 1 - coordinate.V)
    attachment = group.GetTexture2D().GetAttachment()
    stored = bytes(attachment.WriteToBuffer())
    assert mesh.material.base_color_texture is not None
    assert stored == mesh.material.base_color_texture.data


def test_metadata_reads_back() -> None:
    """The format's own names as they are, others under our namespace."""
    model = read_3mf(
        write_3mf([torus()], metadata={"Title": "Vase <1> & co", "accession": "1932.4"})
    )
    group = model.GetMetaDataGroup()
    found = {
        group.GetMetaData(at).GetName(): group.GetMetaData(at).GetValue()
        for at in range(group.GetMetaDataCount())
    }
    assert found == {"Title": "Vase <1> & co", "accession": "1932.4"}
