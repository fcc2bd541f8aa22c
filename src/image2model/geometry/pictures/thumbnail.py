"""Small renditions of pictures, for pages that show many."""

import io

from PIL import Image

from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import decode_picture

_QUALITY = 80
_METHOD = 4
"""Of 0–6: slower ones save a few percent of a few kilobytes."""


def render_thumbnail(data: bytes, size_px: int, *, limits: PictureLimits) -> bytes:
    """
    Draw a picture small.

    Args:
        data: A picture file, checked before or not.
        size_px: The most pixels of its longer side; a smaller picture keeps its size.
        limits: What is refused before any pixel is decoded.

    Returns:
        A WebP file, upright and in sRGB; transparent where the picture is.

    Raises:
        InvalidPictureError: It is no usable picture.
    """
    picture = decode_picture(data, limits=limits)
    image = Image.fromarray(picture.pixels)
    if not picture.has_alpha:
        image = image.convert("RGB")
    # Pillow premultiplies, so the colour of transparent pixels does not bleed into the edges.
    image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=_METHOD)
    return out.getvalue()
