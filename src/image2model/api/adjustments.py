"""The query of a model's download: what it shall be adjusted to."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from image2model.geometry.conversion import LARGEST_TEXTURE_PX, LEAST_FACES, Conversion


class AdjustmentsIn(BaseModel):
    """What a model shall be adjusted to; nothing given: as it is."""

    model_config = ConfigDict(extra="forbid")

    faces: int | None = Field(
        None,
        ge=LEAST_FACES,
        description="The most triangles. Textures stay in place; edges that are missed least go.",
        examples=[20_000],
    )
    height_mm: float | None = Field(
        None,
        gt=0,
        description="Its height in millimetres; the other sizes follow.",
        examples=[120.0],
    )
    width_mm: float | None = Field(
        None, gt=0, description="Its width, instead of its height.", examples=[80.0]
    )
    depth_mm: float | None = Field(
        None, gt=0, description="Its depth, instead of its height.", examples=[80.0]
    )
    up: Literal["y", "z"] | None = Field(
        None,
        description="The axis that points up; without it Z in STL and 3MF, Y in all others.",
        examples=["z"],
    )
    pivot: Literal["keep", "base", "centre"] = Field(
        "keep",
        description="Where its origin is: `base`, the middle of its underside, `centre`, the "
        "middle of its box, or where it is.",
        examples=["base"],
    )
    texture_px: int | None = Field(
        None,
        ge=16,
        le=LARGEST_TEXTURE_PX,
        description="The longest side of its textures, in pixels; larger ones are reduced.",
        examples=[1024],
    )
    max_bytes: int | None = Field(
        None,
        ge=1_000,
        description="The most bytes of the file; texture size and faces are given up for it.",
        examples=[4_000_000],
    )
    repair: bool = Field(
        False,
        description="Make it a closed solid for printing, if need be; see the notes.",
        examples=[True],
    )

    def conversion(self, format_name: str) -> Conversion | None:
        """
        Tell what is asked for, in the format *format_name*; None: nothing but the format.

        Raises:
            InvalidRequest: It makes no sense.
            FormatUnsupported: A model in that format cannot be adjusted.
        """
        asked = self.model_dump(include={*AdjustmentsIn.model_fields}, exclude_defaults=True)
        return Conversion(format=format_name, **asked) if asked else None
