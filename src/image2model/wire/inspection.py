"""What the HTTP API and `inspect --json` tell of a model: what it holds and whether it prints."""

from typing import Annotated, Literal

from pydantic import Field

from image2model.wire.model import ReplyModel


class FidelityOut(ReplyModel):
    """How well a model matches its photo, from where it looks most like it."""

    score: float | None = Field(
        description="0.0–1.0: two thirds outline, one third colours; null: cannot be told.",
        ge=0,
        le=1,
        examples=[0.91],
    )
    iou: float | None = Field(
        description="Overlap of the outlines, intersection over union; null: not compared.",
        examples=[0.957],
    )
    color_difference: float | None = Field(
        description="Mean difference of colours in CIE L*a*b*, lightness counted half: 2 is hardly "
        "seen, 40 is another colour; null: not compared.",
        examples=[3.4],
    )
    meaning: str = Field(
        description="The score in words; why there is none.", examples=["very close to the photo"]
    )
    yaw_deg: float | None = Field(
        description="How far to the right of the front the photo was taken; null: not found.",
        examples=[12.0],
    )
    pitch_deg: float | None = Field(description="How far above; null: not found.", examples=[8.0])


Triple = Annotated[list[float], Field(min_length=3, max_length=3)]


class MaterialOut(ReplyModel):
    """How a part of a model looks."""

    name: str = Field(description="As its maker called it.", examples=["glaze"])
    textures: list[str] = Field(
        description="What it has textures for: `base_color`, `metallic_roughness`, `normal`, "
        "`occlusion`, `emissive`.",
        examples=[["base_color", "normal"]],
    )
    metallic: float = Field(
        description="0.0, plastic or wood, to 1.0, metal; multiplies its texture.", examples=[0.0]
    )
    roughness: float = Field(
        description="0.0, a mirror, to 1.0, matte; multiplies its texture.", examples=[0.6]
    )
    alpha_mode: Literal["OPAQUE", "MASK", "BLEND"] = Field(
        description="What transparency means, as in glTF.", examples=["OPAQUE"]
    )
    double_sided: bool = Field(description="Whether its back is drawn.", examples=[False])


class TextureOut(ReplyModel):
    """A texture of a model."""

    use: str = Field(
        description="What it is for, as in the material's `textures`.", examples=["base_color"]
    )
    media_type: str = Field(description="How it is coded.", examples=["image/jpeg"])
    width_px: int = Field(description="Width in pixels.", examples=[2048])
    height_px: int = Field(description="Height in pixels.", examples=[2048])
    size_bytes: int = Field(description="Length in bytes.", examples=[1_204_113])


class EdgesOut(ReplyModel):
    """How the faces of a model meet."""

    edges: int = Field(description="Edges in all.", examples=[18_720])
    open: int = Field(description="With one face only: a hole is beside each.", examples=[0])
    crowded: int = Field(
        description="With more than two faces: the surface touches itself there.", examples=[0]
    )
    flipped: int = Field(description="Between two faces that look to opposite sides.", examples=[0])


class PrintOut(ReplyModel):
    """Whether a model prints, and why not."""

    verdict: Literal["ready", "repairable", "not"] = Field(
        description="`repairable` was tried: `repair=true` on the download, or `convert --repair`, "
        "makes a model of it that is `ready`.",
        examples=["ready"],
    )
    reasons: list[str] = Field(
        description="Why it is not `ready`, one plain sentence each.", examples=[[]]
    )
    notes: list[str] = Field(
        description="What a repair does to it, and what could not be found out, one plain sentence "
        "each.",
        examples=[[]],
    )
    printer_min_mm: float = Field(
        description="The thinnest wall asked about, in millimetres.", examples=[0.8]
    )
    manifold: bool = Field(
        description="Whether at most two faces meet at every edge, and look to the same side.",
        examples=[True],
    )
    edges: EdgesOut = Field(description="How its faces meet.")
    islands: int = Field(description="Parts that do not hang together.", examples=[1])
    overlapping: int = Field(
        description="Islands that share room with others; the volume counts it once.", examples=[0]
    )
    hollows: int = Field(description="Islands that are voids in others.", examples=[0])
    inside_out: int = Field(
        description="Islands whose inside looks out, and which are no voids.", examples=[0]
    )
    degenerate: int = Field(description="Faces that touch one place twice.", examples=[0])
    area_mm2: float = Field(description="Of its surface.", examples=[61_340.2])
    volume_mm3: float | None = Field(
        description="Of the solid; null: it is none.", examples=[402_118.7]
    )
    thin_share: float | None = Field(
        description="How much of the surface has a wall thinner than `printer_min_mm` behind it, "
        "0.0–1.0; null: unknown, since it is no solid.",
        examples=[0.0],
    )


class InspectionOut(ReplyModel):
    """What a model holds and whether it prints."""

    format: str = Field(description="Its format, by its bytes.", examples=["glb"])
    size_bytes: int = Field(description="Length in bytes.", examples=[1_482_260])
    faces: int = Field(description="Triangles.", examples=[12_480])
    vertices: int = Field(
        description="Vertices as stored; more than corners where texture seams double them.",
        examples=[6_512],
    )
    meshes: int = Field(description="Parts with a material each.", examples=[1])
    low_mm: Triple = Field(
        description="Lower corner of the box around it: x, y (up), z, in millimetres.",
        examples=[[-74.0, 0.0, -51.5]],
    )
    high_mm: Triple = Field(
        description="Upper corner of the box around it.", examples=[[74.0, 100.0, 51.5]]
    )
    size_mm: Triple = Field(
        description="Width, height and depth, in millimetres.", examples=[[148.0, 100.0, 103.0]]
    )
    vertex_colors: bool = Field(description="Whether vertices have colours.", examples=[False])
    watertight: bool = Field(
        description="Whether every edge joins exactly two faces that look to the same side.",
        examples=[True],
    )
    materials: list[MaterialOut] = Field(description="Its materials.")
    textures: list[TextureOut] = Field(description="Its textures, each once.")
    texels_per_mm: float | None = Field(
        description="How fine its base colour lies on the surface; null: it has no texture.",
        examples=[8.4],
    )
    left_out: list[str] = Field(
        description="What the file holds that is not looked at here, such as animations.",
        examples=[[]],
    )
    print: PrintOut = Field(description="Whether it prints.")
