"""3MF files as slicers and CAD programs write them: parts, components, units, colours."""

import io
import zipfile
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.geometry.mesh.types import Material, Model
from tests.geometry.sample_meshes import coat, drawn, picture, psnr_db, torus

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIALS = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)
WEDGE = (
    '<mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="10" y="0" z="0"/>'
    '<vertex x="0" y="20" z="0"/><vertex x="0" y="0" z="30"/></vertices><triangles>'
    '<triangle v1="0" v2="2" v3="1"{0}/><triangle v1="0" v2="1" v3="3"/>'
    '<triangle v1="0" v2="3" v3="2"/><triangle v1="1" v2="2" v3="3"/></triangles></mesh>'
)
"""A tetrahedron of 10 x 20 x 30."""


def part(resources: str, build: str = "", *, unit: str = "millimeter") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><model unit="{unit}" xmlns="{CORE}" '
        f'xmlns:m="{MATERIALS}" xmlns:p="{PRODUCTION}"><resources>{resources}</resources>'
        f"<build>{build}</build></model>"
    )


def package(root: str, more: Mapping[str, str | bytes] | None = None) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("3D/3dmodel.model", root)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return target.getvalue()


def bounds_mm(model: Model) -> list[list[float]]:
    positions = np.concatenate([mesh.positions[mesh.faces].reshape(-1, 3) for mesh in model.meshes])
    corners = np.stack([positions.min(0), positions.max(0)]).astype(float) * 1000
    found: list[list[float]] = np.round(corners, 3).tolist()
    return found


def wedge(object_id: int, looks: str = "", attributes: str = "") -> str:
    return f'<object id="{object_id}" {attributes}>{WEDGE.format(looks)}</object>'


def test_plain() -> None:
    """Z points up there, and Y here."""
    model = read_model(package(part(wedge(1), '<item objectid="1"/>')))
    assert bounds_mm(model) == [[0, 0, -20], [10, 30, 0]]
    assert inspect_meshes(model.meshes).watertight
    assert inspect_meshes(model.meshes).faces == 4
    assert model.left_out == []


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("micron", 0.001), ("centimeter", 10), ("inch", 25.4), ("foot", 304.8), ("meter", 1000)],
)
def test_units(unit: str, factor: float) -> None:
    model = read_model(package(part(wedge(1), '<item objectid="1"/>', unit=unit)))
    assert bounds_mm(model)[1][0] == pytest.approx(10 * factor)


def test_transforms_of_items_and_components() -> None:
    """The component's first, then the item's: turned, then moved, then twice as large."""
    turned = "0 1 0 -1 0 0 0 0 1 100 0 0"
    resources = wedge(1) + (
        f'<object id="2"><components><component objectid="1" transform="{turned}"/>'
        '<component objectid="1"/></components></object>'
    )
    build = '<item objectid="2" transform="2 0 0 0 2 0 0 0 2 0 0 7"/>'
    model = read_model(package(part(resources, build)))
    first, second = model.meshes
    # (x, y) becomes (−y + 100, x), doubled.
    assert bounds_mm(Model(meshes=[first])) == [[160, 7, -20], [200, 67, 0]]
    assert bounds_mm(Model(meshes=[second])) == [[0, 7, -40], [20, 67, 0]]


@pytest.mark.parametrize("path", ["/3D/Objects/a.model", "3D/objects/A.model"])
def test_geometry_in_other_parts(path: str) -> None:
    """As the project files of slicers have it, in another unit too."""
    root = part(
        f'<object id="9"><components><component objectid="1" p:path="{path}" '
        'transform="1 0 0 0 1 0 0 0 1 5 6 7"/></components></object>',
        '<item objectid="9" transform="1 0 0 0 1 0 0 0 1 100 0 0"/>',
    )
    other = part(wedge(1), unit="centimeter")
    model = read_model(package(root, {"3D/Objects/a.model": other}))
    assert bounds_mm(model) == [[105, 7, -206], [205, 307, -6]]


def test_mirrored_object_is_not_inside_out() -> None:
    build = '<item objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>'
    [mesh] = read_model(package(part(wedge(1), build))).meshes
    a, b, c = mesh.positions[mesh.faces].astype(float).swapaxes(0, 1)
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(1e-6)


BASES = (
    '<basematerials id="5"><base name="a" displaycolor="#FF0000"/>'
    '<base name="b" displaycolor="#0000FF80"/></basematerials>'
)


def test_base_materials() -> None:
    resources = BASES + wedge(1, ' pid="5" p1="1"', 'pid="5" pindex="0"')
    [mesh] = read_model(package(part(resources, '<item objectid="1"/>'))).meshes
    assert mesh.colors is not None
    assert mesh.colors[mesh.faces[0]].tolist() == [[0, 0, 255, 128]] * 3
    assert mesh.colors[mesh.faces[1]].tolist() == [[255, 0, 0, 255]] * 3
    assert mesh.material.alpha_mode == "BLEND"
    plain = BASES + wedge(1, "", 'pid="5" pindex="0"')
    [red] = read_model(package(part(plain, '<item objectid="1"/>'))).meshes
    assert red.colors is None
    assert red.material.base_color == (1.0, 0.0, 0.0, 1.0)


