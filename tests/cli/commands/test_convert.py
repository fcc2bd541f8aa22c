"""`convert` and `inspect`: 3D files on this machine, without a server."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from image2model.cli.arguments.model_files import one_of_several
from image2model.geometry.conversion.request import FORMATS
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.testing.tiny_model import tiny_glb
from tests.cli.running import Here, names_in
from tests.geometry.sample_meshes import pbr_material, picture, torus


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    path = tmp_path / "cube.glb"
    path.write_bytes(tiny_glb())
    return path


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "Ring 1.glb"
    path.write_bytes(write_glb(torus(material=pbr_material())))
    return path


def test_every_format(here: Here, cube: Path, tmp_path: Path) -> None:
    ended = here("convert", cube, "-o", tmp_path / "out", "-f", ",".join(FORMATS))
    assert ended.code == 0
    assert names_in(tmp_path / "out") == sorted(f"cube.{name}" for name in FORMATS)


def test_short_names_of_formats(here: Here, cube: Path, tmp_path: Path) -> None:
    assert here("convert", cube, "-o", tmp_path / "out", "-f", "OBJ,gltf").code == 0
    assert names_in(tmp_path / "out") == ["cube.gltf.zip", "cube.obj.zip"]


def test_adjusted(here: Here, ring: Path, tmp_path: Path) -> None:
    """Fewer faces, 50 mm high, within the bytes; what was given up is said."""
    limits = ["--faces", "500", "--height-mm", "50", "--pivot", "base", "--max-bytes", "50kB"]
    ended = here("convert", ring, "-o", tmp_path / "out", *limits)
    assert ended.code == 0
    assert "simplified from 2,304 to 500 faces" in ended.out
    assert "to meet the byte budget" in ended.out
    content = (tmp_path / "out" / "Ring 1.glb").read_bytes()
    assert len(content) <= 50_000
    [mesh] = read_model(content).meshes
    assert mesh.positions[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert mesh.positions[:, 1].max() == pytest.approx(0.05, rel=1e-3)


def test_json_tells_file_by_file(here: Here, cube: Path, tmp_path: Path) -> None:
    """The broken one as well; the others are made all the same."""
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF")
    ended = here("convert", broken, cube, "-o", tmp_path / "out", "-f", "stl", "--json")
    assert ended.code == 1
    first, second = ended.json
    assert first["error"]["code"] == "invalid_mesh"
    assert first["files"] == []
    assert second["error"] is None
    notes = ["STL holds no colours: textures and colours were left out"]
    assert second["files"] == [
        {"name": "cube.stl", "format": "stl", "size_bytes": 684, "faces": 12, "notes": notes}
    ]


def test_same_names_do_not_overwrite_each_other(here: Here, cube: Path, tmp_path: Path) -> None:
    other = tmp_path / "more" / "CUBE.glb"
    other.parent.mkdir()
    other.write_bytes(tiny_glb())
    assert here("convert", cube, other, "-o", tmp_path / "out", "-f", "ply").code == 0
    assert names_in(tmp_path / "out") == ["CUBE-2.ply", "cube.ply"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=str)
def test_source_is_never_replaced(
    here: Here, cube: Path, tmp_path: Path, overwrite: list[str]
) -> None:
    before = cube.read_bytes()
    ended = here("convert", cube, "-o", tmp_path, "--height-mm", "5", *overwrite)
    assert ended.code == 0
    assert "cube.glb was there already and is kept; this one is cube-2.glb" in ended.out
    assert cube.read_bytes() == before
    assert (tmp_path / "cube-2.glb").read_bytes() != before


def test_file_of_the_user_is_never_replaced(here: Here, cube: Path, tmp_path: Path) -> None:
    """Unless asked for; what was made by an earlier run is replaced without a word."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "cube.stl").write_bytes(b"mine")
    (out / "cube.ply").mkdir()
    command: list[str | Path] = ["convert", cube, "-o", out, "-f", "stl,ply,3mf", "--json"]
    for limits in ([], ["--height-mm", "5"]):
        [told] = here(*command, *limits).json
        assert [one["name"] for one in told["files"]] == ["cube-2.stl", "cube-2.ply", "cube.3mf"]
        assert "cube.stl was there already and is kept" in told["files"][0]["notes"][-1]
        assert (out / "cube.stl").read_bytes() == b"mine"
    assert names_in(out) == ["cube-2.ply", "cube-2.stl", "cube.3mf", "cube.ply", "cube.stl"]
    [told] = here(*command, "--overwrite").json
    assert [one["name"] for one in told["files"]] == ["cube.stl", "cube-2.ply", "cube.3mf"]
    assert (out / "cube.stl").read_bytes() != b"mine"


def test_model_of_another_source_is_not_replaced(here: Here, cube: Path, tmp_path: Path) -> None:
    other = tmp_path / "more" / "cube.glb"
    other.parent.mkdir()
    other.write_bytes(write_glb(torus()))
    for source in (cube, other, cube, other):
        assert here("convert", source, "-o", tmp_path / "out", "-f", "stl").code == 0
    assert names_in(tmp_path / "out") == ["cube-2.stl", "cube.stl"]


BAD = {
    "one.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1\n",
    "two.ply": b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float weight\n"
    b"property float weight\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n",
    "three.zip": b"PK\x03\x04 and no more",
    "four.stl": b"solid x\nfacet normal\nvertex 1 2\n",
    "five.glb": b"glTF",
    "six.obj": b"f 1 2 3\n",
}


