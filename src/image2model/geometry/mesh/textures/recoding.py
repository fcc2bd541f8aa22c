"""Textures made fit for formats that hold less than glTF: recoded, split, tinted, shrunk."""

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.decoding import KTX2, decode_texture, texture_size_px
from image2model.geometry.mesh.textures.srgb import to_linear, to_srgb
from image2model.geometry.mesh.types import EncodedImage

_JPEG_QUALITY = 92
_PNG_COMPRESSION = 3
_ANY_PX = 16_384
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", KTX2: "ktx2"}


def extension_of(image: EncodedImage) -> str:
    """Return the usual end of the name of a file with *image*, without the dot."""
    return _EXTENSIONS[image.media_type]


def without_webp(image: EncodedImage) -> EncodedImage:
    """
    Return *image* itself, or as JPEG or (with alpha) PNG if it is WebP.

    Raises:
        InvalidMesh: It cannot be decoded.
    """
    if image.media_type != "image/webp":
        return image
    return encode_rgba(decode_texture(image, longest_px=_ANY_PX))


def shrunk(image: EncodedImage, *, longest_px: int) -> EncodedImage:
    """
    Return *image* itself if it is small enough, else scaled down and recoded in its format.

    Args:
        image: The texture.
        longest_px: The longest side allowed, in pixels.

    Raises:
        InvalidMesh: It cannot be decoded.
    """
    width_px, height_px = texture_size_px(image)
    longest = max(width_px, height_px)
    if longest <= longest_px:
        return image
    decoded = decode_texture(image, longest_px=longest_px)
    scale = longest_px / longest
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    small = np.asarray(cv2.resize(decoded, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encode_rgba(small, lossless=image.media_type == "image/png")


def tinted(image: EncodedImage, factor: tuple[float, float, float, float]) -> EncodedImage:
    """
    Multiply an sRGB texture by a linear RGBA *factor*, for formats that have no factor.

    Raises:
        InvalidMesh: It cannot be decoded.
    """
    rgba = decode_texture(image, longest_px=_ANY_PX).copy()
    for channel in range(3):
        # One lookup per byte: the product depends on nothing but the byte.
        light = to_linear(np.arange(256, dtype=np.uint8)) * np.float32(factor[channel])
        rgba[..., channel] = to_srgb(light)[rgba[..., channel]]
    rgba[..., 3] = np.clip(rgba[..., 3] * factor[3] + 0.5, 0, 255).astype(np.uint8)
    return encode_rgba(rgba)


def lit_up(
    image: EncodedImage | None,
    factor: tuple[float, float, float, float],
    glow_image: EncodedImage | None,
    glow: tuple[float, float, float],
) -> EncodedImage:
    """
    Add light that a surface sends out to its colours, for formats that know of none.

    Args:
        image: sRGB texture of the colours; None: white.
        factor: Linear RGBA that multiplies it.
        glow_image: sRGB texture of the light; None: white. Not both are None.
        glow: Linear RGB that multiplies it.

    Raises:
        InvalidMesh: One cannot be decoded.
    """
    given = [
        np.full((1, 1, 4), 255, np.uint8)
        if one is None
        else decode_texture(one, longest_px=_ANY_PX)
        for one in (image, glow_image)
    ]
    height_px, width_px = (max(one.shape[axis] for one in given) for axis in range(2))
    colors, shine = (
        np.asarray(cv2.resize(one, (width_px, height_px)), np.uint8).reshape(height_px, width_px, 4)
        for one in given
    )
    light = to_linear(colors[..., :3]) * np.array(factor[:3], np.float32)
    light += to_linear(shine[..., :3]) * np.array(glow, np.float32)
    alpha = np.clip(colors[..., 3:] * factor[3] + 0.5, 0, 255).astype(np.uint8)
    return encode_rgba(np.concatenate([to_srgb(light), alpha], axis=-1))


def bent(image: EncodedImage, *, strength: float) -> EncodedImage:
    """
    Apply *strength* to a normal map itself, for formats that have no factor for it.

    Raises:
        InvalidMesh: It cannot be decoded.
    """
    rgba = decode_texture(image, longest_px=_ANY_PX).copy()
    sideways = (rgba[..., :2].astype(np.float32) - np.float32(127.5)) * np.float32(strength)
    rgba[..., :2] = np.clip(np.rint(sideways + np.float32(127.5)), 0, 255)
    return encode_rgba(rgba, lossless=True)


def channel_of(image: EncodedImage, channel: int, *, factor: float = 1.0) -> EncodedImage:
    """
    Return one channel of a texture, times *factor*, as a grey picture.

    Args:
        image: The texture.
        channel: 0 red, 1 green, 2 blue, 3 alpha.
        factor: 0.0–1.0.

    Raises:
        InvalidMesh: It cannot be decoded.
    """
    values = decode_texture(image, longest_px=_ANY_PX)[..., channel]
    if factor != 1.0:
        values = np.clip(values * np.float32(factor) + 0.5, 0, 255).astype(np.uint8)
    return _encode(np.ascontiguousarray(values), lossless=False)


def encode_rgba(rgba: NDArray[np.uint8], *, lossless: bool = False) -> EncodedImage:
    """
    Encode a texture: as PNG if it is to be *lossless* or has alpha, else as JPEG.

    Args:
        rgba: uint8, shape (height, width, 4).
        lossless: Whether every texel must come back the same.
    """
    if bool((rgba[..., 3] < 255).any()):
        return _encode(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8), lossless=True)
    bgr = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR), np.uint8)
    return _encode(bgr, lossless=lossless)


def _encode(pixels: NDArray[np.uint8], *, lossless: bool) -> EncodedImage:
    if lossless:
        options = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION]
        done, data = cv2.imencode(".png", pixels, options)
    else:
        done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("the encoder refused a texture")
    return EncodedImage(data=data.tobytes(), media_type="image/png" if lossless else "image/jpeg")


def join_metallic_roughness(
    metallic: EncodedImage | None, roughness: EncodedImage | None
) -> EncodedImage:
    """
    Pack two grey pictures as glTF wants them: roughness in green, metallic in blue.

    Args:
        metallic: None: white, so that the material's factor counts.
        roughness: Likewise; not both are None.

    Raises:
        InvalidMesh: One cannot be decoded.
    """
    given = [
        None if one is None else decode_texture(one, longest_px=_ANY_PX)[..., 0]
        for one in (roughness, metallic)
    ]
    height_px, width_px = max((one.shape for one in given if one is not None), default=(1, 1))
    packed = np.full((height_px, width_px, 4), 255, np.uint8)
    for channel, values in enumerate(given, start=1):
        if values is not None:
            packed[..., channel] = cv2.resize(values, (width_px, height_px))
    return encode_rgba(packed)
