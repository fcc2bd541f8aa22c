"""Pictures of more pixels than are decoded: JPEGs are scaled down on the way, others refused."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from image2model.core.errors import PictureTooManyPixels
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture, decode_picture
from tests.geometry.picture_files import LIMITS, bomb_png, decode, encode, scene

CHECK = """
import io, resource, sys
import numpy as np
from PIL import Image
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture
data = sys.stdin.buffer.read()
resource.setrlimit(resource.RLIMIT_DATA, (1_200_000_000, 1_200_000_000))
checked = check_picture(data, limits=PictureLimits())
print(checked.width_px, checked.height_px, *checked.notes)
"""


@pytest.mark.parametrize(
    ("width", "height", "shrink"), [(8_192, 6_144, 2), (12_000, 9_000, 2), (16_320, 12_240, 2)]
)
def test_phone_photos_are_scaled_down_within_the_memory_of_a_worker(
    width: int, height: int, shrink: int
) -> None:
    photo = Image.new("L", (width, height), 90)
    photo.paste(200, (0, 0, width // 2, height))
    data = encode(photo, "JPEG", quality=50)
    del photo
    done = subprocess.run(
        [sys.executable, "-c", CHECK], input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    said = done.stdout.decode()
    assert said.startswith(f"{width // shrink} {height // shrink} ")
    assert f"scaled down from {width} × {height} to {width // shrink} × {height // shrink}" in said


@pytest.mark.parametrize(("factor", "shrink"), [(1.0, 1), (1.01, 2), (3.9, 2), (4.9, 4)])
def test_a_jpeg_keeps_as_many_pixels_as_are_allowed(factor: float, shrink: int) -> None:
    data = encode(scene(256, 192), "JPEG", quality=95)
    limits = PictureLimits(max_pixels=int(256 * 192 / factor))
    checked = check_picture(data, limits=limits)
    assert (checked.width_px, checked.height_px) == (256 // shrink, 192 // shrink)
    assert len(checked.notes) == (shrink > 1)
    expected = scene(256, 192)[shrink // 2 :: shrink, shrink // 2 :: shrink].astype(int)
    assert np.abs(np.asarray(decode(checked.data)).astype(int) - expected).mean() < 6
    assert decode_picture(data, limits=limits).pixels.shape[:2] == (192 // shrink, 256 // shrink)


def test_a_long_jpeg_is_scaled_down_to_the_longest_side() -> None:
    checked = check_picture(encode(scene(640, 80), "JPEG"), limits=PictureLimits(max_side_px=320))
    assert (checked.width_px, checked.height_px) == (320, 40)


@pytest.mark.parametrize(
    ("size", "found", "fitting"),
    [
        ((8_192, 6_144), "50.3 megapixels", "8164 × 6123"),
        ((10_000, 9_000), "90 megapixels", "7453 × 6708"),
        ((7_072, 7_071), "50.01 megapixels", "7071 × 7070"),
    ],
)
def test_a_refusal_says_the_size_that_works(
    size: tuple[int, int], found: str, fitting: str
) -> None:
    with pytest.raises(PictureTooManyPixels) as caught:
        check_picture(bomb_png(*size), limits=LIMITS)
    assert found in caught.value.message
    assert fitting in caught.value.message
    width, height = map(int, fitting.split(" × "))
    assert 0.99 * LIMITS.max_pixels < width * height <= LIMITS.max_pixels
