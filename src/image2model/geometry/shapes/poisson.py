"""Solve Poisson's equation inside a silhouette: the smooth bulge that the puff is made of."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
_DAMPING = 0.8
"""Weight of one Jacobi sweep; 0.8 smooths a five-point Laplacian best (Briggs, 2000)."""

_HELD_SHARE = 0.5
"""Measured: half of the sum saves an iteration of six against none or all of it."""

_COARSEST_PX = 16
_COARSEST_SWEEPS = 8
_MAX_ITERATIONS = 40

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Level:
    """One grid of the multigrid: the operator is `diagonal * x - (sum of four neighbours)`."""

    inside: Grid
    diagonal: Grid
    sweep: Grid


def solve_poisson(diagonal: Grid, *, source: float, tolerance: float = 0.1) -> Grid:
    """
    Solve `-laplacian(h) = source` with `h = 0` on the silhouette.

    Conjugate gradients, with one multigrid V-cycle as the preconditioner: a V-cycle alone may
    diverge where the shape is thinner than a coarse cell, preconditioned gradients cannot
    (Tatebe, "The multigrid preconditioned conjugate gradient method", 1993).

    Args:
        diagonal: The operator's diagonal per node, 0 outside: the sum of `1 / t` over the four
            links, where `t` is 1 or, where the link crosses the silhouette, the fraction of it
            that lies inside. This is the symmetric discretisation of Gibou, Fedkiw, Cheng and
            Kang, "A second-order-accurate symmetric discretization of the Poisson equation on
            irregular domains" (2002). The outermost ring of nodes must be outside.
        source: The right-hand side, per squared node spacing; positive.
        tolerance: Stop when the residual has shrunk by this factor. Most of it sits at the
            silhouette: at 0.1 the depths are within 1 % of the exact ones.

    Returns:
        `h` per node, not negative, 0 outside.
    """
    levels = _coarsen(diagonal)
    return np.maximum(_solve(levels, levels[0].inside * np.float32(source), tolerance), 0.0)


def _coarsen(diagonal: Grid) -> list[_Level]:
    levels = []
    while True:
        inside = (diagonal > 0).astype(np.float32)
        sweep = np.divide(_DAMPING, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
        levels.append(_Level(inside=inside, diagonal=diagonal, sweep=sweep))
        if min(diagonal.shape) <= _COARSEST_PX:
            return levels
        # What holds the nodes at the silhouette down must do so on coarse grids too, although
        # those do not know where it runs: it is summed like the right-hand side.
        held = (diagonal - _neighbour_sum(inside)) * inside
        coarse = np.ascontiguousarray(inside[::2, ::2])
        held = np.asarray(cv2.pyrDown(held), np.float32) * np.float32(4 * _HELD_SHARE)
        diagonal = coarse * (_neighbour_sum(coarse) + held)


def _solve(levels: list[_Level], right: Grid, tolerance: float) -> Grid:
    fine = levels[0]
    target = tolerance * _norm(right)
    if target == 0.0:
        return np.zeros_like(right)
    # The coarse answer is the first guess ("full multigrid"): it saves half the iterations.
    guess = _solve(levels[1:], _restrict(levels, right), tolerance) if len(levels) > 1 else None
    x = np.zeros_like(right) if guess is None else _prolong(levels, guess)
    residual = right - _apply(fine, x)
    direction = np.zeros_like(right)
    energy = 1.0
    for _ in range(_MAX_ITERATIONS):
        if _norm(residual) <= target:
            break
        better = _v_cycle(levels, residual)
        energy, before = _dot(residual, better), energy
        direction = _add_scaled(better, energy / before, direction)
        image = _apply(fine, direction)
        length = energy / _dot(direction, image)
        x = _add_scaled(x, length, direction)
        residual = _add_scaled(residual, -length, image)
    return x


def _v_cycle(levels: list[_Level], right: Grid) -> Grid:
    level = levels[0]
    x = level.sweep * right
    if len(levels) == 1:
        for _ in range(_COARSEST_SWEEPS):
            x = _smooth(level, x, right)
        return x
    # After one sweep from 0, diagonal * x is known without multiplying: damping * right.
    residual = _add_scaled(_neighbour_sum(x), 1 - _DAMPING, right)
    residual *= level.inside
    x += _prolong(levels, _v_cycle(levels[1:], _restrict(levels, residual)))
    return _smooth(level, x, right)


def _smooth(level: _Level, x: Grid, right: Grid) -> Grid:
    """Return x after one damped Jacobi sweep; `sweep` is damping / diagonal, 0 outside."""
    swept = _neighbour_sum(x)
    swept += right
    swept *= level.sweep
    return _add_scaled(swept, 1 - _DAMPING, x)


def _add_scaled(a: Grid, factor: float, b: Grid) -> Grid:
    return np.asarray(cv2.scaleAdd(b, factor, a), np.float32)


def _apply(level: _Level, x: Grid) -> Grid:
    out = level.diagonal * x
    out -= _neighbour_sum(x)
    out *= level.inside
    return out


def _neighbour_sum(x: Grid) -> Grid:
    summed = cv2.filter2D(x, cv2.CV_32F, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32)


def _restrict(levels: list[_Level], fine: Grid) -> Grid:
    # The transpose of `_prolong`, as the preconditioner must be symmetric; pyrDown's kernel
    # sums to 1 and pyrUp's to 4. In two dimensions the operator does not change with scale.
    down = np.asarray(cv2.pyrDown(fine), np.float32)
    down *= levels[1].inside
    down *= np.float32(4.0)
    return down


def _prolong(levels: list[_Level], coarse: Grid) -> Grid:
    rows, columns = levels[0].inside.shape
    up = np.asarray(cv2.pyrUp(coarse, dstsize=(columns, rows)), np.float32)
    up *= levels[0].inside
    return up


def _dot(a: Grid, b: Grid) -> float:
    return float(np.vdot(a, b))


def _norm(a: Grid) -> float:
    return float(np.sqrt(np.vdot(a, a)))