def test_texture() -> None:
    image = picture(kind="png", size_px=4)
    resources = (
        '<m:texture2d id="3" path="/3D/Textures/t.png" contenttype="image/png" '
        'tilestyleu="mirror" tilestylev="clamp"/>'
        '<m:texture2dgroup id="4" texid="3"><m:tex2coord u="0" v="0"/>'
        '<m:tex2coord u="1" v="0"/><m:tex2coord u="0" v="0.75"/></m:texture2dgroup>'
    ) + wedge(1, ' pid="4" p1="0" p2="1" p3="2"')
    root = part(resources, '<item objectid="1"/>')
    model = read_model(package(root, {"3D/Textures/t.png": image.data}))
    bare, textured = model.meshes
    assert textured.material.base_color_texture is not None
    assert textured.material.base_color_texture.data == image.data
    assert textured.material.wrap == ("mirror", "clamp")
    assert textured.uvs is not None
    assert textured.uvs[textured.faces[0]].tolist() == [[0, 1], [1, 1], [0, 0.25]]
    assert bare.material.base_color_texture is None
    assert len(bare.faces) == 3
    missing = read_model(package(root))
    assert missing.left_out == ["the texture 't.png' is not there"]


def test_what_is_not_read_is_told() -> None:
    painted = wedge(1, ' paint_color="4C"')
    beams = '<object id="2"><mesh><vertices/><triangles/><beamlattice/></mesh></object>'
    model = read_model(package(part(painted + beams, '<item objectid="1"/>')))
    assert model.left_out == [
        "colours that were painted in a slicer were left out",
        "its lattice of beams was left out",
    ]


@pytest.mark.parametrize("kind", ["other", "support", "solidsupport"])
def test_modifiers_and_supports_are_no_part_of_the_model(kind: str) -> None:
    both = '<component objectid="1"/><component objectid="2" transform="9 0 0 0 9 0 0 0 9 0 0 0"/>'
    resources = wedge(1) + wedge(2, "", f'type="{kind}"') + COMPONENT.format(3, both)
    model = read_model(package(part(resources, '<item objectid="3"/>')))
    assert bounds_mm(model) == [[0, 0, -20], [10, 30, 0]]
    assert model.left_out == ["supports and the modifiers of slicers were left out"]


@pytest.mark.parametrize("look", ["texture", "colours", "base colour", "nothing"])
def test_what_is_written_comes_back(look: str) -> None:
    image = picture(kind="png", size_px=64)
    materials = {
        "texture": Material(base_color_texture=image),
        "base colour": Material(base_color=(0.5, 0.1, 0.2, 1.0)),
    }
    mesh = torus(material=materials.get(look, Material()))
    if look == "colours":
        mesh = torus(material=Material())
        mesh = type(mesh)(name="m", positions=mesh.positions, faces=mesh.faces, colors=coat(mesh))
    made = convert_file(write_glb(mesh), Conversion(format="3mf"), name="m").content
    back = read_model(made)
    assert back.left_out == []
    assert psnr_db(drawn([mesh]), drawn(back.meshes)) > 30


def test_3mf_in_an_archive() -> None:
    inner = package(part(wedge(1), '<item objectid="1"/>'))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a/b.3mf", inner)
    assert len(read_model(target.getvalue()).meshes[0].faces) == 4


COMPONENT = '<object id="{0}"><components>{1}</components></object>'


def doubling() -> str:
    """Thirty objects, each of two of the one before."""
    return wedge(1) + "".join(
        COMPONENT.format(n, f'<component objectid="{n - 1}"/>' * 2) for n in range(2, 32)
    )


REFUSED = {
    "nothing built": part(wedge(1)),
    "not there": part(wedge(1), '<item objectid="2"/>'),
    "part not there": part(wedge(1), '<item objectid="1" p:path="/3D/b.model"/>'),
    "itself": part(COMPONENT.format(1, '<component objectid="1"/>'), '<item objectid="1"/>'),
    "doubling": part(doubling(), '<item objectid="31"/>'),
    "no number": part(wedge(1).replace('"10"', '"ten"'), '<item objectid="1"/>'),
    "corner not there": part(wedge(1).replace('"3"', '"4"'), '<item objectid="1"/>'),
    "property not there": part(BASES + wedge(1, ' pid="5" p1="7"'), '<item objectid="1"/>'),
    "short transform": part(wedge(1), '<item objectid="1" transform="1 0 0"/>'),
    "nowhere": part(wedge(1), '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 nan 0 0"/>'),
    "cut off": part(wedge(1), '<item objectid="1"/>')[:-20],
    "no unit": part(wedge(1), '<item objectid="1"/>', unit="parsec"),
    "entities": '<!DOCTYPE model [<!ENTITY a "b">]>' + part(wedge(1), '<item objectid="1"/>')[38:],
    "empty": "",
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_words(what: str) -> None:
    with pytest.raises(InvalidMesh):
        read_model(package(REFUSED[what]))


def test_damaged_parts_are_read_or_refused() -> None:
    whole = part(BASES + wedge(1, ' pid="5" p1="1"'), '<item objectid="1"/>')
    for at in range(0, len(whole), 3):
        for more in ("", "9" + whole[at + 1 :], whole[at + 2 :]):
            changed = whole[:at] + more
            with suppress(InvalidMesh):
                assert read_model(package(changed)).meshes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Metadata/Slic3r_PE_model.config", '<metadata type="volume" key="modifier" value="1"/>'),
        (
            "Metadata/Slic3r_PE_model.config",
            '<metadata type="volume" key="volume_type" value="NegativeVolume"/>',
        ),
        ("Metadata/model_settings.config", '<part id="2" subtype="modifier_part"/>'),
    ],
)
def test_volumes_that_a_slicer_treats_otherwise_are_said(name: str, content: str) -> None:
    root = part(f'<object id="1">{WEDGE.format("")}</object>', '<item objectid="1"/>')
    marked = read_model(package(root, {name: content}))
    assert any("modifiers, negatives or supports" in note for note in marked.left_out)
    assert read_model(package(root, {name: "<config/>"})).left_out == []
