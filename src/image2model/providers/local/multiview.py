"""Shapes made from several views of one object."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.generator import View
from image2model.geometry.mesh.types import EncodedImage, Material
from image2model.geometry.pictures.picture import Picture
from image2model.geometry.shapes.multiview.atlas import (
    Painted,
    choose_charts,
    cut_charts,
    pack_sheets,
    vertex_normals,
)
from image2model.geometry.shapes.multiview.hull import carve
from image2model.geometry.shapes.multiview.object_frame import ObjectFrame
from image2model.geometry.shapes.multiview.patchwork import number_islands, sew_patches
from image2model.geometry.shapes.multiview.seams import twin_half_edges
from image2model.geometry.shapes.multiview.view_colors import (
    Projection,
    mix_colors,
    retouch,
    share_out,
    smooth_normals,
)
from image2model.geometry.shapes.puff import inflate
from image2model.geometry.shapes.shape import Shape, stand_up
from image2model.geometry.shapes.texture_sheet import Sheet, encode_jpeg
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
_AXES = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
_SHAPE_SHARE = 0.88
"""Of the face limit, tried first: the seams between the pictures take the rest."""

_GUESSED_TRUST = 0.25

Floats = NDArray[np.float32]


def make_hull(pictures: Mapping[View, Picture], options: Options, *, name: str) -> Made:
    """Carve the object out of its silhouettes and colour it from all of its views."""
    subjects = {view: cut_out(picture) for view, picture in pictures.items()}
    frame = ObjectFrame(boxes_px={v: s.silhouette.box_px for v, s in subjects.items()})
    sides = _sides(subjects, options["texture_px"])
    flat = frame.size_px[2] == 0
    shape, texture, uvs = (_inflated if flat else _carved)(subjects, frame, sides, options)
    mesh = stand_up(
        shape,
        name=name,
        uvs=uvs,
        material=Material(name=name, base_color_texture=texture),
        height_mm=options["print_height_mm"],
    )
    least = min(subjects.values(), key=lambda subject: subject.confidence)
    facts = {
        "mask_confidence": round(least.confidence, 3),
        "mask_source": least.source,
        "views": [view.value for view in pictures],
        "notes": [
            f"{view.value}: {note}" for view, subject in subjects.items() for note in subject.notes
        ],
    }
    return Made(mesh=mesh, facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """
    One side of the object and the picture that it shows.

    Attributes:
        side: Which one.
        seen_in: The view whose picture it takes; a missing side takes its opposite's.
        sheet: That picture.
        back: Whether it takes the plain back of the sheet.
    """

    side: View
    seen_in: View
    sheet: Sheet
    back: bool

    def rgb(self) -> NDArray[np.uint8]:
        height, width = self.sheet.rgb.shape[:2]
        left, _, share, tall = (self.sheet.back if self.back else self.sheet.front).texture
        columns = slice(round(left * width), round((left + share) * width))
        return self.sheet.rgb[: round(tall * height), columns]

    def at(self, points: Floats, frame: ObjectFrame) -> Floats:
        """Return where in the picture *points* are, each 0–1."""
        place = self.sheet.back if self.back else self.sheet.front
        corner = np.array(place.picture_px[:2], np.float32)
        size = np.array(place.picture_px[2:], np.float32)
        at = (frame.to_view(self.seen_in, points) - corner) / size
        return np.asarray(np.clip(at, 0, 1), np.float32)

    def project(self, points: Floats, frame: ObjectFrame, *, rough_px: int) -> Projection:
        rgb = self.rgb()
        scale = rough_px / max(rgb.shape[:2])
        size = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
        rough = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        return Projection(
            rgb=rgb,
            rough=np.asarray(rough, np.float32),
            at=self.at(points, frame),
            direction=np.array(_TOWARDS[self.side], np.float32),
            trust=_GUESSED_TRUST if self.side is not self.seen_in or self.back else 1.0,
        )


def _sides(subjects: Mapping[View, Subject], texture_px: int) -> list[_Side]:
    """Return the sides that are seen, and what is opposite to them."""
    plain_back = View.BACK not in subjects
    sheets = {
        view: subject.sheet(size_px=texture_px, own_back=plain_back and view is View.FRONT)
        for view, subject in subjects.items()
    }
    shown = [View.FRONT, View.BACK]
    if _OPPOSITE.keys() & subjects.keys():
        shown += _OPPOSITE
    if View.TOP in subjects:
        shown.append(View.TOP)
    sides = []
    for side in shown:
        guessed = View.FRONT if side is View.BACK else _OPPOSITE.get(side, side)
        seen_in = side if side in subjects else guessed
        back = side is View.BACK and plain_back
        sides.append(_Side(side=side, seen_in=seen_in, sheet=sheets[seen_in], back=back))
    return sides


def _inflated(
    subjects: Mapping[View, Subject], frame: ObjectFrame, sides: list[_Side], options: Options
) -> tuple[Shape, EncodedImage, Floats]:
    """Make the shape of an object of unknown depth, with its texture and where that lies."""
    front = subjects[View.FRONT].silhouette
    shape = inflate(front, face_limit=options["face_limit"], own_back=True)
    texture, places = pack_sheets([side.rgb() for side in sides])
    uvs = np.empty((len(shape.points), 2), np.float32)
    for side, place, mine in zip(sides, places, (~shape.back, shape.back), strict=True):
        uvs[mine] = _placed(side.at(shape.points[mine], frame), place)
    return shape, encode_jpeg(texture), uvs


def _carved(
    subjects: Mapping[View, Subject], frame: ObjectFrame, sides: list[_Side], options: Options
) -> tuple[Shape, EncodedImage, Floats]:
    """Make the shape within the face limit, its texture and where that lies."""
    silhouettes = {view: subject.silhouette for view, subject in subjects.items()}
    limit: int = options["face_limit"]
    aim = limit * _SHAPE_SHARE
    while True:
        points, faces = carve(silhouettes, face_limit=int(aim), roundness=options["roundness"])
        normals = vertex_normals(points, faces)
        spacing = _spacing(points, faces)
        rough_px = round(float(np.ptp(points, axis=0).max()) / spacing)
        views = [side.project(points, frame, rough_px=rough_px) for side in sides]
        shares = share_out(points, smooth_normals(normals, faces), views)
        twins = twin_half_edges(faces)
        charts = choose_charts(faces, twins, normals, shares, _AXES)
        islands = number_islands(charts, twins, first=len(views))
        painted = cut_charts(points, faces, twins, islands)
        if len(painted.faces) <= limit:
            break
        aim *= 0.98 * limit / len(painted.faces)
    shape = Shape(
        points=painted.points,
        normals=normals[painted.origin],
        faces=painted.faces,
        back=np.zeros(len(painted.points), bool),
    )
    axes = np.zeros(islands.max() + 1, np.int64)
    axes[islands] = (charts - len(views)) % 3
    colors = mix_colors(views, shares, faces)[painted.origin]
    texture, uvs = _paint(
        painted,
        views,
        shares=shares,
        colors=colors,
        axes=axes[painted.chart],
        spacing=spacing,
    )
    return shape, texture, uvs


def _paint(
    painted: Painted,
    views: list[Projection],
    *,
    shares: Floats,
    colors: Floats,
    axes: NDArray[np.int64],
    spacing: float,
) -> tuple[EncodedImage, Floats]:
    """Draw the views' pictures and the patches between them; return where each vertex lies."""
    pictured, texture_of = painted.chart < len(views), np.minimum(painted.chart, len(views))
    at = np.empty((len(colors), 2), np.float32)
    sheets = []
    for number, view in enumerate(views):
        mine = texture_of == number
        of = painted.origin[mine]
        at[mine] = view.at[of]
        sheets.append(retouch(view, colors[mine], shares[of, number], at[mine]))
    patches = sew_patches(
        painted.points[~pictured] / np.float32(spacing),
        axes[~pictured],
        painted.chart[~pictured] - len(views),
        colors[~pictured],
    )
    at[~pictured] = patches.at
    texture, places = pack_sheets([*sheets, patches.rgb])
    place_of = np.array(places, np.float32)[texture_of]
    return encode_jpeg(texture), place_of[:, :2] + at * place_of[:, 2:]


def _spacing(points: Floats, faces: NDArray[np.int32]) -> float:
    """Return how far apart neighbouring vertices are."""
    return float(np.linalg.norm(points[faces[:, 0]] - points[faces[:, 1]], axis=1).mean())


def _placed(at: Floats, place: tuple[float, float, float, float]) -> Floats:
    corner, size = np.array(place, np.float32).reshape(2, 2)
    return np.asarray(corner + at * size, np.float32)
