"""Small pictures to make models of."""

import io
from pathlib import Path

from PIL import Image, ImageDraw


def disc_png(hue: int, *, side_px: int = 64) -> bytes:
    """Draw a disc on a transparent ground; each *hue* of 0-255 gives another picture."""
    image = Image.new("RGBA", (side_px, side_px))
    color = (hue % 256, 255 - hue % 256, (hue * 7) % 256, 255)
    ImageDraw.Draw(image).ellipse((6, 6, side_px - 6, side_px - 6), fill=color)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def draw_discs(folder: Path, *names: str) -> list[Path]:
    """Write a different disc under each of *names* into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for hue, path in enumerate(paths):
        path.write_bytes(disc_png(hue * 3 + 1))
    return paths
