"""OBJ, PLY, STL and ZIP as others write them: read rightly, or refused in words."""

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.core.errors import Image2ModelError, InvalidMesh
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.obj.reader import read_obj
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.sample_meshes import coat, pbr_material, picture, torus

FORMATS_READ = ("glb", "gltf.zip", "obj.zip", "ply", "stl")
CUBE = trimesh.creation.box((1, 2, 3))


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return packed.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "binary", "obj", "stl", "stl_ascii", "glb"])
def test_reads_what_trimesh_writes(encoding: str) -> None:
    kind = encoding if encoding in {"obj", "stl", "stl_ascii", "glb"} else "ply"
    options = {"encoding": encoding} if kind == "ply" else {}
    data = CUBE.export(file_type=kind, **options)
    found = read_model(data.encode() if isinstance(data, str) else data).meshes[0]
    scale = 0.001 if kind.startswith("stl") else 1
    size = np.ptp(found.positions, axis=0)
    turned = (1, 3, 2) if kind.startswith("stl") else (1, 2, 3)
    assert size == pytest.approx(np.array(turned) * scale)
    assert len(found.faces) == 12


@pytest.mark.parametrize("format_name", ["obj.zip", "ply", "stl", "glb"])
def test_trimesh_reads_what_is_written(format_name: str) -> None:
    """A second reader sees the same solid, in the format's unit."""
    made = convert_file(write_glb(torus()), Conversion(format=format_name), name="m").content
    if format_name == "obj.zip":
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            made = archive.read("m.obj")
    found = trimesh.load_mesh(io.BytesIO(made), file_type=format_name.partition(".")[0])
    unit = 1000 if format_name == "stl" else 1
    found.merge_vertices(merge_tex=True, merge_norm=True)
    assert found.is_watertight
    assert len(found.faces) == len(torus().faces)
    assert sorted(found.extents / unit) == pytest.approx([0.1, 0.3, 0.3], rel=1e-3)


OBJ = b"""# by hand
mtllib look.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 1
usemtl red
f 1/1/1 2/2/1 3/3/1 4/4/1
usemtl blue
f -4//-1 -3//-1 \\
 -2//-1
"""
MTL = b"""newmtl red
Kd 1 0 0
map_Kd -s 1 1 1 textures\\Front Side.jpg
Pr 0.25
newmtl blue
Kd 0 0 1
d 0.5
"""


def test_obj_by_hand() -> None:
    """Polygons, negative indices, a continued line, options and spaces in a texture's name."""
    files = {"look.mtl": MTL, "textures/Front Side.jpg": picture().data}
    model = read_obj(OBJ, files)
    red, blue = model.meshes
    assert model.left_out == []
    assert red.faces.shape == (2, 3)
    assert red.uvs is not None
    assert red.uvs[red.faces[0, 0]].tolist() == [0, 1]
    assert red.material.base_color == (1.0, 0.0, 0.0, 1.0)
    assert red.material.base_color_texture is not None
    assert red.material.roughness == 0.25
    assert (blue.material.base_color[3], blue.material.alpha_mode) == (0.5, "BLEND")
    assert blue.uvs is None
    assert blue.positions[blue.faces[0]].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_what_is_not_there_is_said() -> None:
    """A model without its materials is a model; nobody takes it for whole."""
    assert any("look.mtl" in one for one in read_obj(OBJ).left_out)
    said = read_obj(OBJ, {"look.mtl": MTL}).left_out
    assert said == ["the texture 'Front Side.jpg' is not there"]
    files = {"look.mtl": MTL, "Front Side.jpg": b"II*\0 a tiff"}
    assert "no JPEG, PNG or WebP" in read_obj(OBJ, files).left_out[0]


def test_obj_comes_back_with_all_that_it_holds() -> None:
    material = pbr_material(normal_scale=0.5)
    made = convert_file(
        write_glb(torus(material=material)), Conversion(format="obj.zip"), name="m"
    ).content
    found = read_model(made).meshes[0].material
    assert found.base_color_texture is not None
    assert found.normal_texture is not None
    assert found.emissive_texture is not None
    assert found.metallic_roughness_texture is not None
    assert material.base_color_texture is not None
    assert found.base_color_texture.data == material.base_color_texture.data
    assert found.normal_scale == 0.5


def test_zip_finds_its_model() -> None:
    """In a folder, among macOS's notes; a GLB beside an OBJ is the better one."""
    plain = zipped(
        out__m_dot_obj=OBJ,
        out__look_dot_mtl=MTL,
        __MACOSX__out___dot__m_dot_obj=b"\0" * 99,
    )
    assert len(read_model(plain).meshes) == 2
    both = zipped(m_dot_obj=OBJ, m_dot_glb=write_glb(torus()))
    assert len(read_model(both).meshes[0].faces) == len(torus().faces)


