"""What a model is to become: its format, size, weight and place. Needs no numpy."""

from dataclasses import dataclass
from typing import Literal

from image2model.core.errors import FormatUnsupported, InvalidRequest

Up = Literal["y", "z"]
Pivot = Literal["keep", "base", "centre"]

FORMATS = ("glb", "gltf.zip", "obj.zip", "stl", "ply", "usdz", "3mf")
"""What models can be turned into."""

SOURCES = ("glb", "obj", "ply", "stl", "3mf", "zip", "gltf.zip", "obj.zip")
"""What models can be read from; a ZIP holds one of them, or glTF, with its textures."""

LEAST_FACES = 12
LARGEST_TEXTURE_PX = 8192
_LEAST_TEXTURE_PX = 16
_LARGEST_MM = 1_000_000.0
_LEAST_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """
    How a model is written.

    At most one of the three sizes is given; the others follow.

    Attributes:
        format: One of `FORMATS`.
        faces: The most triangles, unless the shape needs more; None: as many as it has.
        height_mm: How high it shall be, in millimetres; None: as it is.
        width_mm: How wide.
        depth_mm: How deep.
        up: The axis that points up; None: what the format is used to (Z in STL and 3MF, else Y).
        pivot: Where its origin is: `base`, the middle of its underside; `centre`, the middle of
            its bounding box; `keep`: where it is.
        texture_px: The longest side of its textures, in pixels; None: as they are.
        max_bytes: The most bytes; faces and texture size are given up for it. None: no limit.
        repair: Whether to make it a closed solid, for printing.
        srgb_colors: Whether the numbers in its vertex colours are sRGB, though glTF takes them as
            linear light: some generators write them so, and their models look washed out.

    Raises:
        InvalidRequest: A value makes no sense.
        FormatUnsupported: There is no such format.
    """

    format: str
    faces: int | None = None
    height_mm: float | None = None
    width_mm: float | None = None
    depth_mm: float | None = None
    up: Up | None = None
    pivot: Pivot = "keep"
    texture_px: int | None = None
    max_bytes: int | None = None
    repair: bool = False
    srgb_colors: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise FormatUnsupported(format_name=self.format, supported=FORMATS)
        for field, least, most in (
            ("faces", LEAST_FACES, 2**31),
            ("texture_px", _LEAST_TEXTURE_PX, LARGEST_TEXTURE_PX),
            ("max_bytes", _LEAST_BYTES, 2**40),
            ("height_mm", 1e-3, _LARGEST_MM),
            ("width_mm", 1e-3, _LARGEST_MM),
            ("depth_mm", 1e-3, _LARGEST_MM),
        ):
            value = getattr(self, field)
            if value is not None and not least <= value <= most:
                raise InvalidRequest(
                    field=field, reason=f"is not between {least:.10g} and {most:.10g}."
                )
        if sum(size is not None for size in (self.height_mm, self.width_mm, self.depth_mm)) > 1:
            raise InvalidRequest(
                field="height_mm", reason="comes with another size; give one, the others follow."
            )

    @property
    def z_up(self) -> bool:
        """Whether Z points up in the file."""
        return self.up == "z" or (self.up is None and self.format in {"stl", "3mf"})

    @property
    def changes_nothing(self) -> bool:
        """Whether only the format is asked for."""
        return self == Conversion(format=self.format)

    @property
    def key(self) -> str:
        """Say all of it in one line, the same for the same conversion."""
        return repr(self)
