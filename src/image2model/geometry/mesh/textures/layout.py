"""Lay all textures of a material alike, for formats and devices that know one way only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.decoding import decode_texture, texture_size_px
from image2model.geometry.mesh.textures.recoding import encode_rgba
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh, Placement, Wrap

_MOST_REPEATS = 8.0
_MOST_PX = 4096
_ANY_PX = 16_384
_SLACK = 1e-3
_Pad = Literal["edge", "wrap", "symmetric"]
_PADS: Mapping[Wrap, _Pad] = {"clamp": "edge", "repeat": "wrap", "mirror": "symmetric"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The part of the first texture's plane that becomes the whole of each picture."""

    low: NDArray[np.float64]
    size: NDArray[np.float64]

    @property
    def is_whole(self) -> bool:
        """Whether pictures lie in it as they are."""
        return not self.low.any() and bool((self.size == 1).all())


def lay_alike(meshes: Sequence[Mesh], *, one_set: bool) -> tuple[list[Mesh], list[str]]:
    """
    Draw the textures anew that do not lie like the base colour on the same coordinates.

    Args:
        meshes: Any number; their textures can be decoded.
        one_set: Whether those on other texture coordinates are left out; else they stay.

    Returns:
        The meshes, and what was done, one sentence each.

    Raises:
        InvalidMesh: A texture cannot be decoded.
    """
    notes: dict[str, None] = {}
    changed: dict[int, tuple[Material, _Window]] = {}
    for material in {id(mesh.material): mesh.material for mesh in meshes}.values():
        users = [mesh for mesh in meshes if mesh.material is material and mesh.uvs is not None]
        if users and material.placements:
            kept = _on_one_set(material, notes) if one_set else material
            changed[id(material)] = _laid(kept, _window(users), notes)
    found = []
    for mesh in meshes:
        material, window = changed.get(id(mesh.material), (mesh.material, None))
        uvs = mesh.uvs
        if uvs is not None and window is not None and not window.is_whole:
            uvs = np.asarray((uvs - window.low) / window.size, np.float32)
        more = None if one_set else mesh.more_uvs
        found.append(replace(mesh, material=material, uvs=uvs, more_uvs=more))
    return found, list(notes)


def on_one_set(meshes: Sequence[Mesh]) -> tuple[list[Mesh], list[str]]:
    """
    Leave out the textures that lie on further texture coordinates, and those coordinates.

    Returns:
        The meshes, themselves where there are none, and what was left out, one sentence each.
    """
    notes: dict[str, None] = {}
    kept = {
        id(one): _on_one_set(one, notes)
        for one in {id(mesh.material): mesh.material for mesh in meshes}.values()
    }
    found = [
        mesh
        if mesh.more_uvs is None
        else replace(mesh, material=kept[id(mesh.material)], more_uvs=None)
        for mesh in meshes
    ]
    return found, list(notes)


def _on_one_set(material: Material, notes: dict[str, None]) -> Material:
    if not any(how.uv_set for how in material.placements.values()):
        return material
    textures = material.textures()
    for slot, how in material.placements.items():
        if how.uv_set and textures.pop(slot, None) is not None:
            notes[f"the {_named(slot)} texture was left out: it lies on other coordinates"] = None
    return material.with_textures(textures)


def _window(meshes: Sequence[Mesh]) -> _Window:
    used = [mesh.uvs[np.unique(mesh.faces)] for mesh in meshes if mesh.uvs is not None]
    low = np.min([uvs.min(axis=0) for uvs in used], axis=0).astype(np.float64)
    high = np.max([uvs.max(axis=0) for uvs in used], axis=0).astype(np.float64)
    if (low >= -_SLACK).all() and (high <= 1 + _SLACK).all():
        return _Window(low=np.zeros(2), size=np.ones(2))
    return _Window(low=low, size=np.maximum(high - low, 1e-6))