def bomb() -> bytes:
    """Pack 700 MB of nothing into less than one."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("m.obj", "w") as entry,
    ):
        for _ in range(700):
            entry.write(bytes(1_000_000))
    return packed.getvalue()


def ply(header: str, body: bytes = b"") -> bytes:
    return f"ply\nformat {header}\nend_header\n".encode() + body


VERTICES = "element vertex 3\nproperty float x\nproperty float y\nproperty float z"
FACES = "element face 1\nproperty list uchar int vertex_indices"
CORNERS = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a picture": lambda: picture().data,
    "an FBX": lambda: b"Kaydara FBX Binary  \0" + bytes(99),
    "a USDZ": lambda: convert_file(write_glb(torus()), Conversion(format="usdz"), name="m").content,
    "points": lambda: ply(f"binary_little_endian 1.0\n{VERTICES}", CORNERS),
    "endless header": lambda: b"ply\nformat ascii 1.0\n" + b"comment x\n" * 20_000,
    "huge counts": lambda: ply(
        f"binary_little_endian 1.0\n{VERTICES.replace('3', '9999999', 1)}\n{FACES}"
    ),
    "huge list": lambda: ply(
        f"binary_little_endian 1.0\n{VERTICES}\n{FACES.replace('uchar', 'int')}",
        CORNERS + struct.pack("<i", 2**31 - 1),
    ),
    "negative list": lambda: ply(
        f"binary_little_endian 1.0\n{VERTICES}\n{FACES.replace('uchar', 'char')}",
        CORNERS + struct.pack("<b3i", -3, 0, 1, 2),
    ),
    "corner not there": lambda: ply(
        f"binary_little_endian 1.0\n{VERTICES}\n{FACES}", CORNERS + struct.pack("<B3i", 3, 0, 1, 3)
    ),
    "words": lambda: ply(f"ascii 1.0\n{VERTICES}\n{FACES}", b"0 0 0\n1 0 x\n0 1 0\n3 0 1 2\n"),
    "obj without faces": lambda: b"v 0 0 0\nv 1 0 0\nv 0 1 0\n",
    "obj beyond its vertices": lambda: b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n",
    "obj before its vertices": lambda: b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -9\n",
    "obj with words": lambda: b"v 0 0 0\nv 1 0 zero\nv 0 1 0\nf 1 2 3\n",
    "obj nowhere": lambda: b"v 0 0 0\nv 1 0 nan\nv 0 1 0\nf 1 2 3\n",
    "zip without a model": lambda: zipped(readme_dot_txt=b"hello"),
    "zip bomb": bomb,
    "empty stl": lambda: b"solid x\n facet\nendsolid x\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_words_at_once(what: str) -> None:
    data = REFUSED[what]()
    started_s = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMesh) as caught:
            read_model(data)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert len(caught.value.message) > 30
    assert time.process_time() - started_s < 10


FILES = {
    name: convert_file(
        write_glb(
            torus(around=8, across=5, material=Material(base_color_texture=picture(size_px=8)))
        ),
        Conversion(format=name),
        name="m",
    ).content
    for name in FORMATS_READ
}


@pytest.mark.parametrize("format_name", FORMATS_READ)
@given(data=st.data())
@settings(max_examples=60)
def test_damaged_files_are_read_or_refused(format_name: str, data: st.DataObject) -> None:
    """Cut anywhere, or with any bytes changed: a mesh that can be drawn, or our own error."""
    content = bytearray(FILES[format_name])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(Image2ModelError):
        made = convert_file(cut, Conversion(format="ply", faces=40), name="m")
        assert made.content.startswith(b"ply")


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    """Any triangles at all between a few corners, with or without each attribute."""
    count = draw(st.integers(3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    corners = st.lists(st.integers(0, count - 1), min_size=3, max_size=3, unique=True)
    faces = draw(st.lists(corners, min_size=1, max_size=20))
    positions = (rng.random((count, 3)) * draw(st.sampled_from([1e-4, 1, 1e4]))).astype(np.float32)
    mesh = Mesh(name="any", positions=positions, faces=np.array(faces, np.uint32))
    normals = rng.normal(size=(count, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(
        name=draw(st.sampled_from(["any", "a b", "ü\n#"])),
        positions=positions,
        faces=mesh.faces,
        normals=normals if draw(st.booleans()) else None,
        uvs=rng.random((count, 2)).astype(np.float32) if draw(st.booleans()) else None,
        colors=coat(mesh) if draw(st.booleans()) else None,
        material=Material(name="m", base_color_texture=picture(size_px=8)),
    )


@given(mesh=meshes())
@settings(max_examples=60)
def test_any_triangles_come_back(mesh: Mesh) -> None:
    """The same triangles, corner for corner, through every format that is read here."""
    wanted = mesh.positions[mesh.faces]
    glb = write_glb(mesh)
    for format_name in FORMATS_READ:
        found = read_model(convert_file(glb, Conversion(format=format_name), name="m").content)
        back = found.meshes[0].positions[found.meshes[0].faces]
        assert np.allclose(back, wanted, rtol=1e-5, atol=1e-6 * float(np.abs(wanted).max()))
