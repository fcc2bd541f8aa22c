"""How true the confidence of cut-outs is: on scenes that it was not fitted on, and on examples."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.cutout_scenes import Scene, compose, make_scene
from image2model.core.errors import InvalidPictureError
from image2model.geometry.subject.background import fit_background
from image2model.geometry.subject.candidate import view_for_masks
from image2model.geometry.subject.confidence import CutSigns, measure_cut
from image2model.geometry.subject.edge_refinement import refine_edges
from image2model.geometry.subject.mask import NEEDED_SCORE, best_cut, find_subject

GOOD_IOU = 0.9
_FIRST_HELD_OUT = 1_000_000
_SCENES = 300
_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0001)
_EXAMPLES = Path(__file__).parent.parent / "examples" / "pictures"
_SIDE_PX = 512
_STEPS_PER_SIGN = 24
_CAUTION = 8.0
"""Keeps steps small that few cuts speak for."""


def main() -> None:
    """Print, for bins of confidence, how many cuts were good, and the errors over all."""
    cv2.setNumThreads(1)
    made_up = [make_scene(_FIRST_HELD_OUT + number) for number in range(_SCENES)]
    real = list(real_scenes())
    for title, scenes in (("made-up scenes, held out", made_up), ("example pictures", real)):
        found = judge(scenes)
        refused = len(scenes) - len(found)
        print(f"\n{title}: {len(scenes)}, of which {refused} were refused")
        report(found)


def judge(scenes: Iterable[Scene]) -> NDArray[np.float64]:
    """Cut each scene: confidence and overlap, shape (n, 2); those refused are left out."""
    rows = []
    for scene in scenes:
        try:
            mask = find_subject(scene.picture)
        except InvalidPictureError:
            continue
        rows.append((mask.confidence, overlap(mask.coverage, scene.truth)))
    return np.array(rows, np.float64).reshape(-1, 2)


def overlap(coverage: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of a cut and the truth, 0.0–1.0."""
    inside = coverage > 127
    return float(np.count_nonzero(inside & truth)) / max(1, int(np.count_nonzero(inside | truth)))


def report(found: NDArray[np.float64]) -> None:
    """Print how the confidence and the share of good cuts compare."""
    confidence, good = found[:, 0], found[:, 1] >= GOOD_IOU
    print(f"{'confidence':>12}  {'cuts':>5}  {'expected':>8}  {'good':>6}")
    error = 0.0
    for low, high in pairwise(_BINS):
        mine = (confidence >= low) & (confidence < high)
        if not mine.any():
            continue
        expected, share = float(confidence[mine].mean()), float(good[mine].mean())
        error += float(mine.mean()) * abs(expected - share)
        print(f"{low:5.2f} – {min(high, 1):4.2f}  {mine.sum():5}  {expected:8.2f}  {share:6.2f}")
    brier, base = float(((confidence - good) ** 2).mean()), float(good.mean())
    print(f"expected calibration error {error:.3f}")
    print(f"Brier score {brier:.3f}; of saying {base:.2f} to all: {base * (1 - base):.3f}")
    sure = confidence >= 0.9
    if sure.any():
        wrong = float((~good[sure]).mean())
        print(f"of {sure.sum()} with confidence 0.9 or more, {wrong:.1%} were wrong")


