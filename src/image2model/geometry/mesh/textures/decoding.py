"""Pictures inside 3D files: decoding them safely and reading colours from them."""

import contextlib
import io
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh

KTX2 = "image/ktx2"
KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
_KTX2_SIZE = struct.Struct("<II")
_KTX2_SIZE_AT = 20
"""Where its header has width and height (KTX File Format Specification 2.0, section 3)."""

_LARGEST_PX = 8192 * 8192
"""More pixels than any generator's texture has; refused before decoding."""

_MOST_PX = 1_000_000_000
"""Of all textures of a model together; decoding as many as PNG takes about half a minute."""

_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    PIL.Image.DecompressionBombError,
    PIL.Image.DecompressionBombWarning,
)
"""All that Pillow raises on a malformed header; the warning only where warnings are errors."""

_TRIAL_PX = 64
_COLUMNS = 1024
_SLACK = 1e-3
"""How far blending may push a coordinate over the border, in shares of the texture."""

_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def texture_size_px(image: EncodedImage) -> tuple[int, int]:
    """
    Read a texture's width and height from its header.

    Args:
        image: The texture as it stands in the file.

    Returns:
        Width and height, in pixels.

    Raises:
        InvalidMesh: The bytes are no picture that can be read.
    """
    if image.media_type == KTX2:
        if len(image.data) < _KTX2_SIZE_AT + _KTX2_SIZE.size:
            raise InvalidMesh(reason="a texture is damaged")
        width_px, height_px = _KTX2_SIZE.unpack_from(image.data, _KTX2_SIZE_AT)
        return width_px, max(height_px, 1)
    try:
        with PIL.Image.open(io.BytesIO(image.data), formats=["JPEG", "PNG", "WEBP"]) as opened:
            return opened.size
    except _UNREADABLE as error:
        raise InvalidMesh(reason="a texture is no JPEG, PNG or WebP picture") from error


def check_texture_load(images: Iterable[EncodedImage]) -> None:
    """
    Insist that textures which are about to be decoded are not too many and too large together.

    Each of them may be within the limit, and all of them take minutes. Those that are no pictures
    do not count; decoding will tell.

    Args:
        images: All that will be decoded for one model; each counts once.

    Raises:
        InvalidMesh: They have too many pixels in all.
    """
    known = {id(image): image for image in images}
    total_px = 0
    for image in known.values():
        with contextlib.suppress(InvalidMesh):
            width_px, height_px = texture_size_px(image)
            total_px += width_px * height_px
    if total_px > _MOST_PX:
        reason = (
            f"its {len(known)} textures have {total_px / 1e6:,.0f} million pixels in all; "
            f"{_MOST_PX / 1e6:,.0f} million is the most"
        )
        raise InvalidMesh(reason=reason)


def decode_texture(image: EncodedImage, *, longest_px: int) -> NDArray[np.uint8]:
    """
    Decode a texture no finer than needed.

    JPEG data is scaled down while it is decoded, which is several times faster.

    Args:
        image: The texture as it stands in the file.
        longest_px: Longest side wanted, in pixels; the result may be up to twice as long.

    Returns:
        uint8 sRGB and alpha, shape (height, width, 4).

    Raises:
        InvalidMesh: The bytes are no picture that can be read, or it is too large.
    """
    if image.media_type == KTX2:
        raise InvalidMesh(reason="a texture is KTX2 (Basis Universal), which is not decoded here")
    width_px, height_px = texture_size_px(image)
    if width_px * height_px > _LARGEST_PX:
        raise InvalidMesh(reason=f"a texture of {width_px} × {height_px} pixels is too large")
    fitting = [by for by in _REDUCED if max(width_px, height_px) >= by * longest_px]
    is_jpeg = image.data.startswith(b"\xff\xd8")
    how = _REDUCED[fitting[-1]] if is_jpeg and fitting else cv2.IMREAD_UNCHANGED
    try:
        found = cv2.imdecode(np.frombuffer(image.data, np.uint8), how)
    except cv2.error as error:
        raise InvalidMesh(reason="a texture is damaged") from error
    if found is None:
        raise InvalidMesh(reason="a texture is damaged")
    if found.dtype != np.uint8:
        found = np.right_shift(found.astype(np.uint16, copy=False), 8).astype(np.uint8)
    if max(found.shape[:2]) >= 2 * longest_px:
        shrink = longest_px / max(found.shape[:2])
        found = cv2.resize(found, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return _as_rgba(np.asarray(found, np.uint8))


def _as_rgba(found: NDArray[np.integer]) -> NDArray[np.uint8]:
    channels = 1 if found.ndim == 2 else found.shape[2]
    convert = {1: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    if channels == 2:
        gray, alpha = found[..., 0], found[..., 1]
        return np.stack([gray, gray, gray, alpha], axis=-1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(found, convert[channels]), np.uint8)


def without_unreadable(meshes: Sequence[Mesh]) -> tuple[list[Mesh], list[str]]:
    """
    Take away the textures that cannot be decoded: a shape is worth more than they are.

    Args:
        meshes: Any number.

    Returns:
        The meshes, themselves where nothing is taken away, and what was, one sentence each.

    Raises:
        InvalidMesh: They have too many pixels in all to be looked at.
    """
    images = {id(one): one for mesh in meshes for one in mesh.material.textures().values()}
    check_texture_load(images.values())
    broken: dict[int, str] = {}
    for key, image in images.items():
        try:
            decode_texture(image, longest_px=_TRIAL_PX)
        except InvalidMesh as error:
            broken[key] = str(error.details["reason"])
    if not broken:
        return list(meshes), []
    changed: dict[int, Material] = {}
    for material in {id(mesh.material): mesh.material for mesh in meshes}.values():
        kept = {
            slot: image for slot, image in material.textures().items() if id(image) not in broken
        }
        changed[id(material)] = material.with_textures(kept)
    counts = Counter(broken.values())
    notes = [
        f"{count} of its textures {'was' if count == 1 else 'were'} left out: {reason}"
        for reason, count in counts.items()
    ]
    return [replace(mesh, material=changed[id(mesh.material)]) for mesh in meshes], notes


def sample_texture(
    texture: NDArray[np.uint8], u: NDArray[np.float32], v: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """
    Read colours at texture coordinates, blending the four nearest texels.

    The texture repeats, but its border meets the opposite one only if the coordinates leave
    0.0–1.0: an atlas must not bleed from one side to the other.

    Args:
        texture: uint8, shape (height, width, 4).
        u: float32, shape (n,): 0.0 left to 1.0 right.
        v: float32, shape (n,): 0.0 top to 1.0 bottom.

    Returns:
        uint8, shape (n, 4).
    """
    height_px, width_px = texture.shape[:2]
    if not len(u):
        return np.zeros((0, 4), np.uint8)
    # Maps are pictures too, and a picture's side is limited: fold the list into rows.
    rows = -(-len(u) // _COLUMNS)
    at = np.zeros((2, rows * _COLUMNS), np.float32)
    within = all(c.min() >= -_SLACK and c.max() <= 1 + _SLACK for c in (u, v))
    for coordinate, into, side_px in ((u, at[0], width_px), (v, at[1], height_px)):
        share = coordinate if within else coordinate - np.floor(coordinate)
        into[: len(u)] = share * np.float32(side_px) - np.float32(0.5)
    x, y = at.reshape(2, rows, _COLUMNS)
    border = cv2.BORDER_REPLICATE if within else cv2.BORDER_WRAP
    found = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(found, np.uint8).reshape(-1, 4)[: len(u)]
