"""Rows of Tripo."""

from collections.abc import Mapping, Sequence

from image2model.core.generator import View
from image2model.providers.fal.catalogue.pieces import (
    PARTNER,
    choice,
    flat_price,
    number,
    price,
    seed,
    switch,
)
from image2model.providers.fal.catalogue.row import (
    FOUR_VIEWS,
    OnlyWith,
    Pictures,
    Row,
    Schema,
    named_views,
    one_picture,
)

_GOOD = ("objects", "characters", "props", "furniture", "toys")
_POOR = ("whole rooms", "glass", "hair and thin wires", "written words")
_FRONT_LEFT_BACK_RIGHT = (View.FRONT, View.LEFT, View.BACK, View.RIGHT)

_QUAD = switch("Quads", "Faces with four corners. Costs extra and delivers FBX in place of GLB.")
_ALIGNMENT = choice(
    "Texture alignment",
    "What the texture follows more closely: the picture, or the shape.",
    ["original_image", "geometry"],
    "original_image",
)
_ORIENTATION = choice(
    "Orientation",
    "Upright and facing front, or turned as the picture shows it.",
    ["default", "align_image"],
    "default",
)
_AUTO_SIZE = switch("Real size", "Scale the model to the object's estimated size in metres.")
_TEXTURE_SEED = seed("Seed of the texture alone. Empty: by chance.")


def _face_limit(low: int, high: int) -> Schema:
    about = "The most faces. Empty: as many as the shape needs, often very many."
    return number("Face limit", about, low, high)


_V25_OPTIONS: Mapping[str, Schema] = {
    "face_limit": _face_limit(100, 500_000),
    "texture": choice(
        "Texture",
        "None, standard, or in high resolution. Each step costs extra.",
        ["no", "standard", "HD"],
        "standard",
    ),
    "pbr": switch("PBR", "Materials that answer to light. Needs a texture.", default=True),
    "texture_alignment": _ALIGNMENT,
    "orientation": _ORIENTATION,
    "auto_size": _AUTO_SIZE,
    "quad": _QUAD,
    "seed": seed(),
    "texture_seed": _TEXTURE_SEED,
}


def _v25(short: str, path: str, pictures: Pictures, title: str, summary: str) -> Row:
    return Row(
        short=short,
        endpoint=f"tripo3d/tripo/v2.5/{path}",
        title=title,
        summary=summary,
        good_for=_GOOD,
        poor_for=_POOR,
        pictures=pictures,
        options=_V25_OPTIONS,
        # Asked for PBR, the service makes a texture even where none is wanted, and charges it.
        rules=[
            OnlyWith(option="pbr", other="texture", among=["standard", "HD"], otherwise=False),
            OnlyWith(option="texture_seed", other="texture", among=["standard", "HD"]),
        ],
        mesh_keys=("pbr_model", "model_mesh", "base_model"),
        preview_keys=("rendered_image",),
        price=price(
            "0.20",
            ("texture", "standard", "0.10"),
            ("texture", "HD", "0.20"),
            ("quad", True, "0.05"),
        ),
        typical_s=25.0,
        formats=("glb", "fbx"),
        licence=PARTNER,
    )


_H31_OPTIONS: Mapping[str, Schema] = {
    "face_limit": _face_limit(1_000, 500_000),
    "texture": switch("Texture", "Colours. Costs extra.", default=True),
    "pbr": switch("PBR", "Materials that answer to light. Needs a texture.", default=True),
    "texture_quality": choice(
        "Texture quality", "Detailed costs extra.", ["standard", "detailed"], "standard"
    ),
    "geometry_quality": choice(
        "Shape quality", "Detailed costs extra.", ["standard", "detailed"], "standard"
    ),
    "texture_alignment": _ALIGNMENT,
    "orientation": _ORIENTATION,
    "auto_size": _AUTO_SIZE,
    "quad": _QUAD,
    "model_seed": seed(),
    "texture_seed": _TEXTURE_SEED,
}


def _h31(short: str, path: str, pictures: Pictures, title: str, typical_s: float) -> Row:
    return Row(
        short=short,
        endpoint=f"tripo3d/h3.1/{path}",
        title=title,
        summary="Tripo's finest shapes; about 1.4 million faces unless a limit is set.",
        good_for=(*_GOOD, "sculptures", "fine relief"),
        poor_for=_POOR,
        pictures=pictures,
        options=_H31_OPTIONS,
        rules=[
            OnlyWith(option="pbr", other="texture", among=[True], otherwise=False),
            OnlyWith(option="texture_quality", other="texture", among=[True], otherwise="standard"),
        ],
        mesh_keys=(
            "model_mesh",
            "model_urls.pbr_model",
            "model_urls.glb",
            "model_urls.fbx",
            "model_urls.base_model",
        ),
        preview_keys=("rendered_image",),
        price=price(
            "0.20",
            ("texture", True, "0.10"),
            ("texture_quality", "detailed", "0.10"),
            ("geometry_quality", "detailed", "0.20"),
            ("quad", True, "0.05"),
        ),
        typical_s=typical_s,
        formats=("glb", "fbx"),
        licence=PARTNER,
    )


