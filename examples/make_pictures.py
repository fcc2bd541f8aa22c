"""Draws the example pictures: `python -m examples.make_pictures [NAME ...]`."""

import argparse
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples import household, plants, toys
from examples.solids import Solid
from examples.studio import Photograph, Shot, photograph

HERE = Path(__file__).parent
WHITE = ("ffffff", "ffffff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    One picture of the set.

    Attributes:
        path: Where it goes, below this folder; the suffix chooses the format.
        make: Builds the object.
        shot: How it is photographed.
        size_px: Side of the picture, in pixels.
    """

    path: str
    make: Callable[[], Solid]
    shot: Shot
    size_px: int = 1024

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return Path(self.path).stem


EXAMPLES = (
    Example(path="pictures/badge.png", make=toys.badge, shot=Shot(pitch_deg=0)),
    Example(
        path="pictures/cactus.jpg",
        make=plants.cactus,
        shot=Shot(pitch_deg=7, backdrop=WHITE, shadow=0.45),
    ),
    Example(
        path="pictures/duck.jpg",
        make=toys.duck,
        shot=Shot(yaw_deg=20, pitch_deg=8, backdrop=("dcebf2", "b9d3df"), shadow=0.55),
    ),
    Example(path="pictures/fish.webp", make=toys.fish, shot=Shot(yaw_deg=-6, pitch_deg=3)),
    Example(
        path="pictures/lamp.jpg",
        make=household.lamp,
        shot=Shot(pitch_deg=4, backdrop=("8f8a94", "6f6a76"), shadow=0.7),
    ),
    Example(path="pictures/mug.png", make=household.mug, shot=Shot(pitch_deg=12)),
    Example(path="pictures/mushroom.png", make=plants.mushroom, shot=Shot(pitch_deg=4)),
    Example(
        path="pictures/robot.jpg",
        make=toys.robot,
        shot=Shot(pitch_deg=6, backdrop=("efe9e1", "d9cfc4"), shadow=0.6),
    ),
    Example(path="pictures/rocket.webp", make=toys.rocket, shot=Shot(pitch_deg=4)),
    Example(
        path="pictures/strawberry.jpg",
        make=plants.strawberry,
        shot=Shot(pitch_deg=14, backdrop=WHITE),
    ),
    Example(path="pictures/teddy.png", make=toys.teddy, shot=Shot(pitch_deg=5)),
    Example(
        path="pictures/vase.jpg",
        make=household.vase,
        shot=Shot(pitch_deg=6, backdrop=("e9ecef", "cfd6dc"), shadow=0.8),
    ),
    *(
        Example(
            path=f"views/penguin/penguin_{view}.png",
            make=toys.penguin,
            shot=Shot(yaw_deg=yaw_deg, pitch_deg=0, field_of_view_deg=None, turntable=True),
            size_px=768,
        )
        for view, yaw_deg in (("front", 0), ("left", -90), ("back", 180), ("right", 90))
    ),
)


def draw(example: Example, *, size_px: int, samples: int = 3) -> Photograph:
    """
    Photograph an example's object.

    Args:
        example: Which.
        size_px: Side of the picture, in pixels; smaller is quicker.
        samples: Samples along one side of a pixel.

    Returns:
        The picture and its mask.
    """
    return photograph(
        example.make(), example.shot, size_px=size_px, samples=samples, cells=size_px // 3
    )


def save(example: Example, photo: Photograph, folder: Path) -> None:
    """
    Write a picture, and its mask if the picture itself has no alpha.

    Args:
        example: Which.
        photo: Its pixels.
        folder: Where `pictures`, `views` and `masks` are.
    """
    target = folder / example.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if example.shot.backdrop is None:
        target.write_bytes(encode(photo.pixels, target.suffix))
        return
    target.write_bytes(encode(photo.pixels[..., :3], target.suffix))
    mask = folder / "masks" / f"{example.name}.png"
    mask.parent.mkdir(parents=True, exist_ok=True)
    mask.write_bytes(encode(photo.mask, ".png"))


def encode(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    """
    Encode pixels.

    Args:
        pixels: uint8, shape (height, width) or (height, width, 3 or 4).
        suffix: `.png`, `.jpg` or `.webp`.

    Returns:
        The file.
    """
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    match suffix:
        case ".jpg":
            image.save(file, "JPEG", quality=92, subsampling=0, optimize=True)
        case ".webp":
            image.save(file, "WEBP", quality=92, method=6)
        case _:
            image.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the examples that were named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = [example.name for example in EXAMPLES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    names = parser.parse_args(arguments).names
    if unknown := set(names) - set(known):
        parser.error(f"no such example: {', '.join(sorted(unknown))}")
    for example in EXAMPLES:
        if not names or example.name in names:
            save(example, draw(example, size_px=example.size_px), HERE)
            print(example.path)


if __name__ == "__main__":
    main()
