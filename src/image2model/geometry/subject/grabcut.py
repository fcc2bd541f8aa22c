"""Cut an object out of a busy background by its colours, as the last resort."""

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.subject.candidate import (
    Candidate,
    MaskView,
    keep_large_parts,
    measure_edge_support,
)

_SIDE_PX = 176
_ROUNDS = 3
_BINS = (12, 14, 14)
_RANGES = (0.0, 100.0, -100.0, 100.0, -100.0, 100.0)
_SMALLEST_PART = 0.05
_FEWEST_PX = 50
"""Five mixtures of colours cannot be told from fewer pixels."""


def cut_by_colors(view: MaskView) -> Candidate:
    """
    Take for object what has colours that are rare along the borders, in one piece.

    Colour histograms give a first guess, GrabCut finds the outline. Source: Rother,
    Kolmogorov and Blake, "GrabCut", ACM Transactions on Graphics 23(3), 2004.

    Args:
        view: The reduced picture.

    Returns:
        The cut, whose confidence is what the difference of the colours deserves.
    """
    height, width = view.ring.shape
    scale = min(1.0, _SIDE_PX / max(height, width))
    lab = cv2.resize(view.lab, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    guess = _guess_by_rarity(np.asarray(lab, np.float32))
    labels = _run_grabcut(np.asarray(lab, np.float32), guess)
    grown = cv2.resize(labels.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    inside = keep_large_parts(grown > 0.5, smallest_fraction=_SMALLEST_PART)
    return Candidate(inside=inside, confidence=_judge(view, inside), source="grabcut")


def _ring(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    ring = np.ones(shape[:2], bool)
    width = max(2, round(0.03 * min(shape[:2])))
    ring[width:-width, width:-width] = False
    return ring


def _guess_by_rarity(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each pixel the chance, 0.0–1.0, that its colour is not the border's."""
    ring = _ring(lab.shape)
    seen_outside = _count_colors(lab, ring)
    seen_inside = _count_colors(lab, ~ring)
    rarity = seen_inside / (seen_inside + seen_outside + 1e-6)
    chance = _look_up(lab, rarity)
    y, x = np.mgrid[-1 : 1 : lab.shape[0] * 1j, -1 : 1 : lab.shape[1] * 1j]
    central = np.exp(-(x * x + y * y) / 0.8)  # photographers put the object in the middle
    return np.asarray(cv2.GaussianBlur(chance, (0, 0), 2) * (0.35 + 0.65 * central), np.float32)


def _count_colors(lab: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Make a smoothed histogram of the colours, which sums to one unless there are none."""
    counts = np.zeros(_BINS)
    np.add.at(counts, _bins_of(lab[where]), 1.0)
    for axis in range(3):
        counts = (np.roll(counts, 1, axis) + 2 * counts + np.roll(counts, -1, axis)) / 4
    return np.asarray(counts / max(1.0, float(counts.sum())), np.float64)


def _look_up(lab: NDArray[np.float32], table: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(table[_bins_of(lab.reshape(-1, 3))].reshape(lab.shape[:2]), np.float32)


def _bins_of(colors: NDArray[np.float32]) -> tuple[NDArray[np.intp], ...]:
    return tuple(
        np.clip(
            (colors[:, axis] - _RANGES[2 * axis])
            / (_RANGES[2 * axis + 1] - _RANGES[2 * axis])
            * _BINS[axis],
            0,
            _BINS[axis] - 1,
        ).astype(np.intp)
        for axis in range(3)
    )


def _run_grabcut(lab: NDArray[np.float32], guess: NDArray[np.float32]) -> NDArray[np.bool_]:
    colors = np.clip(lab * np.array([2.55, 1, 1]) + np.array([0, 128, 128]), 0, 255)
    labels = np.full(guess.shape, cv2.GC_PR_BGD, np.uint8)
    labels[guess > max(0.3, float(np.percentile(guess, 60)))] = cv2.GC_PR_FGD
    labels[_ring(guess.shape)] = cv2.GC_BGD
    if np.count_nonzero(labels == cv2.GC_PR_FGD) < _FEWEST_PX:
        return np.zeros(guess.shape, bool)
    cv2.setRNGSeed(0)  # the same picture always gives the same mask
    cv2.grabCut(
        colors.astype(np.uint8),
        labels,
        (0, 0, 0, 0),  # unused: the labels say where to look
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        _ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    return np.asarray((labels == cv2.GC_PR_FGD) | (labels == cv2.GC_FGD), bool)


def _judge(view: MaskView, inside: NDArray[np.bool_]) -> float:
    area = float(inside.mean())
    if not 0.01 < area < 0.85:
        return 0.0
    lab, sampled = view.lab[::2, ::2], inside[::2, ::2]
    within, around = _count_colors(lab, sampled), _count_colors(lab, ~sampled)
    overlap = float(np.sqrt(within * around).sum())  # Bhattacharyya coefficient
    distinct = np.clip((0.9 - overlap) / 0.5, 0, 1)
    busy = float(np.percentile(view.slope[~inside], 75))
    edged = measure_edge_support(view, inside, least_slope=max(1.5, 1.5 * busy))
    # What reaches the border is rarely the object alone: a window, a horizon, a table.
    frame = np.zeros_like(view.ring)
    near = round(0.05 * min(frame.shape))
    frame[near:-near, near:-near] = True
    open_border = max(0.0, 1 - 8 * float(inside[~frame].mean()))
    return float(0.8 * distinct * edged * open_border)
