"""Tell how well a model matches the photo it was made of, from the view that fits best."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidPictureError
from image2model.geometry.formats.reading import read_model
from image2model.geometry.inspection.view_search import (
    View,
    box_matrix,
    find_views,
    fit_box,
    overlap_of,
)
from image2model.geometry.mesh.textures.srgb import to_linear
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import Picture, decode_picture
from image2model.geometry.render.camera import frame
from image2model.geometry.render.coarsen import coarsen
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import Scene, prepare_scene
from image2model.geometry.subject.mask import find_subject

_SIZE_PX = 128
_WORK_PX = 512
"""The photo's longest side while it is cut out; finer outlines change nothing here."""

_LEAST_CONFIDENCE = 0.1
"""Outlines are compared by their overlap: one that is wrong in places still says something."""

_LEAST_OVERLAP = 0.5
_WORST_COLOR = 40.0
_FULL_OVERLAP = 0.97
"""What the size of the pictures compared lets even the same outline reach."""

_SHAPE_SHARE = 0.65
_LIGHTNESS_SHARE = 0.5
"""Of a difference in lightness: photos have shadows that models do not."""

_BLUR = 1.5
_MANY_FACES = 6_000
_FIELD_OF_VIEW_DEG = 30.0

MEANINGS = (
    (0.85, "very close to the photo"),
    (0.7, "close to the photo"),
    (0.5, "like the photo in part"),
    (0.0, "not like the photo"),
)
"""What scores from there on mean."""

