"""`convert` and `inspect`: 3D files on this machine, without a server."""

from dataclasses import replace
from pathlib import Path

import pytest

from image2model.geometry.conversion import FORMATS
from image2model.geometry.formats.reading import read_model
from image2model.geometry.glb_writer import write_glb
from image2model.testing.tiny_model import tiny_glb
from tests.cli.running import Here, names_in
from tests.geometry.shapes import pbr_material, torus


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


def test_source_is_never_replaced(here: Here, cube: Path, tmp_path: Path) -> None:
    before = cube.read_bytes()
    ended = here("convert", cube, "-o", tmp_path, "--height-mm", "5")
    assert ended.code == 1
    assert "would replace" in ended.err
    assert cube.read_bytes() == before


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
