"""What a model can be adjusted to: the query of a download, a part of a job."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class AdjustIn(BaseModel):
    """What a model shall be adjusted to; nothing given: as it is."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    faces: int | None = Field(
        None,
        ge=1,
        description="The most triangles, at least 12. More are left where fewer would lose the "
        "shape; a note says so.",
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
        ge=1,
        description="The longest side of its textures, 16 to 8192 pixels; larger ones are reduced.",
        examples=[1024],
    )
    max_bytes: int | None = Field(
        None,
        ge=1,
        description="The most bytes of the file, at least 1000; texture size and faces are given "
        "up for it.",
        examples=[4_000_000],
    )
    repair: bool = Field(
        False,
        description="Make it a closed solid for printing, if need be; see the notes.",
        examples=[True],
    )

    srgb_colors: bool = Field(
        False,
        description="Take the numbers in its vertex colours as sRGB: some generators write them "
        "so, though glTF takes them as linear light, and their models look washed out.",
        examples=[True],
    )

    def asked(self) -> dict[str, Any]:
        """Tell what was asked for, and nothing else, as JSON values."""
        return self.model_dump(
            include={*AdjustIn.model_fields}, exclude_unset=True, exclude_none=True
        )
