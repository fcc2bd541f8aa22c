"""How true the confidence of cut-outs is: on scenes that it was not fitted on, and on examples."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.cutout_scenes import Scene, compose, make_scene
from image2model.core.errors import InvalidPictureError
from image2model.geometry.mask import find_subject

GOOD_IOU = 0.9
PROMISED_ERROR = 0.08
_FIRST_HELD_OUT = 1_000_000
_SCENES = 300
_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0001)
_EXAMPLES = Path(__file__).parent.parent / "examples" / "pictures"
_SIDE_PX = 512


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
    return float(np.count_nonzero(inside & truth)) / max(1, np.count_nonzero(inside | truth))


def report(found: NDArray[np.float64]) -> None:
    """Print how the confidence and the share of good cuts compare."""
    confidence, good = found[:, 0], found[:, 1] >= GOOD_IOU
    print(f"{'confidence':>12}  {'cuts':>5}  {'expected':>8}  {'good':>6}")
    error = 0.0
    for low, high in zip(_BINS[:-1], _BINS[1:], strict=True):
        mine = (confidence >= low) & (confidence < high)
        if not mine.any():
            continue
        expected, share = float(confidence[mine].mean()), float(good[mine].mean())
        error += float(mine.mean()) * abs(expected - share)
        print(f"{low:5.2f} – {min(high, 1):4.2f}  {mine.sum():5}  {expected:8.2f}  {share:6.2f}")
    brier, base = float(((confidence - good) ** 2).mean()), float(good.mean())
    print(f"expected calibration error {error:.3f} (promised: {PROMISED_ERROR})")
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
        pixels = np.asarray(square, np.float32) / 255
        for place in range(per_picture):
            yield compose(pixels[..., 3], pixels[..., :3], 1000 * number + place)


def fit(seeds: Sequence[int]) -> None:
    """Fit the weights of the confidence anew, and print them for `mask_confidence.py`."""