def _laid(material: Material, window: _Window, notes: dict[str, None]) -> tuple[Material, _Window]:
    textures, whole = material.textures(), _Window(low=np.zeros(2), size=np.ones(2))
    moved = [slot for slot, how in material.placements.items() if how.transform and not how.uv_set]
    if not moved:
        return material, whole
    if window.size.max() > _MOST_REPEATS:
        for slot in moved:
            del textures[slot]
            notes[f"the {_named(slot)} texture was left out: it repeats in another way"] = None
        return material.with_textures(textures), whole
    for slot in textures:
        how = material.placement(slot)
        if not how.uv_set and (how.transform or not window.is_whole):
            textures[slot] = _drawn(textures[slot], how, window, bends=slot == "normal")
    for slot in moved:
        notes[f"the {_named(slot)} texture was drawn anew, to lie like the base colour"] = None
    placements = {slot: how for slot, how in material.placements.items() if slot not in moved}
    if not window.is_whole:
        material = replace(material, wrap=("clamp", "clamp"))
        placements = {slot: how for slot, how in placements.items() if how.uv_set}
    return replace(material.with_textures(textures), placements=placements), window


def _drawn(image: EncodedImage, how: Placement, window: _Window, *, bends: bool) -> EncodedImage:
    """Return the part of the plane in *window*, with *image* on it as *how* says."""
    matrix = np.array(how.transform or ((1, 0, 0), (0, 1, 0)), np.float64)
    side_px = np.array(texture_size_px(image), np.float64)
    # As many texels as the picture has along the longer way across the window.
    wanted = np.abs(matrix[:, :2] * window.size).T @ side_px
    width_px, height_px = np.clip(np.rint(wanted), 1, _MOST_PX).astype(int).tolist()
    across, down = np.meshgrid(
        (np.arange(width_px) + 0.5) / width_px, (np.arange(height_px) + 0.5) / height_px
    )
    plane = window.low + window.size * np.stack([across, down], axis=-1)
    at = plane @ matrix[:, :2].T + matrix[:, 2]
    texels = _sampled(decode_texture(image, longest_px=_ANY_PX), at, how.wrap)
    if bends:
        texels = _turned(texels, matrix[:, :2])
    return encode_rgba(texels, lossless=bends or image.media_type == "image/png")


def _sampled(
    texels: NDArray[np.uint8], at: NDArray[np.float64], wrap: tuple[Wrap, Wrap]
) -> NDArray[np.uint8]:
    height_px, width_px = texels.shape[:2]
    # One more texel all round, so that blending across a border meets what lies beyond it.
    padded = np.pad(texels, ((0, 0), (1, 1), (0, 0)), _PADS[wrap[0]])
    padded = np.pad(padded, ((1, 1), (0, 0), (0, 0)), _PADS[wrap[1]])
    x = _folded(at[..., 0], wrap[0]) * width_px + 0.5
    y = _folded(at[..., 1], wrap[1]) * height_px + 0.5
    found = cv2.remap(padded, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(found, np.uint8)


def _folded(values: NDArray[np.float64], wrap: Wrap) -> NDArray[np.float64]:
    if wrap == "clamp":
        return np.clip(values, 0, 1)
    if wrap == "repeat":
        return values - np.floor(values)
    return np.asarray(1 - np.abs(values % 2 - 1))


def _turned(texels: NDArray[np.uint8], linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn the directions in a normal map as the picture was turned."""
    axes = linear / np.linalg.norm(linear, axis=0)
    if np.allclose(axes, np.eye(2)):
        return texels
    # Green points up, the picture's second axis down.
    sideways = (texels[..., :2].astype(np.float64) - 127.5) * (1, -1)
    turned = (sideways @ axes) * (1, -1) + 127.5
    found = texels.copy()
    found[..., :2] = np.clip(np.rint(turned), 0, 255)
    return found


def _named(slot: str) -> str:
    return slot.replace("_", " ")
