"""How corners were shaded, and how they are to be shaded after their faces have changed."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

_SAME = 0.9998
"""The cosine of about 1°: normals that differ by less are one."""

_SAME_FACE = 0.9999
_NEAR = 0.7
"""The cosine of about 45°: a face is shaded by a normal of its corner up to here, else flat."""

_MOSTLY = 0.6
"""A mesh with so large a share of flat faces and of hard corners is flat all over."""


class CornerNormals:
    """
    The normals of a surface whose vertices were joined regardless of them.

    Args:
        faces: Shape (f, 3), indices of joined vertices.
        mesh: For each vertex the number of its mesh, shape (n,).
        shaded: The normal of each corner, shape (3 f, 3); zero where there is none.
        positions: Of the vertices, shape (n, 3).

    Attributes:
        of_vertices: The mean of each vertex's normals, shape (n, 3), of unit length; zero where
            there are none, and where they say nothing beyond the shape, as on flat faces.
    """

    def __init__(
        self,
        faces: Indices,
        mesh: Indices,
        shaded: NDArray[np.float32],
        positions: NDArray[np.float32],
    ) -> None:
        corners = faces.ravel()
        shaded = shaded.reshape(-1, 3)
        total = [np.bincount(corners, column, len(positions)) for column in shaded.T]
        self.of_vertices = _unit(np.stack(total, axis=1).astype(np.float64))
        agree = (shaded * self.of_vertices[corners]).sum(axis=1) > _SAME
        self._hard = np.zeros(len(positions), bool)
        self._hard[corners[~agree & shaded.any(axis=1)]] = True
        across = face_normals(positions, faces).repeat(3, axis=0)
        even = ((shaded * across).sum(axis=1) > _SAME_FACE).reshape(-1, 3).all(axis=1)
        owner = mesh[corners]
        count = int(mesh.max(initial=-1)) + 1
        flat = _shares(self._hard[corners], owner, count) > _MOSTLY
        self._flat = (flat & (_shares(even.repeat(3), owner, count) > _MOSTLY))[mesh]
        self.of_vertices[self._flat] = 0
        # A vertex all of whose faces are flat stays so; at others the sides are told apart.
        soft = np.zeros(len(positions), bool)
        soft[faces[~even]] = True
        self._faceted = self._hard & ~soft
        self._candidates(corners, shaded)

    def _candidates(self, corners: Indices, shaded: NDArray[np.float32]) -> None:
        """Keep the different normals of each hard vertex that is not faceted."""
        chosen = (self._hard & ~self._faceted)[corners]
        # To a hundredth: what differs by less looks the same.
        rows = np.column_stack([corners[chosen], np.rint(shaded[chosen] * 100)])
        _, first = np.unique(rows, axis=0, return_index=True)
        self._owner = corners[chosen][first]
        self._normal = shaded[chosen][first]

    def of_corners(
        self,
        faces: Indices,
        origin: Indices,
        positions: NDArray[np.float32],
        soft: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """
        Shade *faces*, which may have other vertices than before.

        Args:
            faces: Shape (f, 3).
            origin: For each vertex now which one it was before.
            positions: Of all vertices now.
            soft: The normals of all vertices now, where they are soft.

        Returns:
            Unit vectors, shape (3 f, 3).
        """
        corners = faces.ravel()
        soft = _unit(soft[corners])
        across = _either(face_normals(positions, faces).repeat(3, axis=0), soft)
        normals = _either(soft, across)
        known = origin[corners]
        flat = self._flat[known]
        normals[flat] = across[flat]
        hard = self._hard[known] & ~flat
        normals[hard] = across[hard]
        start = np.searchsorted(self._owner, known)
        count = np.searchsorted(self._owner, known, side="right") - start
        nearest = np.full(len(corners), _NEAR)
        for step in range(int(count[hard].max(initial=0))):
            at = np.flatnonzero(hard & (count > step))
            candidate = self._normal[start[at] + step]
            cosine = (candidate * across[at]).sum(axis=1)
            better = cosine > nearest[at]
            normals[at[better]] = candidate[better]
            nearest[at[better]] = cosine[better]
        return normals


def face_normals(positions: NDArray[np.float32], faces: Indices) -> NDArray[np.float32]:
    """Return the unit normals of *faces*, zero for those without an area."""
    a, b, c = (positions[faces[:, corner]].astype(np.float64) for corner in range(3))
    return _unit(np.cross(b - a, c - a))


def _shares(marks: NDArray[np.bool_], owner: Indices, count: int) -> NDArray[np.float64]:
    """Return for each of *count* owners the share of its corners that are marked."""
    all_of_it = np.maximum(np.bincount(owner, minlength=count), 1)
    return np.bincount(owner, marks, count) / all_of_it


def _either(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill gaps in *first* from *second*, and what is left with a direction: normals need one."""
    found = np.where(first.any(axis=1, keepdims=True), first, second)
    found[~found.any(axis=1)] = (0, 1, 0)
    return found


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), np.float32)
