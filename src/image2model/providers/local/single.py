"""Shapes made from one picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import JsonValue, SubjectNotFound
from image2model.geometry.mesh.types import Material
from image2model.geometry.pictures.picture import Picture
from image2model.geometry.shapes.extrude import extrude
from image2model.geometry.shapes.lathe import turn
from image2model.geometry.shapes.puff import inflate
from image2model.geometry.shapes.relief import (
    carve_heights,
    lightness,
    raise_plate,
    relief_size,
)
from image2model.geometry.shapes.shape import stand_up
from image2model.geometry.shapes.texture_sheet import make_plate_sheet
from image2model.geometry.subject.symmetry import mirror_symmetry
from image2model.providers.local.made import Made, Options, dress
from image2model.providers.local.subject import Subject, cut_out

_FACING_SYMMETRY = 0.82
"""Of a dozen pictures, those seen from the front had 0.87 or more, others 0.79 or less."""

_PLATE_GREY = 236
_LITHOPHANE = Material(name="plastic", base_color=(0.87, 0.86, 0.83, 1.0), roughness=0.6)


def make_puff(picture: Picture, options: Options, *, name: str) -> Made:
    """Blow the subject up into a cushion."""
    subject = cut_out(picture, parts=options["parts"])
    own_back = _fills_back(subject, options["back"])
    shape = inflate(
        subject.silhouette,
        face_limit=options["face_limit"],
        depth=options["depth"],
        own_back=own_back,
    )
    sheet = subject.sheet(size_px=options["texture_px"], own_back=own_back)
    mesh = dress(shape, sheet, name=name, options=options)
    return Made(mesh=mesh, facts=_about(subject, back="fill" if own_back else "mirror"))


def make_extrusion(picture: Picture, options: Options, *, name: str) -> Made:
    """Cut the subject out of a plate."""
    subject = cut_out(picture, parts=options["parts"])
    own_back = options["back"] == "fill"
    shape = extrude(
        subject.silhouette,
        face_limit=options["face_limit"],
        thickness=options["thickness"],
        own_back=own_back,
    )
    sheet = subject.sheet(size_px=options["texture_px"], own_back=own_back)
    return Made(mesh=dress(shape, sheet, name=name, options=options), facts=_about(subject))


def make_turning(picture: Picture, options: Options, *, name: str) -> Made:
    """Turn the subject around its upright axis."""
    subject = cut_out(picture)
    shape = turn(subject.silhouette, face_limit=options["face_limit"])
    sheet = subject.sheet(size_px=options["texture_px"])
    return Made(mesh=dress(shape, sheet, name=name, options=options), facts=_about(subject))


def make_relief(picture: Picture, options: Options, *, name: str) -> Made:
    """Raise the whole picture from a plate; it needs no subject."""
    picture = _scaled_down(picture, options["texture_px"])
    height_px, width_px = picture.pixels.shape[:2]
    size = relief_size(width_px, height_px, face_limit=options["face_limit"])
    rgb = _on_plate(picture)
    grey = picture.deep_grey
    light = lightness(rgb if grey is None else _grey_on_plate(grey, picture), size)
    lithophane = options["style"] == "lithophane"
    subject = None if lithophane else _subject_if_any(picture)
    heights = (
        1 - light
        if lithophane
        else carve_heights(light, None if subject is None else subject.coverage)
    )
    px_per_mm = height_px / options["print_height_mm"]
    shape = raise_plate(
        heights,
        width_px=width_px,
        height_px=height_px,
        base_px=options["base_mm"] * px_per_mm,
        relief_px=options["relief_mm"] * px_per_mm,
    )
    facts = {} if subject is None else _about(subject)
    facts["height_steps"] = len(np.unique(np.rint(65_535 * heights)))
    if lithophane:
        mesh = stand_up(
            shape, name=name, material=_LITHOPHANE, height_mm=options["print_height_mm"]
        )
        return Made(mesh=mesh, facts=facts)
    sheet = make_plate_sheet(rgb)
    return Made(mesh=dress(shape, sheet, name=name, options=options), facts=facts)


def _fills_back(subject: Subject, choice: str) -> bool:
    if choice != "auto":
        return choice == "fill"
    # What looks the same on both sides mostly faces the viewer, and has no second face behind.
    return mirror_symmetry(subject.coverage, subject.silhouette.box_px) >= _FACING_SYMMETRY


def _about(subject: Subject, **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "mask_confidence": round(subject.confidence, 3),
        "mask_source": subject.source,
        "notes": list(subject.notes),
        **more,
    }


def _subject_if_any(picture: Picture) -> Subject | None:
    try:
        return cut_out(picture)
    except SubjectNotFound:
        return None


def _scaled_down(picture: Picture, long_side_px: int) -> Picture:
    height_px, width_px = picture.pixels.shape[:2]
    scale = long_side_px / max(height_px, width_px)
    if scale >= 1:
        return picture
    size = (max(2, round(width_px * scale)), max(2, round(height_px * scale)))
    pixels = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    deep = picture.deep_grey
    if deep is not None:
        deep = np.asarray(cv2.resize(deep, size, interpolation=cv2.INTER_AREA), np.uint16)
    return Picture(pixels=np.asarray(pixels, np.uint8), has_alpha=picture.has_alpha, deep_grey=deep)


def _grey_on_plate(grey: NDArray[np.uint16], picture: Picture) -> NDArray[np.uint16]:
    if not picture.has_alpha:
        return grey
    share = picture.pixels[..., 3].astype(np.float32) / 255
    shown = grey * share + 257 * _PLATE_GREY * (1 - share)
    return np.asarray(np.rint(shown), np.uint16)


def _on_plate(picture: Picture) -> NDArray[np.uint8]:
    rgb = np.ascontiguousarray(picture.pixels[..., :3])
    if not picture.has_alpha:
        return rgb
    opaque = cv2.merge([picture.pixels[..., 3]] * 3)
    shown = cv2.multiply(rgb, opaque, scale=1 / 255)
    plate = cv2.convertScaleAbs(cv2.bitwise_not(opaque), alpha=_PLATE_GREY / 255)
    return np.asarray(cv2.add(shown, plate), np.uint8)