def real_scenes(per_picture: int = 8) -> Iterable[Scene]:
    """Lay the examples that have an alpha channel before made-up grounds."""
    for number, path in enumerate(sorted(_EXAMPLES.iterdir())):
        with Image.open(path) as image:
            if image.mode != "RGBA":
                continue
            image.thumbnail((_SIDE_PX, _SIDE_PX))
            square = Image.new("RGBA", (_SIDE_PX, _SIDE_PX))
            square.paste(image, ((_SIDE_PX - image.width) // 2, (_SIDE_PX - image.height) // 2))
        pixels = (np.asarray(square, np.float32) / 255).astype(np.float32)
        for place in range(per_picture):
            yield compose(pixels[..., 3], pixels[..., :3], 1000 * number + place)


def fit(seeds: Sequence[int], *, rounds: int = 900) -> None:
    """
    Fit the confidence anew and print `subject/confidence_weights.py`.

    An additive model of steps, one sign of a cut at a time, by gradient boosting of the logistic
    loss (Friedman, "Greedy function approximation", Annals of Statistics 29(5), 2001).
    """
    cv2.setNumThreads(1)
    signs, overlaps = gather(map(make_scene, seeds))
    good = overlaps >= GOOD_IOU
    print(write_weights(*boost(signs, good, rounds=rounds), good_signs=signs[good]), end="")


def gather(scenes: Iterable[Scene]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the cuts of *scenes*: their signs, shape (n, signs), and their overlaps."""
    signs, overlaps = [], []
    for scene in scenes:
        view = view_for_masks(scene.picture.pixels)
        background = fit_background(view)
        cut = best_cut(view, background)
        if cut.confidence < NEEDED_SCORE:
            continue
        coverage = refine_edges(scene.picture.pixels, view.colors, cut.inside)
        signs.append(measure_cut(view, background, cut).as_array())
        overlaps.append(overlap(coverage, scene.truth))
    return np.array(signs), np.array(overlaps)


Step = tuple[int, float, float, float]
"""Which sign, the value from which on it is high, and what a low and a high one add."""


def boost(
    signs: NDArray[np.float64], good: NDArray[np.bool_], *, rounds: int, rate: float = 0.1
) -> tuple[float, list[Step]]:
    """Fit log odds as a constant and a sum of steps."""
    odds = float(np.log(good.mean() / (1 - good.mean())))
    total = np.full(len(good), odds)
    places = np.linspace(0.03, 0.97, _STEPS_PER_SIGN)
    edges = [np.unique(np.quantile(column, places)) for column in signs.T]
    bins = [
        np.searchsorted(edge, column, side="right")
        for edge, column in zip(edges, signs.T, strict=True)
    ]
    steps: list[Step] = []
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-total))
        slope, weight = good - chance, chance * (1 - chance)
        best: tuple[float, Step] = (-1.0, (0, 0.0, 0.0, 0.0))
        for number, edge in enumerate(edges):
            slopes = np.cumsum(np.bincount(bins[number], slope, len(edge) + 1))
            weights = np.cumsum(np.bincount(bins[number], weight, len(edge) + 1))
            low, high = slopes[:-1], slopes[-1] - slopes[:-1]
            low_by, high_by = weights[:-1] + _CAUTION, weights[-1] - weights[:-1] + _CAUTION
            gain = low**2 / low_by + high**2 / high_by
            at = int(gain.argmax())
            if gain[at] > best[0]:
                adds = rate * low[at] / low_by[at], rate * high[at] / high_by[at]
                best = float(gain[at]), (number, float(edge[at]), float(adds[0]), float(adds[1]))
        number, value, low_adds, high_adds = best[1]
        steps.append(best[1])
        total += np.where(signs[:, number] < value, low_adds, high_adds)
    return odds, steps


def write_weights(odds: float, steps: Sequence[Step], *, good_signs: NDArray[np.float64]) -> str:
    """
    Write the model as the module `subject/confidence_weights.py`.

    The weights of each sign are shifted so that good cuts have 0 on average: what is below that
    speaks against a cut.
    """
    tables: list[tuple[str, list[float], list[float]]] = []
    for number, name in enumerate(CutSigns.__slots__):
        mine = [step for step in steps if step[0] == number]
        edges = sorted({step[1] for step in mine})
        weights = np.array(
            [
                sum(low if middle < value else high for _, value, low, high in mine)
                for middle in (-np.inf, *edges)
            ]
        )
        usual = float(weights[np.searchsorted(edges, good_signs[:, number], side="right")].mean())
        odds += usual
        tables.append((name, edges, (weights - usual).tolist()))
    lines = [
        '"""Made by `boost` of `bench.cutout`: what each sign of a cut says of it."""',
        "",
        f"ODDS = {odds:.4f}",
        '"""Log odds of a cut with the usual signs of good ones."""',
        "",
        "# fmt: off",
        "STEPS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {",
    ]
    for name, edges, values in tables:
        lines.append(f'    "{name}": (')
        lines += [*_wrapped(edges), *_wrapped(values)]
        lines.append("    ),")
    lines += ["}", '"""For each sign the values at which its weight changes, and the weights."""']
    return "\n".join(lines) + "\n"


def _wrapped(values: Sequence[float]) -> list[str]:
    words = [f"{value:.6g}," for value in values]
    lines = ["        ("]
    while words:
        line = "           "
        while words and len(line) + len(words[0]) < 98:
            line += f" {words.pop(0)}"
        lines.append(line)
    return [*lines, "        ),"]