def test_bad_files_do_not_keep_the_others_from_being_made(
    here: Here, cube: Path, tmp_path: Path
) -> None:
    """Each has its own reason, and none is called unexpected."""
    for name, content in BAD.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in BAD]
    ended = here("convert", *paths, cube, "-o", tmp_path / "out", "-f", "stl", "--json")
    assert ended.code == 1
    *bad, good = ended.json
    assert {one["error"]["code"] for one in bad} == {"invalid_mesh"}
    assert [file["name"] for file in good["files"]] == ["cube.stl"]
    aloud = here("convert", *paths, cube, "-o", tmp_path / "out", "-f", "stl")
    assert aloud.code == 1
    assert len(aloud.err.splitlines()) == len(BAD)
    looked_at = here("inspect", *paths, cube, "--json")
    assert looked_at.code == 1
    assert [one.get("error", {}).get("code") for one in looked_at.json] == [
        *["invalid_mesh"] * len(BAD),
        None,
    ]


def test_mistake_of_ours_in_one_file_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def mistake() -> None:
        raise ZeroDivisionError

    with one_of_several(Path("a.glb"), aloud=True) as failure:
        mistake()
    assert failure.error is not None
    assert failure.error["code"] == "internal_error"
    assert capsys.readouterr().err.startswith("a.glb: Something unexpected went wrong")


def test_files_beside_a_lone_model_are_taken(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "Maps").mkdir(parents=True)
    (folder / "a.obj").write_bytes(
        b"mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\n"
        b"f 1/1 2/2 3/3\n"
    )
    (folder / "a.mtl").write_bytes(b"newmtl m\nKd 1 0 0\nmap_Kd maps\\wood.jpg\n")
    wood = picture(size_px=16).data
    (folder / "Maps" / "wood.jpg").write_bytes(wood)
    [told] = here("convert", folder / "a.obj", "-o", tmp_path / "out", "--json").json
    assert told["files"][0]["notes"] == []
    [mesh] = read_model((tmp_path / "out" / "a.glb").read_bytes()).meshes
    assert mesh.material.base_color_texture is not None
    assert mesh.material.base_color_texture.data == wood
    [seen] = here("inspect", folder / "a.obj", "--json").json
    assert [one["use"] for one in seen["textures"]] == ["base_color"]


def test_gltf_with_its_files_beside_it(here: Here, cube: Path, tmp_path: Path) -> None:
    here("convert", cube, "-o", tmp_path / "zip", "-f", "gltf")
    with zipfile.ZipFile(tmp_path / "zip" / "cube.gltf.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    made = here("convert", tmp_path / "unpacked" / "cube.gltf", "-o", tmp_path / "out", "-f", "stl")
    assert made.code == 0
    assert "12 faces" in made.out


def test_nothing_outside_of_the_models_folder_is_taken(here: Here, tmp_path: Path) -> None:
    """By no path and by no link."""
    (tmp_path / "secret.mtl").write_bytes(b"newmtl m\nKd 1 0 0\n")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "linked.mtl").symlink_to(tmp_path / "secret.mtl")
    for library in ("../secret.mtl", str(tmp_path / "secret.mtl"), "linked.mtl"):
        text = f"mtllib {library}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n"
        (folder / "a.obj").write_text(text)
        [told] = here("convert", folder / "a.obj", "-o", tmp_path / "out", "--json").json
        assert any("are not there" in note for note in told["files"][0]["notes"])


@pytest.mark.parametrize(
    "wrong",
    [
        ["-f", "dwg"],
        ["-f", ","],
        ["--faces", "2"],
        ["--height-mm", "1", "--width-mm", "1"],
        ["--max-bytes", "4 potatoes"],
    ],
    ids=str,
)
def test_wrong_options_make_nothing(
    here: Here, cube: Path, tmp_path: Path, wrong: list[str]
) -> None:
    assert here("convert", cube, "-o", tmp_path / "out", *wrong).code == 2
    assert not (tmp_path / "out").exists()


def test_inspect_says_whether_it_prints(here: Here, cube: Path, ring: Path) -> None:
    ended = here("inspect", cube, ring)
    assert ended.code == 0
    assert "12 faces" in ended.out
    assert "100 × 100 × 100 mm" in ended.out
    assert "base color texture: 256 × 256 px" in ended.out
    assert ended.out.count("ready to print") == 2


def test_inspect_in_json(here: Here, cube: Path, tmp_path: Path) -> None:
    """One entry a file, in their order, the missing one among them."""
    ended = here("inspect", tmp_path / "nope.glb", cube, "--json", "--printer-min-mm", "0.4")
    assert ended.code == 1
    missing, found = ended.json
    assert missing["error"]["code"] == "invalid_mesh"
    assert "cannot be read" in missing["error"]["message"]
    assert found["print"]["verdict"] == "ready"
    assert found["print"]["thin_share"] == 0


def test_repair_makes_it_ready(here: Here, tmp_path: Path) -> None:
    ring = torus()
    holed = tmp_path / "holed.glb"
    holed.write_bytes(write_glb(replace(ring, faces=ring.faces[5:])))
    assert "prints after `convert --repair`" in here("inspect", holed).out
    ended = here("convert", holed, "-o", tmp_path / "out", "-f", "3mf,stl", "--repair")
    assert "filled" in ended.out
    assert "ready to print" in here("inspect", tmp_path / "out" / "holed.stl").out
