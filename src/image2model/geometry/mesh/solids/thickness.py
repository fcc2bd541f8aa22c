"""How thick the walls of a solid are."""

from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.solids.parts import Parts, face_areas

_SAMPLES = 4000
_LONG_RAYS = 400
_SHEET_SHARE = 0.25
"""Of the minimum: parts thinner than this on average are thin everywhere."""

_MM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thickness:
    """
    What rays tell of a solid's walls.

    Attributes:
        thin_share: Of the surface, where the wall is thinner than the minimum, 0.0–1.0.
        wall_mm: How thick it usually is there, in millimetres; 0.0 if nothing is thin.
        facing_share: Of the thin surface, how much faces another place of the surface: about half
            in a shell around an empty inside, none on a plate.
    """

    thin_share: float
    wall_mm: float
    facing_share: float


def measure_thickness(
    solid: manifold3d.Manifold,
    positions: NDArray[np.float32],
    faces: NDArray[np.int64],
    *,
    parts: Parts,
    least_mm: float,
) -> Thickness:
    """
    Look inwards from points all over the surface, no farther than the minimum.

    The wall's thickness after L. Shapira et al., "Consistent mesh partitioning and
    skeletonisation using the shape diameter function" (2008), with one ray a point.

    Args:
        solid: The solid.
        positions: Of its corners, in metres.
        faces: Its faces.
        parts: Its parts.
        least_mm: The minimum, in millimetres.
    """
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    crosses = np.cross(b - a, c - a)
    doubled = face_areas(positions, faces) * 2
    # Points at even distances along the faces laid end to end: the same ones every time.
    reach = np.cumsum(doubled)
    spots = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * reach[-1]
    chosen = np.minimum(np.searchsorted(reach, spots), len(faces) - 1)
    inward = -crosses[chosen] / np.maximum(doubled[chosen, None], 1e-300)
    centres = positions.astype(np.float64)[faces[chosen]].mean(axis=1)
    least = least_mm / _MM
    # A hair below the surface, so that a ray does not hit the face it comes from.
    origins, ends = centres + inward * (least * 1e-3), centres + inward * least
    # Rays that begin a hair below a sheet without thickness begin behind it.
    sheets = (parts.thicknesses < least * _SHEET_SHARE)[parts.numbers[chosen]]
    walls = np.full(_SAMPLES, np.inf)
    walls[sheets] = parts.thicknesses[parts.numbers[chosen[sheets]]]
    for index in np.flatnonzero(~sheets).tolist():
        hits = solid.ray_cast(origins[index].tolist(), ends[index].tolist())
        if hits:
            walls[index] = least * (1e-3 + hits[0].distance * (1 - 1e-3))
    thin = np.flatnonzero(np.isfinite(walls))
    if not len(thin):
        return Thickness(thin_share=0.0, wall_mm=0.0, facing_share=0.0)
    far = float(np.linalg.norm(np.ptp(positions, axis=0)))
    out = centres - inward * (least * 1e-3)
    # Long rays take long.
    looked = thin[:: max(len(thin) // _LONG_RAYS, 1)]
    facing = sum(
        bool(solid.ray_cast(out[index].tolist(), (out[index] - inward[index] * far).tolist()))
        for index in looked.tolist()
    )
    return Thickness(
        thin_share=len(thin) / _SAMPLES,
        wall_mm=float(np.median(walls[thin])) * _MM,
        facing_share=facing / len(looked),
    )