PALE = (
    "its colours look washed out: those of its vertices seem to be sRGB, which glTF takes as "
    "linear light; convert it with srgb_colors"
)
_CLEARLY = 4.0
"""How much less the colours must differ when read as sRGB, in CIE L*a*b*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """
    How well a model matches a photo.

    Attributes:
        score: 0.0–1.0: two thirds outline, one third colours; None: cannot be told.
        iou: Overlap of the outlines, intersection over union; None: no outline to compare.
        color_difference: Mean difference in CIE L*a*b* where both show the object, lightness
            counted half: 2 is hardly seen, 40 is another colour. None: not compared.
        meaning: The same in words; why not, where there is no score.
        view: From where the model looks like the photo; None: not found.
    """

    score: float | None
    iou: float | None = None
    color_difference: float | None = None
    meaning: str
    view: View | None = None


def measure_fidelity(model: bytes, photo: bytes, *, limits: PictureLimits) -> Fidelity:
    """
    Compare a model with a photo.

    The camera is found by search, so nothing needs to be known of it. Only what the photo shows
    is judged: the back may be anything.

    Args:
        model: A GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.
        photo: A picture file.
        limits: What is refused before any pixel is decoded.

    Raises:
        InvalidMesh: The model cannot be read.
    """
    try:
        picture = _reduced(decode_picture(photo, limits=limits))
        mask = find_subject(picture)
    except InvalidPictureError:
        return _unknown("the object cannot be told from the photo's background")
    if mask.confidence < _LEAST_CONFIDENCE:
        return _unknown("the object cannot be told safely from the photo's background")
    scene = _unlit(prepare_scene(read_model(model).meshes, texture_px=2 * _SIZE_PX))
    inside = mask.coverage > min(127, int(mask.coverage.max()) // 2)
    views = [fit.view for fit in find_views(scene.positions, scene.faces, inside)]
    wanted = _Wanted(picture, inside)
    # Most models face the front, and the search stops a few degrees beside it.
    views += [View(yaw_deg=0, pitch_deg=0, perspective=far) for far in (False, True)]
    compared = [wanted.compare(scene, view) for view in views]
    best = max(compared, key=lambda one: (one.score or 0.0, one.iou or 0.0))
    return _diagnosed(best, scene, wanted)


def _diagnosed(found: Fidelity, scene: Scene, wanted: "_Wanted") -> Fidelity:
    """Look whether the colours would be right if those of the vertices were meant as sRGB."""
    before, iou = found.color_difference, found.iou
    if scene.colors is None or found.view is None or before is None or iou is None:
        return found
    colors = scene.colors.copy()
    colors[:, :3] = to_linear(np.rint(colors[:, :3] * 255).astype(np.uint8))
    after = wanted.compare(replace(scene, colors=colors), found.view).color_difference
    if after is None or before - after < _CLEARLY or after > before / 2:
        return found
    # A fault of one known kind, and all over: the colours are wrong, however near they look.
    score = _score(iou, _WORST_COLOR)
    meaning = f"{_meaning(score)}; {PALE}"
    return replace(found, score=score, meaning=meaning)


def _reduced(picture: Picture) -> Picture:
    height, width = picture.pixels.shape[:2]
    scale = _WORK_PX / max(height, width)
    if scale >= 1:
        return picture
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    pixels = np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return replace(picture, pixels=pixels)


def _unlit(scene: Scene) -> Scene:
    """Let colours be seen as they are, and faces too small to be seen be drawn together."""
    if len(scene.faces) > _MANY_FACES:
        across = float(np.ptp(scene.positions, axis=0).max())
        scene = coarsen(scene, cell=across / _SIZE_PX * 1.5)
    return replace(scene, materials=[replace(one, unlit=True) for one in scene.materials])


class _Wanted:
    """The photo, cut to its object."""

    def __init__(self, picture: Picture, inside: NDArray[np.bool_]) -> None:
        matrix = box_matrix(inside, size_px=_SIZE_PX)
        self._inside = fit_box(inside, size_px=_SIZE_PX)
        size = (_SIZE_PX, _SIZE_PX)
        moved = cv2.warpAffine(picture.pixels[..., :3], matrix, size, flags=cv2.INTER_AREA)
        self._lab = _lab(np.asarray(moved, np.uint8), self._inside)

    def compare(self, scene: Scene, view: View) -> Fidelity:
        drawn = _draw(scene, view)
        seen = drawn[..., 3] > 127
        if not seen.any():
            return _unknown("nothing of the model can be seen")
        # Perspective and hidden parts shift the outline's box by a pixel or so.
        pixels = cv2.warpAffine(
            drawn, box_matrix(seen, size_px=_SIZE_PX), (_SIZE_PX, _SIZE_PX), flags=cv2.INTER_AREA
        )
        drawn = np.asarray(pixels, np.uint8)
        seen = drawn[..., 3] > 127
        overlap = overlap_of(seen, self._inside)
        color = self._color_difference(drawn, seen)
        if overlap < _LEAST_OVERLAP:
            return replace(
                _unknown("no view of the model has the photo's outline"), iou=overlap, view=view
            )
        score = _score(overlap, color)
        return Fidelity(
            score=score,
            iou=overlap,
            color_difference=color,
            meaning=_meaning(score),
            view=view,
        )

    def _color_difference(self, drawn: NDArray[np.uint8], seen: NDArray[np.bool_]) -> float:
        both = seen & self._inside
        if not both.any():
            return 100.0
        apart = (_lab(drawn[..., :3], seen) - self._lab)[both]
        apart[:, 0] *= _LIGHTNESS_SHARE
        return float(np.linalg.norm(apart, axis=1).mean())


def _draw(scene: Scene, view: View) -> NDArray[np.uint8]:
    """Draw the model as *view* sees it; it is turned before a camera that stands still."""
    axes = view.axes()
    middle = (scene.positions.min(axis=0) + scene.positions.max(axis=0)) / 2
    turned = replace(
        scene,
        positions=((scene.positions - middle) @ axes.T).astype(np.float32),
        normals=(scene.normals @ axes.T).astype(np.float32),
    )
    angle = _FIELD_OF_VIEW_DEG if view.perspective else None
    camera = frame(turned.positions, field_of_view_deg=angle)
    return draw_scene(turned, camera, size_px=_SIZE_PX)


def _lab(colors: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return CIE L*a*b*, smoothed within *inside*, so that a pixel's shift does not count."""
    weight = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), _BLUR)
    lab = cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    smooth = cv2.GaussianBlur(lab * inside[..., None], (0, 0), _BLUR)
    return np.asarray(smooth / np.maximum(weight, 1e-6)[..., None], np.float32)


def _score(overlap: float, color: float) -> float:
    shape = min((overlap - _LEAST_OVERLAP) / (_FULL_OVERLAP - _LEAST_OVERLAP), 1.0)
    alike = max(0.0, 1 - color / _WORST_COLOR)
    return round(_SHAPE_SHARE * shape + (1 - _SHAPE_SHARE) * alike, 3)


def _meaning(score: float) -> str:
    return next(words for least, words in MEANINGS if score >= least)


def _unknown(reason: str) -> Fidelity:
    return Fidelity(score=None, meaning=f"unknown: {reason}")
