"""Meshoptimizer's WebAssembly: unchanged, right, and within its memory."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import image2model.geometry.meshoptimizer as package
from image2model.geometry.mesh.simplification.simplify import simplify
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.meshoptimizer import simplifier
from image2model.geometry.meshoptimizer.decoder import Filter, Packing, decode
from image2model.geometry.meshoptimizer.sandbox import Sandbox
from tests.geometry.meshopt_packing import (
    filter_values,
    pack_indices,
    pack_triangles,
    pack_vertices,
)
from tests.geometry.sample_meshes import torus
from tests.geometry.seamed_shapes import house, uv_sphere, walking_figure, without_indices

FOLDER = Path(package.__file__).parent
ROOT = Path(__file__).parent.parent.parent

ROWS = np.random.default_rng(1).normal(size=(1_000, 4)).astype(np.float32)


def test_files_are_those_that_were_published() -> None:
    said = re.findall(r"^([0-9a-f]{64})  (\S+)$", (FOLDER / "ORIGIN.md").read_text(), re.MULTILINE)
    names = {name for _, name in said}
    assert {path.name for path in FOLDER.glob("*.wasm")} < names
    for checksum, name in said:
        path = FOLDER / name if (FOLDER / name).exists() else ROOT / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum, name


@pytest.mark.parametrize("stride", [4, 12, 16, 48, 256])
def test_vertices_come_out_as_they_went_in(stride: int) -> None:
    values = np.random.default_rng(stride).integers(0, 256, (777, stride), np.uint8)
    packed = memoryview(pack_vertices(values))
    assert decode("VertexBuffer", packed, count=777, stride=stride) == values.tobytes()


@pytest.mark.parametrize("stride", [2, 4])
def test_indices_come_out_as_they_went_in(stride: int) -> None:
    faces = torus().faces
    kind = f"<u{stride}"
    packed = memoryview(pack_indices(faces))
    found = decode("IndexSequence", packed, count=faces.size, stride=stride)
    assert found == faces.astype(kind).tobytes()
    packed = memoryview(pack_triangles(faces))
    found = decode("IndexBuffer", packed, count=faces.size, stride=stride)
    # The packer may begin a triangle at another corner.
    turned = np.frombuffer(found, kind).reshape(-1, 3)
    assert np.array_equal(np.sort(turned, axis=1), np.sort(faces, axis=1))


@pytest.mark.parametrize(
    ("name", "stride", "bits", "unit"),
    [("Oct", 8, 16, 32767), ("Oct", 4, 8, 127), ("Quat", 8, 16, 32767)],
)
def test_directions_and_rotations_are_unfiltered(
    name: Filter, stride: int, bits: int, unit: int
) -> None:
    directions = ROWS / np.linalg.norm(ROWS if name == "Quat" else ROWS[:, :3], axis=1)[:, None]
    if name == "Oct":
        directions[:, 3] = 1
    filtered = filter_values(name, directions, stride=stride, bits=bits)
    packed = pack_vertices(np.frombuffer(filtered, np.uint8).reshape(-1, stride))
    found = decode("VertexBuffer", memoryview(packed), count=1_000, stride=stride, unfilter=name)
    values = np.frombuffer(found, "<i2" if stride == 8 else "i1").reshape(-1, 4) / unit
    if name == "Quat":
        # A rotation and its negative are the same.
        values = values * np.sign((values * directions).sum(axis=1, keepdims=True))
    assert np.abs(values - directions).max() < 2.5 / unit * (4 if name == "Quat" else 1)


def test_floats_are_unfiltered() -> None:
    filtered = filter_values("Exp", ROWS, stride=16, bits=24)
    packed = pack_vertices(np.frombuffer(filtered, np.uint8).reshape(-1, 16))
    found = decode("VertexBuffer", memoryview(packed), count=1_000, stride=16, unfilter="Exp")
    assert np.allclose(np.frombuffer(found, "<f4").reshape(-1, 4), ROWS, atol=1e-5)


@given(
    packing=st.sampled_from(["VertexBuffer", "IndexBuffer", "IndexSequence"]),
    head=st.sampled_from([b"", b"\xa0", b"\xa1", b"\xe0", b"\xe1", b"\xd1"]),
    tail=st.binary(max_size=200),
)
def test_any_bytes_are_unpacked_or_refused(packing: Packing, head: bytes, tail: bytes) -> None:
    try:
        found = decode(packing, memoryview(head + tail), count=96, stride=4)
    except ValueError:
        return
    assert len(found) == 96 * 4


class Watched(Sandbox):
    """Sees to it that the code inside never needs more memory than was asked for."""

    def call(self, function: str, *args: float) -> int:
        """Call *function*, and look at the memory before and after."""
        before = self._memory.size(self._store)
        found = super().call(function, *args)
        assert self._memory.size(self._store) == before
        return found


@pytest.mark.parametrize(
    "mesh",
    [
        torus(around=200, across=100),
        uv_sphere(),
        walking_figure(),
        house(),
        without_indices(torus(), flat=True),
    ],
    ids=lambda mesh: mesh.name,
)
def test_memory_asked_for_is_enough(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing would not be noticed inside: it would write where something else is."""
    monkeypatch.setattr(simplifier, "Sandbox", Watched)
    for part in (2, 20):
        assert simplify([mesh], faces=len(mesh.faces) // part).meshes


def test_more_than_there_can_be_is_refused() -> None:
    with pytest.raises(MemoryError):
        Sandbox(FOLDER / "decoder.wasm", room_bytes=2**32)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space: run it there")
def test_works_where_address_space_is_limited() -> None:
    """WebAssembly runtimes like to reserve gigabytes of it."""
    script = """
import resource
from image2model.geometry.meshoptimizer.simplifier import _MODULE, Sandbox
from image2model.geometry.mesh.simplification.simplify import simplify
from tests.geometry.sample_meshes import torus
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, used + 200_000_000))
(found,) = simplify([torus(around=160, across=80)], faces=1000).meshes
assert len(found.faces) == 1000
try:
    Sandbox(_MODULE, room_bytes=1_000_000_000)
except MemoryError:
    print("ran out")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ran out\n"), done.stderr
