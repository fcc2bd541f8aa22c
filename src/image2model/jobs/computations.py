"""
What the use cases have computed in worker processes.

Only here is `geometry` imported inside functions: a server refers to these functions but never
runs them, and starts in half the time without numpy, OpenCV and Pillow.
"""

# ruff: noqa: PLC0415

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from image2model.core.errors import Image2ModelError, InvalidMesh, JsonValue
from image2model.core.job import Description
from image2model.core.values.plain_values import plain_value
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.render.sprite_layout import SPRITE_FACTS

if TYPE_CHECKING:
    from image2model.geometry.inspection.facts import MeshFacts


_GLB_MAGIC = b"glTF"

_BYTES_PER_PIXEL = 20
_BYTES_PER_BYTE = 10
_UNKNOWN_BYTES = 50_000_000
"""What a model is taken for that only its provider has."""

NOT_READ = "not_read"
"""The fact that says why a model has no others, and no preview."""


def memory_for_pictures(*pixels: int) -> int:
    """Tell about how many bytes of memory it takes to decode pictures of so many pixels."""
    # Each is decoded in turn, and its pixels stay.
    return _BYTES_PER_PIXEL * max(pixels, default=0) + 4 * sum(pixels)


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFacts:
    """What the check of a picture's file found."""

    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    rewritten: bool
    notes: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    source_type: str = ""


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class LargePicture:
    """A picture that was not looked at, because it has so many *pixels*."""

    pixels: int


def check_picture_file(source: str, target: str, limits: PictureLimits) -> PictureFacts:
    """
    Check the picture in the file *source*.

    Where it must be changed (turned upright, metadata removed, converted), the new picture is
    written to *target*, so that large pictures do not travel between processes.

    Raises:
        InvalidPictureError: It cannot be used.
    """
    from image2model.geometry.pictures.picture import check_and_decode
    from image2model.geometry.subject.cut_warnings import foresee_cut

    data = Path(source).read_bytes()
    checked, image = check_and_decode(data, limits=limits)
    credentials = checked.credentials
    rewritten = checked.data != data
    if rewritten:
        Path(target).write_bytes(checked.data)
    return PictureFacts(
        media_type=checked.media_type,
        width_px=checked.width_px,
        height_px=checked.height_px,
        size_bytes=len(checked.data),
        rewritten=rewritten,
        notes=(*checked.notes, *foresee_cut(image)),
        credentials=credentials.kinds if credentials else (),
        source_type=credentials.source_type if credentials else "",
    )


def check_picture_unless_large(
    source: str, target: str, limits: PictureLimits, most_pixels: int
) -> PictureFacts | LargePicture:
    """
    Do as `check_picture_file` with a picture of at most *most_pixels*, and only tell of others.

    Raises:
        InvalidPictureError: It cannot be used.
    """
    from image2model.geometry.pictures.picture import count_pixels

    pixels = count_pixels(Path(source).read_bytes(), limits=limits)
    if most_pixels < pixels <= limits.max_pixels:
        return LargePicture(pixels=pixels)
    return check_picture_file(source, target, limits)


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A mesh's preview (WebP; None: it cannot be drawn here) and its facts."""

    preview: bytes | None
    facts: Mapping[str, JsonValue]


def memory_for_model(size_bytes: int | None) -> int:
    """Tell about how many bytes of memory it takes to compute with a model of so many bytes."""
    return _BYTES_PER_BYTE * (_UNKNOWN_BYTES if size_bytes is None else size_bytes)


def examine_model(model: bytes | Path) -> Examined:
    """
    Inspect and draw a model, whatever its format, given as its bytes or where it is.

    A whole file that only other programs can read is fine: it was paid for. Then the fact
    `not_read` says why it cannot be read here.

    Raises:
        InvalidMesh: It is a damaged GLB file.
    """
    from image2model.geometry.formats.reading import read_model
    from image2model.geometry.gltf.reader import verify_glb
    from image2model.geometry.inspection.facts import inspect_meshes
    from image2model.geometry.render.preview import draw_preview

    data = model if isinstance(model, bytes) else model.read_bytes()
    try:
        meshes = read_model(data).meshes
        return Examined(facts=_facts(inspect_meshes(meshes)), preview=draw_preview(meshes))
    except InvalidMesh as error:
        if data.startswith(_GLB_MAGIC):
            verify_glb(data)
        return Examined(facts={NOT_READ: error.message}, preview=None)


