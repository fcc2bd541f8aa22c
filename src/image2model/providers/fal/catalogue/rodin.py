"""Rows of Rodin."""

from collections.abc import Mapping, Sequence
from typing import Any

from image2model.core.errors import JsonValue
from image2model.providers.fal.catalogue.pieces import (
    PARTNER,
    choice,
    flat_price,
    price,
    seed,
    switch,
    switched,
)
from image2model.providers.fal.catalogue.row import OnlyWith, Row, Schema, any_views

_FORMATS = ("glb", "fbx", "obj", "stl", "usdz")
_FILE_FORMAT = choice("Format", "Of the file.", ["glb", "usdz", "fbx", "obj", "stl"], "glb")
_POSE = switch("T-pose", "Stand people up with their arms spread.")
_HIGH_PACK = switch("High pack", "Textures in 4K and many more faces. Costs three times as much.")
_SEED: Mapping[str, JsonValue] = {**seed(), "maximum": 65_535}
_QUADS = ("4K Quad", "8K Quad", "18K Quad", "50K Quad")
_TRIANGLES = ("2K Triangle", "20K Triangle", "150K Triangle", "500K Triangle")
_FACES = "How many, and with how many corners."
_PREVIEW = switch("Preview", "Draw a picture of the model as well.")
_ALPHA = switch("Keep transparency", "Use the picture's own cut-out.", default=True)


def _rodin(short: str, name: str, field: str, options: Mapping[str, Schema], **more: Any) -> Row:
    return Row(
        short=short,
        endpoint=f"fal-ai/hyper3d/rodin{name}",
        good_for=("characters", "objects", "sculptures", "clean quads"),
        poor_for=("whole rooms", "thin wires"),
        # Its schema accepts a request without any picture, and charges it.
        pictures=any_views(field, at_most=5),
        options={**options, "geometry_file_format": _FILE_FORMAT, "seed": _SEED},
        mesh_keys=("model_mesh", "model_meshes"),
        typical_s=more.pop("typical_s", 120.0),
        formats=_FORMATS,
        licence=PARTNER,
        **more,
    )


_V25_SHARED: Mapping[str, Schema] = {
    "quality_mesh_option": choice(
        "Faces",
        _FACES,
        [
            "Auto",
            *_QUADS,
            "100K Quad",
            "200K Quad",
            *_TRIANGLES,
            "50K Triangle",
            "1M Triangle",
            "2M Triangle",
        ],
        "Auto",
    ),
    "TAPose": _POSE,
    "preview_render": _PREVIEW,
    "use_original_alpha": _ALPHA,
}
_MATERIALS = ["PBR", "Shaded", "All", "None"]

RODIN: Sequence[Row] = (
    _rodin(
        "rodin-v2.5",
        "/v2.5",
        "image_urls",
        {
            "tier": choice(
                "Tier",
                "Extreme-High costs twice as much.",
                [
                    f"Gen-2.5-{name}"
                    for name in ("Minimum", "Extreme-Low", "Low", "Medium", "High", "Extreme-High")
                ],
                "Gen-2.5-High",
            ),
            **_V25_SHARED,
            "material": choice("Material", "What the texture is for.", _MATERIALS, "All"),
            "texture_mode": choice(
                "Texture",
                "How fine it is.",
                ["legacy", "extreme-low", "low", "medium", "high"],
                "medium",
            ),
            "hd_texture": switch("HD texture", "A larger texture."),
            "texture_delight": switch("Remove light", "Take light and shadow out of the texture."),
            "is_micro": switch("Micro detail", "The finest relief; for Extreme-High only."),
            "high_pack": _HIGH_PACK,
        },
        title="Rodin 2.5",
        summary="Fine models with many choices of topology, from one to five pictures.",
        encode={"high_pack": switched("addons", {"high_pack": True})},
        rules=[
            OnlyWith(
                option="is_micro", other="tier", among=["Gen-2.5-Extreme-High"], otherwise=False
            )
        ],
        price=price("0.40", ("tier", "Gen-2.5-Extreme-High", "0.40"), ("high_pack", True, "0.80")),
    ),
    _rodin(
        "rodin-v2.5-fast",
        "/v2.5/fast",
        "image_urls",
        {
            "tier": choice(
                "Tier",
                "How much detail.",
                [f"Gen-2.5-{name}" for name in ("Minimum", "Extreme-Low", "Low")],
                "Gen-2.5-Low",
            ),
            **_V25_SHARED,
            "material": choice("Material", "What the texture is for.", _MATERIALS, "Shaded"),
        },
        title="Rodin 2.5 Fast",
        summary="Simple models at a quarter of the price.",
        price=flat_price("0.10"),
        typical_s=45.0,
    ),
    _rodin(
        "rodin-v2",
        "/v2",
        "input_image_urls",
        {
            "quality_mesh_option": choice("Faces", _FACES, [*_QUADS, *_TRIANGLES], "500K Triangle"),
            "material": choice(
                "Material", "What the texture is for.", ["PBR", "Shaded", "All"], "All"
            ),
            "TAPose": _POSE,
            "preview_render": _PREVIEW,
            "use_original_alpha": _ALPHA,
            "high_pack": _HIGH_PACK,
        },
        title="Rodin 2",
        summary="The generation before: fine models from one to five pictures.",
        encode={"high_pack": switched("addons", "HighPack")},
        price=price("0.40", ("high_pack", True, "0.80")),
    ),
    _rodin(
        "rodin",
        "",
        "input_image_urls",
        {
            "tier": choice("Tier", "Regular, or a quick sketch.", ["Regular", "Sketch"], "Regular"),
            "quality": choice(
                "Quality", "How many faces.", ["high", "medium", "low", "extra-low"], "medium"
            ),
            "material": choice("Material", "What the texture is for.", ["PBR", "Shaded"], "PBR"),
            "condition_mode": choice(
                "Views",
                "One object from several sides, or several put together.",
                ["concat", "fuse"],
                "concat",
            ),
            "use_hyper": switch("Hyper", "Finer edges."),
            "TAPose": _POSE,
            "high_pack": _HIGH_PACK,
        },
        title="Rodin 1",
        summary="The first generation, kept for results that must stay alike.",
        encode={"high_pack": switched("addons", "HighPack")},
        price=price("0.40", ("high_pack", True, "0.80")),
    ),
)
"""Every row of Rodin."""
