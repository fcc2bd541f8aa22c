"""Shapes made from several views of one object."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.generator import View
from image2model.geometry.atlas import choose_charts, cut_charts, join_sheets, vertex_normals
from image2model.geometry.hull import carve
from image2model.geometry.inflate import inflate
from image2model.geometry.mesh import EncodedImage, Material
from image2model.geometry.object_frame import ObjectFrame
from image2model.geometry.pictures import Picture
from image2model.geometry.shape import Shape, stand_up
from image2model.geometry.texture_sheet import Placement, encode_jpeg
from image2model.providers.local.made import Made, Options
from image2model.providers.local.subject import Subject, cut_out

_TOWARDS = {
    View.FRONT: (0, 0, 1),
    View.BACK: (0, 0, -1),
    View.LEFT: (-1, 0, 0),
    View.RIGHT: (1, 0, 0),
    View.TOP: (0, -1, 0),
}
_OPPOSITE = {View.LEFT: View.RIGHT, View.RIGHT: View.LEFT}
_SHAPE_SHARE = 0.95
"""Of the face limit, tried first: the seams between the pictures take the rest."""


def make_hull(pictures: Mapping[View, Picture], options: Options, *, name: str) -> Made:
    """Carve the object out of its silhouettes and colour it from all of its views."""
    subjects = {view: cut_out(picture) for view, picture in pictures.items()}
    frame = ObjectFrame(boxes_px={v: s.silhouette.box_px for v, s in subjects.items()})
    sides = _sides(subjects)
    shape, chart_of = _carved(subjects, frame, sides, options)
    texture, charts = _lay_out(subjects, sides, options["texture_px"])
    mesh = stand_up(
        shape,
        name=name,
        uvs=_uvs(shape.points, chart_of, charts, frame),
        material=Material(name=name, base_color_texture=texture),
        height_mm=options["print_height_mm"],
    )
    least = min(subjects.values(), key=lambda subject: subject.confidence)
    facts = {
        "mask_confidence": round(least.confidence, 3),
        "mask_source": least.source,
        "views": [view.value for view in pictures],
    }
    return Made(mesh=mesh, facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chart:
    """
    One side of the object in the texture.

    Attributes:
        side: The side that it colours.
        seen_in: The view whose picture it takes; a missing side takes its opposite's.
        place: Where in the texture that is.
    """

    side: View
    seen_in: View
    place: Placement


def _carved(
    subjects: Mapping[View, Subject], frame: ObjectFrame, sides: list[View], options: Options
) -> tuple[Shape, NDArray[np.int64]]:
    """Return a shape within the face limit, and the index of the side that colours each vertex."""
    silhouettes = {view: subject.silhouette for view, subject in subjects.items()}
    limit: int = options["face_limit"]
    if frame.size_px[2] == 0:
        shape = inflate(silhouettes[View.FRONT], face_limit=limit, own_back=True)
        return shape, shape.back.astype(np.int64)
    towards = np.array([_TOWARDS[side] for side in sides], np.float32)
    aim = limit * _SHAPE_SHARE
    while True:
        points, faces = carve(silhouettes, face_limit=int(aim), roundness=options["roundness"])
        normals = vertex_normals(points, faces)
        painted = cut_charts(points, faces, choose_charts(points, faces, normals, towards))
        if len(painted.faces) <= limit:
            break
        aim *= 0.98 * limit / len(painted.faces)
    shape = Shape(
        points=painted.points,
        normals=normals[painted.origin],
        faces=painted.faces,
        back=np.zeros(len(painted.points), bool),
    )
    return shape, painted.chart


def _sides(views: Mapping[View, Subject]) -> list[View]:
    """Return the sides that get a chart: all that are seen, and what is opposite to them."""
    sides = [View.FRONT, View.BACK]
    if _OPPOSITE.keys() & views.keys():
        sides += _OPPOSITE
    return [*sides, View.TOP] if View.TOP in views else sides


def _lay_out(
    subjects: Mapping[View, Subject], sides: list[View], size_px: int
) -> tuple[EncodedImage, list[_Chart]]:
    plain_back = View.BACK not in subjects
    sheets = {
        view: subject.sheet(size_px=size_px, own_back=plain_back and view is View.FRONT)
        for view, subject in subjects.items()
    }
    texture, places = join_sheets(
        [sheet.rgb for sheet in sheets.values()],
        [(sheet.front, sheet.back) for sheet in sheets.values()],
    )
    of_view = dict(zip(sheets, places, strict=True))
    charts = []
    for side in sides:
        if side is View.BACK and plain_back:
            charts.append(_Chart(side=side, seen_in=View.FRONT, place=of_view[View.FRONT][1]))
            continue
        seen_in = side if side in subjects else _OPPOSITE[side]
        charts.append(_Chart(side=side, seen_in=seen_in, place=of_view[seen_in][0]))
    return encode_jpeg(texture), charts


def _uvs(
    points: NDArray[np.float32],
    chart_of: NDArray[np.int64],
    charts: list[_Chart],
    frame: ObjectFrame,
) -> NDArray[np.float32]:
    uvs = np.empty((len(points), 2), np.float32)
    for number, chart in enumerate(charts):
        mine = chart_of == number
        uvs[mine] = chart.place.uvs(frame.to_view(chart.seen_in, points[mine]))
    return np.clip(uvs, 0, 1)