def inspect_model(model: bytes | Path) -> Mapping[str, JsonValue]:
    """
    Inspect a model as `examine_model` does, and leave drawing it for later.

    Returns:
        Its facts; only why, where it is whole but only other programs can read it.

    Raises:
        InvalidMesh: It is a damaged GLB file.
    """
    from image2model.geometry.formats.reading import read_model
    from image2model.geometry.gltf.reader import verify_glb
    from image2model.geometry.inspection.facts import inspect_meshes

    data = model if isinstance(model, bytes) else model.read_bytes()
    try:
        return _facts(inspect_meshes(read_model(data).meshes))
    except InvalidMesh as error:
        if data.startswith(_GLB_MAGIC):
            verify_glb(data)
        return {NOT_READ: error.message}


def preview_of(model: Path) -> bytes:
    """
    Draw a model, whatever its format, as a WebP file.

    Raises:
        InvalidMesh: It cannot be read.
    """
    from image2model.geometry.render.preview import render_preview

    return render_preview(model.read_bytes())


def _facts(found: "MeshFacts") -> dict[str, JsonValue]:
    width_mm, height_mm, depth_mm = (round(side, 2) for side in found.size_mm)
    return {
        "faces": found.faces,
        "vertices": found.vertices,
        "width_mm": width_mm,
        "height_mm": height_mm,
        "depth_mm": depth_mm,
        "watertight": found.watertight,
        "textures": found.textures,
        "texture_px": found.texture_px,
        "sprite": dict(SPRITE_FACTS),
    }


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityFacts:
    """
    How well a model matches its photo.

    Attributes:
        score: 0.0–1.0; None: cannot be told.
        iou: Overlap of the outlines, 0.0–1.0; None: not compared.
        color_difference: Mean difference in CIE L*a*b*; None: not compared.
        meaning: The same in words.
        yaw_deg: How far to the right the camera stands from which it was compared; None: nowhere.
        pitch_deg: How far above.
    """

    score: float | None
    iou: float | None
    color_difference: float | None
    meaning: str
    yaw_deg: float | None
    pitch_deg: float | None

    def as_json(self) -> dict[str, JsonValue]:
        """Give it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def fidelity_of(model: Path, photo: bytes, limits: PictureLimits) -> FidelityFacts:
    """
    Compare a model, whatever its format, with a photo.

    Raises:
        InvalidMesh: It cannot be read.
    """
    from image2model.geometry.inspection.fidelity import measure_fidelity

    found = measure_fidelity(model.read_bytes(), photo, limits=limits)
    view = found.view
    return FidelityFacts(
        score=found.score,
        iou=None if found.iou is None else round(found.iou, 4),
        color_difference=None
        if found.color_difference is None
        else round(found.color_difference, 2),
        meaning=found.meaning,
        yaw_deg=view.yaw_deg if view else None,
        pitch_deg=view.pitch_deg if view else None,
    )


def thumbnail_of(picture: bytes, size_px: int, limits: PictureLimits) -> bytes:
    """
    Draw a picture small, as a WebP file.

    Raises:
        InvalidPictureError: It cannot be read.
    """
    from image2model.geometry.pictures.thumbnail import render_thumbnail

    return render_thumbnail(picture, size_px, limits=limits)


def sprite_of(model: Path) -> bytes:
    """
    Draw a model, whatever its format, from all around, as a WebP file.

    Raises:
        InvalidMesh: It cannot be read.
    """
    from image2model.geometry.render.sprite import render_sprite

    return render_sprite(model.read_bytes())


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFile:
    """
    A model in another format, in a file.

    Attributes:
        size_bytes: Its length.
        sha256: Of its bytes, hex.
        crc32: Of its bytes.
        notes: What was given up or left out, one plain sentence each, without a stop.
        facts: What its description did to it.
    """

    size_bytes: int
    sha256: str
    crc32: int
    notes: Sequence[str]
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


def convert_model(
    source: Path, target: Path, conversion: Conversion, about: Description
) -> ConvertedFile:
    """
    Describe and convert a model, whatever its format.

    Args:
        source: The whole file as it was delivered.
        target: Where the new one is written.
        conversion: What it is to become.
        about: What is said of the object.

    Raises:
        InvalidMesh: It cannot be read.
        InvalidRequest: It cannot become as small as asked for.
        OSError: The new file cannot be written.
    """
    from image2model.geometry.conversion.export import make_file

    data = source.read_bytes()
    try:
        made = make_file(data, conversion, about)
    except (Image2ModelError, MemoryError):
        raise
    except Exception as error:
        # Files are made by strangers: whatever is odd in one, a paid item must not fail of it, nor
        # an archive end in its middle.
        reason = "it is too odd to be converted here; please report it"
        raise InvalidMesh(reason=reason) from error
    target.write_bytes(made.content)
    return ConvertedFile(
        size_bytes=len(made.content),
        sha256=hashlib.sha256(made.content).hexdigest(),
        crc32=zlib.crc32(made.content),
        notes=made.notes,
        facts=made.facts,
    )
