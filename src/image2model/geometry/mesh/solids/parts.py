"""The separate parts of a welded surface: how they lie in each other, and where they overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import Indices, islands, signed_volumes

_MOST_PAIRS = 4_000_000
"""Pairs of bounding boxes compared; more would take seconds and gigabytes."""

_MOST_PLACED = 40_000
"""Pairs of parts of which it is found out whether one lies in the other."""

_MOST_ANGLES = 20_000_000
"""Faces looked at for that, where a part is no solid."""

_MOST_UNITED, _MOST_FACES_UNITED, _MOST_PAIRS_UNITED = 4_000, 600_000, 100_000
"""Parts, faces and pairs of parts that one union is made of."""

_SMALL = 500
"""Faces of a part that are looked at one by one faster than a solid is made of them."""

_PROBES = 3
_ROUNDING = 1e-6
_SAME = 1e-6
"""Volumes differ if they differ by more than this share."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """
    The parts of a surface, in the order of their numbers.

    Attributes:
        numbers: For each face the number of its part.
        volumes: Of each part; negative if its inside looks out.
        areas: Of each part's surface.
        low: Lower corners of the boxes around them, shape (parts, 3).
        high: Upper corners.
        samples: For each part the places of a few of its corners, shape (parts, 3).
    """

    numbers: Indices
    volumes: Floats
    areas: Floats
    low: Floats
    high: Floats
    samples: Indices

    @property
    def thicknesses(self) -> Floats:
        """About how thick each is: that of a plate with as much surface and volume."""
        found: Floats = 2 * np.abs(self.volumes) / np.maximum(self.areas, 1e-300)
        return found

    def turned(self, which: Flags) -> Self:
        """Return them with some turned inside out."""
        return replace(self, volumes=np.where(which, -self.volumes, self.volumes))


def find_parts(positions: NDArray[np.float32], faces: Indices) -> Parts:
    """Measure the parts of a surface of at least one face."""
    numbers = islands(faces)
    volumes = signed_volumes(positions, faces, numbers)
    count = len(volumes)
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(count))
    sizes = np.diff(np.r_[starts, len(faces)])
    corners = positions.astype(np.float64)[faces[order]]
    probes = np.arange(_PROBES) * (sizes[:, None] - 1) // max(_PROBES - 1, 1)
    return Parts(
        numbers=numbers,
        volumes=volumes,
        areas=np.bincount(numbers, face_areas(positions, faces)).astype(np.float64),
        low=np.minimum.reduceat(corners.min(axis=1), starts),
        high=np.maximum.reduceat(corners.max(axis=1), starts),
        samples=faces[order][starts[:, None] + probes, 0],
    )


def face_areas(positions: NDArray[np.float32], faces: Indices) -> Floats:
    """Return the area of each face."""
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    found: Floats = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nesting:
    """
    Which parts are solid, which are voids in others, and which are wrong.

    Attributes:
        wrong: Which have to be turned: their insides look out, and they are no voids.
        host: For each part the one that it is a void of, itself if it is none.
        unknown: How many may be wrong or voids, though there are too many to try.
    """

    wrong: Flags
    host: Indices
    unknown: int = 0

    @property
    def voids(self) -> Flags:
        """Which parts are voids in others."""
        found: Flags = self.host != np.arange(len(self.host))
        return found


def nest(positions: NDArray[np.float32], faces: Indices, parts: Parts) -> Nesting:
    """Tell voids from parts that are inside out: a void lies in a part that is not."""
    count = len(parts.volumes)
    # The volume of a sheet is rounding, whatever its sign.
    negative = parts.volumes < -_ROUNDING * parts.areas**1.5
    wrong, host = np.zeros(count, bool), np.arange(count)
    if not negative.any():
        return Nesting(wrong=wrong, host=host)
    around = _containers(positions, faces, parts)
    if around is None:
        return Nesting(wrong=wrong, host=host, unknown=int(negative.sum()))
    # From the outside in: what holds a part is judged before it.
    for part in np.argsort(-np.abs(parts.volumes), kind="stable").tolist():
        outer = around.get(part)
        if outer is None:
            wrong[part] = negative[part]
        elif wrong[outer]:
            wrong[part] = True
            # A mirrored hollow: its void looks the other way as well.
            host[part] = part if negative[part] else outer
        elif negative[part]:
            wrong[part] = negative[outer]
            host[part] = part if negative[outer] else outer
    return Nesting(wrong=wrong, host=host)


def _containers(
    positions: NDArray[np.float32], faces: Indices, parts: Parts
) -> dict[int, int] | None:
    """Return for each part that lies in others the smallest of those; None: too many to try."""
    pairs = overlapping_boxes(parts.low, parts.high)
    if pairs is None:
        return None
    both = np.concatenate([pairs, pairs[:, ::-1]])
    inner, outer = both.T
    within = (parts.low[inner] >= parts.low[outer]).all(axis=1)
    within &= (parts.high[inner] <= parts.high[outer]).all(axis=1)
    within &= np.abs(parts.volumes[inner]) < np.abs(parts.volumes[outer])
    both = both[within]
    both = both[np.argsort(np.abs(parts.volumes[both[:, 1]]), kind="stable")]
    order = np.argsort(parts.numbers, kind="stable")
    starts = np.searchsorted(parts.numbers[order], np.arange(len(parts.volumes) + 1))
    found: dict[int, int] = {}
    placed = angles = 0
    insides: dict[int, _Inside] = {}
    for one, other in both.tolist():
        if one in found:
            continue
        if other not in insides:
            mine = faces[order[starts[other] : starts[other + 1]]]
            insides[other] = _Inside(positions, mine, mirrored=parts.volumes[other] < 0)
        inside = insides[other]
        placed, angles = placed + 1, angles + inside.angles * _PROBES
        if placed > _MOST_PLACED or angles > _MOST_ANGLES:
            return None
        if all(inside.holds(positions[spot]) for spot in parts.samples[one]):
            found[one] = other
    return found


class _Inside:
    """Tells what lies within a closed part."""

    def __init__(self, positions: NDArray[np.float32], faces: Indices, *, mirrored: bool) -> None:
        self._triangles = positions[faces]
        self._far = float(np.linalg.norm(np.ptp(self._triangles.reshape(-1, 3), axis=0))) * 2
        self._solid = None
        if len(faces) > _SMALL:
            solid = make_solid(positions, faces[:, ::-1] if mirrored else faces)
            self._solid = solid if solid.status() == manifold3d.Error.NoError else None
        self.angles = 0 if self._solid else len(faces)

    def holds(self, spot: NDArray[np.float32]) -> bool:
        """Tell whether *spot* lies within."""
        if self._solid is None:
            return self._surrounds(spot)
        # Along an axis, where few boxes around faces are in the way.
        x, y, z = spot.astype(np.float64).tolist()
        return len(self._solid.ray_cast((x, y, z), (x + self._far, y, z))) % 2 == 1

    def _surrounds(self, spot: NDArray[np.float32]) -> bool:
        """
        Add up the solid angles of all faces.

        A. van Oosterom and J. Strackee, "The solid angle of a plane triangle" (1983).
        """
        a, b, c = (self._triangles.astype(np.float64) - spot).swapaxes(0, 1)
        la, lb, lc = (np.sqrt(np.einsum("ij,ij->i", one, one)) for one in (a, b, c))
        ab, bc, ca = (np.einsum("ij,ij->i", x, y) for x, y in ((a, b), (b, c), (c, a)))
        over = np.einsum("ij,ij->i", a, np.cross(b, c))
        angles = np.arctan2(over, la * lb * lc + ab * lc + bc * la + ca * lb)
        return bool(abs(angles.sum()) > np.pi)


def make_solid(positions: NDArray[np.float32], faces: Indices) -> manifold3d.Manifold:
    """Make a solid of some faces; ask for its status."""
    used, corners = np.unique(faces, return_inverse=True)
    return manifold3d.Manifold(
        manifold3d.Mesh(
            np.ascontiguousarray(positions[used], np.float32),
            np.ascontiguousarray(corners.reshape(-1, 3), np.uint32),
        )
    )


def overlapping_boxes(low: Floats, high: Floats) -> Indices | None:
    """
    Find boxes that have room in common.

    Args:
        low: Lower corners, shape (n, 3).
        high: Upper corners.

    Returns:
        Pairs of numbers, shape (pairs, 2); None: there are too many to compare.
    """
    tables = []
    for axis in range(low.shape[1]):
        order = np.argsort(low[:, axis], kind="stable")
        ends = np.searchsorted(low[order, axis], high[order, axis])
        counts = np.maximum(ends - np.arange(len(order)) - 1, 0)
        tables.append((int(counts.sum()), order, counts))
    total, order, counts = min(tables, key=lambda table: table[0])
    if total > _MOST_PAIRS:
        return None
    first = np.repeat(np.arange(len(order)), counts)
    skipped = np.repeat(np.cumsum(counts) - counts, counts)
    second = first + 1 + np.arange(total) - skipped
    one, other = order[first], order[second]
    common = np.minimum(high[one], high[other]) - np.maximum(low[one], low[other])
    found: Indices = np.stack([one, other], axis=1)[(common > 0).all(axis=1)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class United:
    """
    Parts made one where they overlap.

    Attributes:
        solid: All of them.
        overlapping: How many overlapped.
        volume: Of the solid, in cubed units.
        unknown: How many may overlap, though there are too many to try.
    """

    solid: manifold3d.Manifold
    overlapping: int
    volume: float
    unknown: int


def unite(
    parts: Parts, nesting: Nesting, make: Callable[[Indices], manifold3d.Manifold]
) -> United | None:
    """
    Unite parts with their voids, where they overlap.

    Args:
        parts: Those of a closed surface.
        nesting: Where they lie; no part is wrong.
        make: Makes a solid of the faces with these numbers.

    Returns:
        The solid; None: there is none.
    """
    if nesting.unknown:
        return None
    whole = make(np.arange(len(parts.numbers)))
    if whole.status() != manifold3d.Error.NoError:
        return None
    volume = float(parts.volumes.sum())
    groups = _groups(parts, nesting)
    if groups is None:
        return United(solid=whole, overlapping=0, volume=volume, unknown=len(parts.volumes))
    order = np.argsort(parts.numbers, kind="stable")
    starts = np.searchsorted(parts.numbers[order], np.arange(len(parts.volumes) + 1))
    family: list[list[int]] = [[] for _ in parts.volumes]
    for part, host in enumerate(nesting.host.tolist()):
        family[host].append(part)
    joined, gone, overlapping, unknown = [], np.zeros(len(parts.volumes), bool), 0, 0
    for group in groups:
        members = [part for host in group for part in family[host]]
        faces = [order[starts[part] : starts[part + 1]] for part in members]
        if len(group) > _MOST_UNITED or sum(map(len, faces)) > _MOST_FACES_UNITED:
            unknown += len(group)
            continue
        by_part = dict(zip(members, faces, strict=True))
        solids = [make(np.concatenate([by_part[part] for part in family[host]])) for host in group]
        union = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add)
        apart = float(parts.volumes[members].sum())
        if union.volume() < apart * (1 - _SAME):
            overlapping += len(group)
            volume += union.volume() - apart
            joined.append(union)
            gone[members] = True
    if joined:
        others = np.flatnonzero(~gone[parts.numbers])
        rest = [make(others)] if len(others) else []
        whole = manifold3d.Manifold.compose([*rest, *joined])
    return United(solid=whole, overlapping=overlapping, volume=volume, unknown=unknown)


def _groups(parts: Parts, nesting: Nesting) -> Sequence[Sequence[int]] | None:
    """Return the parts that may overlap, group by group; voids go with their hosts."""
    solids = np.flatnonzero(~nesting.voids)
    pairs = overlapping_boxes(parts.low[solids], parts.high[solids])
    if pairs is None or len(pairs) > _MOST_PAIRS_UNITED:
        return None
    leader = list(range(len(solids)))

    def lead(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for one, other in pairs.tolist():
        leader[lead(one)] = lead(other)
    groups: dict[int, list[int]] = {}
    for one in np.unique(pairs).tolist():
        groups.setdefault(lead(one), []).append(int(solids[one]))
    return list(groups.values())
