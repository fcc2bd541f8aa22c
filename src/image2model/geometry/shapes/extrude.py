"""Cut a silhouette out of a plate."""

from collections.abc import Iterator
from dataclasses import dataclass

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.shapes.contours import Loops, Points, cut_corners, simplify, trace_parts
from image2model.geometry.shapes.shape import Shape, unit_vectors
from image2model.geometry.subject.silhouette import Silhouette

_EDGE_PX = 0.6
"""The bevel of a sharp edge: too small to see, and the light turns over it, not over the caps."""

_SEAM_FRACTION = 1e-5
_STEPS_PER_SIDE = 600
_FINEST, _COARSEST = 0.5, 1.5
_COARSEN = 1.5
_TOLERANCES = (0.2, 0.4, 0.8, 1.6)
"""How far the outline may be simplified, in field pixels, in the order tried."""


def extrude(
    silhouette: Silhouette, *, face_limit: int, thickness: float, own_back: bool = False
) -> Shape:
    """
    Raise *silhouette* to a plate with upright walls.

    Args:
        silhouette: The outline.
        face_limit: The most triangles; a simple outline takes far fewer.
        thickness: Of the plate, as a fraction of the subject's long side.
        own_back: Let the back take a texture of its own, see `inflate.inflate`.

    Returns:
        The plate: closed, oriented, as thick in front of the picture's plane as behind it.

    Raises:
        PictureTooSmall: The subject is too thin for so few faces.
    """
    size_px = silhouette.size_px
    edge = min(_EDGE_PX / silhouette.scale, 0.2 * thickness * size_px)
    seam = _SEAM_FRACTION * size_px if own_back else None
    wall = _Wall(half=0.5 * thickness * size_px, edge=edge, seam=seam)
    spacing = min(max(max(silhouette.field.shape) / _STEPS_PER_SIDE, _FINEST), _COARSEST)
    while True:
        parts = trace_parts(silhouette, spacing=spacing)
        if not parts:
            raise silhouette.too_thin()
        plates = _plates(parts, silhouette, wall, face_limit)
        plate = next((plate for plate in plates if is_watertight(plate.faces)), None)
        if plate is not None:
            return plate
        spacing *= _COARSEN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wall:
    """Half the plate's thickness, the bevel, and the seam before the back, all in pixels."""

    half: float
    edge: float
    seam: float | None

    @property
    def faces_per_point(self) -> int:
        """An upper bound: two caps of nearly one face each, and two on each ring of the wall."""
        return 8 if self.seam is None else 10


def _plates(
    parts: list[Loops],
    silhouette: Silhouette,
    wall: _Wall,
    face_limit: int,
) -> Iterator[Shape]:
    """
    Offer the plate that simplifies least within the limit, then the one that does not at all.

    Simplified outlines may cross, where the caps fail; outlines as traced never do.
    """
    for tolerances in (_TOLERANCES, (0.0,)):
        for tolerance in tolerances:
            simple = [simplify(loops, tolerance) for loops in parts]
            if _count(simple) * wall.faces_per_point > face_limit:
                continue
            outlines = [
                tuple(silhouette.to_picture(cut_corners(loop)) for loop in loops)
                for loops in simple
            ]
            if _count(outlines) * wall.faces_per_point <= face_limit:
                yield _join([_plate(loops, wall) for loops in outlines])
                break


def _count(outlines: list[Loops]) -> int:
    return sum(len(loop) for loops in outlines for loop in loops)


def _join(plates: list[Shape]) -> Shape:
    firsts = np.cumsum([0, *(len(plate.points) for plate in plates)], dtype=np.int32)
    return Shape(
        points=np.concatenate([plate.points for plate in plates]),
        normals=np.concatenate([plate.normals for plate in plates]),
        faces=np.concatenate([p.faces + at for p, at in zip(plates, firsts[:-1], strict=True)]),
        back=np.concatenate([plate.back for plate in plates]),
    )


def _plate(loops: Loops, wall: _Wall) -> Shape:
    half, edge, seam = wall.half, wall.edge, wall.seam
    outline = np.concatenate(loops)
    following = _following(loops)
    outward = _outward(outline, following)
    inset = outline - outward[:, :2] * np.float32(edge)
    up = np.broadcast_to(np.array([0, 0, 1], np.float32), outward.shape)
    rings = [
        (inset, half, up),
        (outline, half - edge, outward),
        (outline, edge - half, outward),
        (inset, -half, -up),
    ]
    if seam is not None:
        rings.append((inset, -half - seam, -up))
    count, last = len(outline), len(rings) - 1
    cap = _cap(loops)
    faces = [cap, cap[:, ::-1] + last * count]
    for ring in range(last):
        a = np.arange(count, dtype=np.int32) + ring * count
        b = following + ring * count
        faces += [np.stack([a, a + count, b], 1), np.stack([b, a + count, b + count], 1)]
    return Shape(
        points=np.concatenate([_lift(points, z) for points, z, _ in rings]),
        normals=np.concatenate([normals for _, _, normals in rings]),
        faces=np.concatenate(faces).astype(np.int32),
        back=np.arange(count * len(rings)) >= count * (last if seam is not None else len(rings)),
    )


def _lift(points: Points, z: float) -> NDArray[np.float32]:
    return np.column_stack([points, np.full(len(points), z, np.float32)])


def _following(loops: Loops) -> NDArray[np.int32]:
    """Return the index of each point's successor in its loop, the loops laid end to end."""
    at = 0
    following = []
    for loop in loops:
        following.append(at + (np.arange(len(loop), dtype=np.int32) + 1) % len(loop))
        at += len(loop)
    return np.concatenate(following).astype(np.int32)


def _outward(outline: Points, following: NDArray[np.int32]) -> NDArray[np.float32]:
    along = outline[following] - outline
    # The part lies left of its outline on the screen, where y points down.
    normals = np.column_stack([-along[:, 1], along[:, 0], np.zeros(len(along), np.float32)])
    total = normals.copy()
    total[following] += normals
    return unit_vectors(total)


def _cap(loops: Loops) -> NDArray[np.int32]:
    """Triangulate a part counter-clockwise on the screen."""
    outline = np.concatenate(loops)
    ends = np.cumsum([len(loop) for loop in loops]).astype(np.uint32)
    flat = mapbox_earcut.triangulate_float32(outline, ends)
    faces = flat.reshape(-1, 3).astype(np.int32)
    a, b, c = (outline[faces[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return faces if area.sum() < 0 else np.ascontiguousarray(faces[:, ::-1])
