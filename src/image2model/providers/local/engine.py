"""Make a model from pictures: one pure function, run in a worker process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from image2model.core.errors import GeneratorNotFound, JsonValue
from image2model.core.generator import View
from image2model.geometry.glb_writer import write_glb
from image2model.geometry.inflate import inflate
from image2model.geometry.mask import Mask, find_subject
from image2model.geometry.mesh import Material, Mesh
from image2model.geometry.pictures import Picture, PictureLimits, decode_picture
from image2model.geometry.shape import Shape, stand_up
from image2model.geometry.silhouette import Silhouette, trace_silhouette
from image2model.geometry.symmetry import mirror_symmetry
from image2model.geometry.texture_sheet import encode_jpeg, make_sheet
from image2model.geometry.topology import is_watertight
from image2model.jobs.catalogue import fill_options
from image2model.providers.local.cards import CARDS

_FACING_SYMMETRY = 0.82
"""Of a dozen pictures, those seen from the front had 0.88 or more, from the side 0.79 or less."""

_TRIM_ALPHA_PX = 1
_TRIM_GUESSED_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """
    What the engine made.

    Attributes:
        glb: The model, a binary glTF 2.0 file.
        facts: About the model and how it came to be, as JSON values.
    """

    glb: bytes
    facts: Mapping[str, JsonValue]


def make_model(
    generator: str,
    views: Mapping[str, bytes],
    options: Mapping[str, object],
    *,
    name: str,
    limits: PictureLimits,
) -> LocalModel:
    """
    Make one model; the same input gives the same bytes.

    Args:
        generator: A key of `cards.CARDS`.
        views: Picture files by the side they show.
        options: By the generator's schema; what is left out has its default.
        name: Shown by 3D programs.
        limits: How large a picture may be.

    Returns:
        The model and facts about it.

    Raises:
        GeneratorNotFound: There is no such local generator.
        InvalidOptions: An option is unknown or out of its range.
        InvalidViews: The generator takes other views.
        InvalidPictureError: A picture cannot be read, or no object was found in it.
    """
    card = CARDS.get(generator)
    if card is None:
        raise GeneratorNotFound(generator=generator, known=list(CARDS))
    chosen = fill_options(card, options)
    subject = _find(views[View.FRONT], limits)
    mesh, more = _MAKERS[generator](subject, chosen, name)
    return LocalModel(glb=write_glb(mesh), facts={**_facts(mesh, subject.mask), **more})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subject:
    picture: Picture
    mask: Mask


def _find(data: bytes, limits: PictureLimits) -> _Subject:
    picture = decode_picture(data, limits=limits)
    return _Subject(picture=picture, mask=find_subject(picture))


def _facts(mesh: Mesh, mask: Mask) -> dict[str, JsonValue]:
    size_mm = np.ptp(mesh.positions, axis=0) * 1000
    return {
        "faces": len(mesh.faces),
        "vertices": len(mesh.positions),
        "width_mm": round(float(size_mm[0]), 2),
        "height_mm": round(float(size_mm[1]), 2),
        "depth_mm": round(float(size_mm[2]), 2),
        "watertight": is_watertight(mesh.faces),
        "mask_confidence": round(mask.confidence, 3),
        "mask_source": mask.source,
    }


def _make_puff(
    subject: _Subject, options: Mapping[str, Any], name: str
) -> tuple[Mesh, dict[str, JsonValue]]:
    silhouette = trace_silhouette(subject.mask.coverage)
    own_back = _fills_back(options["back"], subject, silhouette)
    shape = inflate(
        silhouette,
        face_limit=options["face_limit"],
        depth=options["depth"],
        own_back=own_back,
    )
    mesh = _dress(shape, subject, silhouette, options, name=name, own_back=own_back)
    return mesh, {"back": "fill" if own_back else "mirror"}


def _fills_back(choice: str, subject: _Subject, silhouette: Silhouette) -> bool:
    if choice != "auto":
        return choice == "fill"
    # What looks the same on both sides mostly faces the viewer, and has no second face behind.
    return mirror_symmetry(subject.mask.coverage, silhouette.box_px) >= _FACING_SYMMETRY


def _dress(
    shape: Shape,
    subject: _Subject,
    silhouette: Silhouette,
    options: Mapping[str, Any],
    *,
    name: str,
    own_back: bool,
) -> Mesh:
    sheet = make_sheet(
        subject.picture.pixels,
        subject.mask.coverage,
        silhouette.box_px,
        size_px=options["texture_px"],
        trim_px=_TRIM_ALPHA_PX if subject.mask.source == "alpha" else _TRIM_GUESSED_PX,
        own_back=own_back,
    )
    uvs = sheet.front.uvs(shape.points[:, :2])
    if own_back:
        uvs[shape.back] = sheet.back.uvs(shape.points[shape.back, :2])
    material = Material(name=name, base_color_texture=encode_jpeg(sheet.rgb))
    return stand_up(
        shape, name=name, uvs=uvs, material=material, height_mm=options["print_height_mm"]
    )


_MAKERS: Mapping[
    str, Callable[[_Subject, Mapping[str, Any], str], tuple[Mesh, dict[str, JsonValue]]]
] = {"local/puff": _make_puff}