_P_KEYS = ("model_mesh", "model_urls.glb", "model_urls.pbr_model", "model_urls.fbx")

_P1 = Row(
    short="tripo-p1",
    endpoint="tripo3d/p1/image-to-3d",
    title="Tripo P1",
    summary="Clean low-polygon models for games.",
    good_for=("game props", "stylised characters", "real-time scenes"),
    poor_for=("fine detail", "likenesses"),
    pictures=one_picture("image_url"),
    options={
        "face_limit": _face_limit(48, 20_000),
        "texture": switch("Texture", "Colours. Costs extra.", default=True),
        "model_seed": seed(),
    },
    mesh_keys=_P_KEYS,
    preview_keys=("rendered_image",),
    price=price("0.40", ("texture", True, "0.10")),
    typical_s=60.0,
    licence=PARTNER,
)

_P2 = Row(
    short="tripo-p2",
    endpoint="tripo3d/p2/image-to-3d",
    title="Tripo P2",
    summary="Low-polygon models with clean topology and very good textures; dear.",
    good_for=("game props", "characters", "models to be edited further"),
    poor_for=("large batches on a small budget",),
    pictures=one_picture("image_url"),
    options={
        "face_limit": _face_limit(48, 50_000),
        "texture": switch("Texture", "Colours. Costs extra.", default=True),
        "pbr": switch("PBR", "Materials that answer to light. Needs a texture.", default=True),
        "texture_quality": choice(
            "Texture quality",
            "Standard, detailed and extreme cost 0.10 US dollars more each.",
            ["fast", "standard", "detailed", "extreme"],
            "standard",
        ),
        "delight": switch(
            "Remove light", "Take light and shadow out of the texture.", default=True
        ),
        "quad": _QUAD,
        "auto_size": _AUTO_SIZE,
        "model_seed": seed(),
        "texture_seed": _TEXTURE_SEED,
    },
    rules=[
        OnlyWith(option="pbr", other="texture", among=[True], otherwise=False),
        OnlyWith(option="texture_quality", other="texture", among=[True], otherwise="fast"),
    ],
    mesh_keys=_P_KEYS,
    preview_keys=("rendered_image",),
    price=price(
        "1.00",
        ("texture_quality", "standard", "0.10"),
        ("texture_quality", "detailed", "0.20"),
        ("texture_quality", "extreme", "0.30"),
    ),
    typical_s=150.0,
    formats=("glb", "fbx"),
    licence=PARTNER,
)

_SPLAT = Row(
    short="triposplat",
    endpoint="tripo3d/triposplat",
    title="TripoSplat",
    summary="A cloud of Gaussian splats, not a mesh: for viewers that draw splats.",
    good_for=("fur", "plants", "previews"),
    poor_for=("printing", "games", "whatever needs a mesh"),
    pictures=one_picture("image_url"),
    options={
        "num_gaussians": number("Splats", "How many; rounded to 32.", 32, 1_048_576, 262_144),
        "num_inference_steps": number("Steps", "More are slower and finer.", 1, 100, 20),
        "guidance_scale": number(
            "Guidance", "How closely the picture is followed.", 0.0, 20.0, 3.0
        ),
        "output_format": choice("Format", "Of the file.", ["ply", "splat"], "ply"),
        "seed": seed(),
    },
    mesh_keys=("model_mesh",),
    preview_keys=("preprocessed_image",),
    price=flat_price("0.05"),
    typical_s=30.0,
    formats=("ply", "splat"),
    licence=PARTNER,
)

TRIPO: Sequence[Row] = (
    _v25(
        "tripo-v2.5",
        "image-to-3d",
        one_picture("image_url"),
        "Tripo v2.5",
        "Good all-round models from one picture in half a minute.",
    ),
    _v25(
        "tripo-v2.5-multiview",
        "multiview-to-3d",
        named_views(FOUR_VIEWS),
        "Tripo v2.5 multi-view",
        "The same from up to four sides, so that the back is no guess.",
    ),
    _h31("tripo-h3.1", "image-to-3d", one_picture("image_url"), "Tripo H3.1", 130.0),
    _h31(
        "tripo-h3.1-multiview",
        "multiview-to-3d",
        # Its list has no names: the second picture is the left side, whatever it shows.
        Pictures(
            list_field="image_urls",
            views=_FRONT_LEFT_BACK_RIGHT,
            required=(View.FRONT, View.LEFT),
            at_most=4,
            no_gaps=True,
        ),
        "Tripo H3.1 multi-view",
        160.0,
    ),
    _P1,
    _P2,
    _SPLAT,
)
"""Every row of Tripo, the product's default generator first."""
