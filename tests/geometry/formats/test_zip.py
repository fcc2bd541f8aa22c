"""ZIP archives of models, as many programs on many systems pack them."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping

import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Model
from tests.geometry.formats.test_ply import ORDERS, VERTICES, faces, ply
from tests.geometry.sample_meshes import picture, torus

PICTURE = picture(kind="png", size_px=4).data
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"


def obj(library: str) -> str:
    return f"mtllib {library}\n{TRIANGLE}usemtl wood\nf 1/1 2/2 3/3\n"


def mtl(texture: str) -> str:
    return f"newmtl wood\nKd 1 0 0\nmap_Kd {texture}\n"


class OldInfo(zipfile.ZipInfo):
    """An entry as programs write it that know nothing of UTF-8: bytes, and no flag."""

    encoding = "ascii"

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


def packed(files: Mapping[str, bytes], *, encoding: str | None = None) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            if encoding is None:
                archive.writestr(name, content)
            else:
                info = OldInfo("x")
                info.filename, info.encoding = name, encoding
                archive.writestr(info, content)
    return target.getvalue()


def assert_whole(model: Model) -> None:
    [mesh] = model.meshes
    assert model.left_out == []
    assert mesh.material.base_color[:3] == (1, 0, 0)
    assert mesh.material.base_color_texture is not None
    assert mesh.material.base_color_texture.data == PICTURE


@pytest.mark.parametrize(
    ("folder", "texture"),
    [
        ("model\\", "model\\tex\\wood.png"),
        ("model\\", "model/tex/wood.png"),
        ("model/", "model/TEX/Wood.PNG"),
        ("", "textures/wood.png"),
        ("a/b/", "maps/wood.png"),
        ("./", "./tex/wood.png"),
    ],
)
@pytest.mark.parametrize("named", ["tex/wood.png", "tex\\wood.png", "C:\\Users\\me\\wood.png"])
def test_folders_and_slashes_of_any_kind(folder: str, texture: str, named: str) -> None:
    files = {
        folder + "a.obj": obj("a.mtl").encode(),
        folder + "A.MTL": mtl(named).encode(),
        texture: PICTURE,
        "model\\": b"",
    }
    assert_whole(read_model(packed(files)))


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("cp437", "Gänse"),
        ("cp932", "木目"),
        ("cp932", "表ソ"),
        ("gbk", "木头"),
        ("utf-8", "木目"),
        ("cp949", "나무"),
        ("cp1251", "дерево"),
        ("cp1252", "œuvre"),
    ],
)
@pytest.mark.parametrize("same", [True, False], ids=["same encoding", "UTF-8 within"])
def test_names_without_the_flag_for_utf_8(encoding: str, word: str, same: bool) -> None:
    """What the files call each other is in the encoding of the archive, or already in UTF-8."""
    within = encoding if same else "utf-8"
    files = {
        f"{word}\\{word}.obj": obj(f"{word}.mtl").encode(within),
        f"{word}\\{word}.mtl": mtl(f"{word}\\{word}.png").encode(within),
        f"{word}\\{word}\\{word}.png": PICTURE,
    }
    if encoding == "cp932" and word == "表ソ":
        # Here a backslash is the second byte of both letters.
        files = {name.replace("\\", "/"): content for name, content in files.items()}
    assert_whole(read_model(packed(files, encoding=encoding)))


def test_ply_with_its_texture() -> None:
    data = ply("ascii", [VERTICES, faces(ORDERS[0])], comments=["TextureFile Maps\\T.png"])
    model = read_model(packed({"scan\\a.ply": data, "scan\\maps\\t.PNG": PICTURE}))
    assert model.left_out == []
    assert model.meshes[0].material.base_color_texture is not None


def test_gltf_with_its_buffer() -> None:
    buffer = bytes(12) + b"\0\0\x80\x3f" + bytes(12) + b"\0\0\x80\x3f" + bytes(4)
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "Daten/Ecken%20A.bin", "byteLength": len(buffer)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(buffer)}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
             "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    }  # fmt: skip
    files = {"m\\a.gltf": json.dumps(document).encode(), "m\\daten\\ecken a.BIN": buffer}
    [mesh] = read_model(packed(files)).meshes
    assert mesh.positions.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_other_models_of_an_archive_are_told() -> None:
    """But not other formats of the same one."""
    one = write_glb(torus())
    text = obj("a.mtl").encode()
    same = read_model(packed({"a.glb": one, "in\\a.obj": text}))
    assert same.left_out == []
    several = read_model(packed({"a.glb": one, "b.obj": text, "c.stl": b"", "a.ply": b""}))
    assert several.left_out == [
        "of its ZIP archive only 'a.glb' was read; 2 other models in it left out"
    ]


def test_format_is_told_by_content_first() -> None:
    files = {"a.obj": write_glb(torus())}
    assert len(read_model(packed(files)).meshes[0].faces) == len(torus().faces)


def test_archive_in_the_archive_is_not_opened() -> None:
    inner = packed({"a.obj": obj("a.mtl").encode()})
    with pytest.raises(InvalidMesh):
        read_model(packed({"a.obj": inner}))


def test_of_a_lone_gltf_only_what_it_names_is_read() -> None:
    """A folder may hold anything, and much of it."""

    class Folder(Mapping[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            assert name == "a.bin"
            return bytes(36)

        def __iter__(self) -> Iterator[str]:
            return iter(["a.bin", "my film.mp4"])

        def __len__(self) -> int:
            return 2

    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "a.bin", "byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    }
    data = json.dumps(document).encode()
    assert len(read_model(data, Folder()).meshes[0].faces) == 1
    with pytest.raises(InvalidMesh, match="put the model and all its files into one ZIP"):
        read_model(data)
