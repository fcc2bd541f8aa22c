"""The example pictures are what the programs draw, and good to work with."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from examples.make_gallery import compose, main, tiles_of
from examples.make_pictures import EXAMPLES, HERE, Example, draw, encode, save
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Mesh

BY_NAME = {example.name: example for example in EXAMPLES}
OPAQUE = [example for example in EXAMPLES if example.shot.backdrop is not None]


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("example", EXAMPLES, ids=BY_NAME.keys())
def test_every_picture_is_there(example: Example) -> None:
    """Square, of the size that was asked for, transparent exactly if it has no backdrop."""
    found = pixels(HERE / example.path)
    channels = 4 if example.shot.backdrop is None else 3
    assert found.shape == (example.size_px, example.size_px, channels)


def test_no_picture_without_a_program() -> None:
    """Nothing is left over from an earlier set, and the set is small enough to download."""
    folders = [HERE / name for name in ("pictures", "views", "masks")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    expected = {HERE / example.path for example in EXAMPLES}
    expected |= {HERE / "masks" / f"{example.name}.png" for example in OPAQUE}
    assert set(files) == expected
    assert sum(path.stat().st_size for path in files) < 4_000_000


@pytest.mark.parametrize("example", OPAQUE, ids=lambda example: example.name)
def test_masks_fit_their_pictures(example: Example) -> None:
    """One object, clear of the border; the picture changes where the mask does."""
    mask = pixels(HERE / "masks" / f"{example.name}.png")
    picture = pixels(HERE / example.path).astype(np.int16)
    assert mask.shape == picture.shape[:2]
    inside = mask > 127
    assert 0.08 < inside.mean() < 0.7
    assert cv2.connectedComponents(inside.astype(np.uint8))[0] == 2
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert not border.any()
    step = np.abs(np.diff(picture, axis=1)).max(axis=2)
    edge = inside[:, 1:] != inside[:, :-1]
    assert np.median(step[edge]) > 5 * np.median(step[~edge]) + 5


@pytest.mark.parametrize("name", ["teddy", "vase"])
def test_the_programs_draw_these_pictures(name: str) -> None:
    """Drawn again at a quarter of the size, each is the stored picture scaled down."""
    example = BY_NAME[name]
    side_px = example.size_px // 4
    fresh = draw(example, size_px=side_px, samples=2)
    stored = Image.open(HERE / example.path).convert("RGBA")
    small = np.asarray(stored.resize((side_px, side_px), Image.Resampling.BOX)).astype(int)
    shown = fresh.mask > 250
    assert np.abs(fresh.pixels.astype(int) - small)[shown].mean() < 6
    if example.shot.backdrop is None:
        overlap = (fresh.mask > 127) == (small[..., 3] > 127)
        assert overlap.mean() > 0.995


def test_drawing_is_deterministic(tmp_path: Path) -> None:
    """The same picture twice is the same file twice."""
    example = BY_NAME["duck"]
    for attempt in ("one", "two"):
        save(example, draw(example, size_px=96, samples=1), tmp_path / attempt)
    for path in (example.path, "masks/duck.png"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_stored(suffix: str) -> None:
    """Cut-out pictures keep their transparency in the formats used for them."""
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (200, 100, 50, 255)
    found = np.asarray(Image.open(io.BytesIO(encode(clear, suffix))))
    assert np.array_equal(found[..., 3], clear[..., 3])


def test_views_show_one_object_at_one_scale() -> None:
    """All four views have the same height at the same rows; opposite ones mirror each other."""
    alpha = {
        view: pixels(HERE / BY_NAME[f"penguin_{view}"].path)[..., 3] > 127
        for view in ("front", "left", "back", "right")
    }
    rows = [np.flatnonzero(mask.any(axis=1))[[0, -1]] for mask in alpha.values()]
    assert np.ptp(rows, axis=0).max() <= 1
    for one, other in (("front", "back"), ("left", "right")):
        assert (alpha[one] == alpha[other][:, ::-1]).mean() > 0.999


def test_the_gallery_is_composed_from_models(tmp_path: Path) -> None:
    """Models of a folder appear beside their pictures; missing ones are left out."""
    corners = np.array([(-1, -1, 0), (1, -1, 0), (0, 1, 0)], np.float32)
    mesh = Mesh(name="triangle", positions=corners, faces=np.array([(0, 1, 2)], np.uint32))
    model = write_glb(mesh)
    for name in ("mug", "penguin"):
        (tmp_path / f"{name}.glb").write_bytes(model)
    main([str(tmp_path), "-o", str(tmp_path / "sheet.webp")])
    sheet = Image.open(tmp_path / "sheet.webp")
    mug = tiles_of("mug", [HERE / BY_NAME["mug"].path], model)
    penguin = tiles_of("penguin", [HERE / BY_NAME["penguin_front"].path] * 4, model)
    assert [len(mug), len(penguin)] == [3, 9]
    expected = np.asarray(compose([mug, penguin])).shape
    assert np.asarray(sheet).shape == expected
