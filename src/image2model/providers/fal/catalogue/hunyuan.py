"""Rows of Hunyuan3D."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from image2model.core.generator import Price, Surcharge, View
from image2model.providers.fal.catalogue.pieces import (
    OPEN_WEIGHTS,
    PARTNER,
    TENCENT,
    UNCONFIRMED_PRICE,
    choice,
    number,
    price,
    seed,
    switch,
)
from image2model.providers.fal.catalogue.row import (
    OnlyWith,
    Pictures,
    Row,
    Schema,
    named_views,
    one_picture,
)

_GOOD = ("objects", "characters", "sculptures", "toys")
_POOR = ("whole rooms", "glass", "thin wires")
_PICTURE_NOTE = "Takes JPEG, PNG and WebP of 128 to 5000 pixels a side, up to 8 MB."

_V2_OPTIONS: Mapping[str, Schema] = {
    "textured_mesh": switch("Texture", "Colours. Three times the price."),
    "num_inference_steps": number("Steps", "More are slower and finer.", 1, 50, 50),
    "guidance_scale": number("Guidance", "How closely the picture is followed.", 0.0, 20.0, 7.5),
    "octree_resolution": number("Resolution", "Of the shape; higher is finer.", 1, 1024, 256),
    "seed": seed(),
}


def _v2(name: str, title: str, pictures: Pictures, usd: str, extra: str, *, sure: bool) -> Row:
    short = f"hunyuan3d-v2{name.replace('/', '-').replace('multi-view', 'multiview')}"
    return Row(
        short=short,
        endpoint=f"fal-ai/hunyuan3d/v2{name}",
        title=title,
        summary="An openly published model: plain shapes, cheap without texture.",
        good_for=_GOOD,
        poor_for=_POOR,
        pictures=pictures,
        options=_V2_OPTIONS,
        mesh_keys=("model_mesh",),
        price=price(usd, ("textured_mesh", True, extra), note="" if sure else UNCONFIRMED_PRICE),
        typical_s=20.0 if "turbo" in name else 45.0,
        licence=OPEN_WEIGHTS,
        notes=(TENCENT,),
    )


_THREE_VIEWS = {
    View.FRONT: "front_image_url",
    View.LEFT: "left_image_url",
    View.BACK: "back_image_url",
}
_V3_VIEWS = {
    View.FRONT: "input_image_url",
    View.LEFT: "left_image_url",
    View.BACK: "back_image_url",
    View.RIGHT: "right_image_url",
}
_V31_VIEWS = {
    **_V3_VIEWS,
    View.TOP: "top_image_url",
    View.BOTTOM: "bottom_image_url",
    View.FRONT_LEFT: "left_front_image_url",
    View.FRONT_RIGHT: "right_front_image_url",
}
_KEYS = ("model_glb", "model_urls.glb", "model_urls.fbx", "model_urls.obj")
_PBR = switch("PBR", "Materials that answer to light.")

_V3 = Row(
    short="hunyuan3d-v3",
    endpoint="fal-ai/hunyuan3d-v3/image-to-3d",
    title="Hunyuan3D 3",
    summary="Dense, faithful shapes from one to four sides, in a few minutes.",
    good_for=_GOOD,
    poor_for=_POOR,
    pictures=named_views(_V3_VIEWS),
    options={
        "generate_type": choice(
            "Kind",
            "Normal, few faces, or shape without texture.",
            ["Normal", "LowPoly", "Geometry"],
            "Normal",
        ),
        "polygon_type": choice(
            "Corners", "Of the faces; for LowPoly only.", ["triangle", "quadrilateral"], "triangle"
        ),
        "face_count": number("Faces", "About how many.", 40_000, 1_500_000, 500_000),
        "enable_pbr": _PBR,
    },
    rules=[OnlyWith(option="polygon_type", other="generate_type", among=["LowPoly"])],
    mesh_keys=_KEYS,
    preview_keys=("thumbnail",),
    price=price("0.375", ("generate_type", "LowPoly", "0.075"), note=UNCONFIRMED_PRICE),
    typical_s=180.0,
    licence=PARTNER,
    notes=(TENCENT, _PICTURE_NOTE),
)

_V31_PRO = Row(
    short="hunyuan3d-v3.1-pro",
    endpoint="fal-ai/hunyuan-3d/v3.1/pro/image-to-3d",
    title="Hunyuan3D 3.1 Pro",
    summary="Very detailed models from up to eight sides; files of about 40 MB.",
    good_for=(*_GOOD, "turnarounds"),
    poor_for=_POOR,
    pictures=named_views(_V31_VIEWS),
    options={
        "generate_type": choice(
            "Kind", "With texture, or shape alone.", ["Normal", "Geometry"], "Normal"
        ),
        # Naming a number costs extra, whatever the number: there is no default on purpose.
        "face_count": number(
            "Faces", "About how many. Naming a number costs extra.", 40_000, 1_500_000
        ),
        "enable_pbr": switch("PBR", "Materials that answer to light. Costs extra."),
    },
    mesh_keys=_KEYS,
    preview_keys=("thumbnail",),
    price=Price(
        base_usd=Decimal("0.375"),
        surcharges=[
            Surcharge(option="face_count", given=True, usd=Decimal("0.15")),
            Surcharge(option="enable_pbr", equals=True, usd=Decimal("0.15")),
        ],
        more_views_usd=Decimal("0.15"),
    ),
    typical_s=240.0,
    licence=PARTNER,
    notes=(TENCENT, _PICTURE_NOTE),
)

_V31_RAPID = Row(
    short="hunyuan3d-v3.1-rapid",
    endpoint="fal-ai/hunyuan-3d/v3.1/rapid/image-to-3d",
    title="Hunyuan3D 3.1 Rapid",
    summary="Quick models in about a minute.",
    good_for=_GOOD,
    poor_for=(*_POOR, "fine detail"),
    pictures=one_picture("input_image_url"),
    options={
        "enable_geometry": switch("Shape alone", "Without texture; then it is a GLB, not an OBJ."),
        "enable_pbr": switch("PBR", "Materials that answer to light. Costs extra."),
    },
    rules=[OnlyWith(option="enable_pbr", other="enable_geometry", among=[False], otherwise=False)],
    # What it calls model_glb may hold an OBJ; the one in model_urls is more often what it says.
    mesh_keys=("model_urls.glb", "model_glb", "model_urls.fbx", "model_urls.obj"),
    preview_keys=("thumbnail",),
    price=price("0.225", ("enable_pbr", True, "0.15")),
    typical_s=60.0,
    formats=("glb", "obj"),
    licence=PARTNER,
    notes=(TENCENT, "Takes pictures up to 6 MB.", "Textured models may come as OBJ."),
)

HUNYUAN: Sequence[Row] = (
    _V3,
    _V31_PRO,
    _V31_RAPID,
    _v2("", "Hunyuan3D 2", one_picture("input_image_url"), "0.16", "0.32", sure=True),
    _v2("/mini", "Hunyuan3D 2 Mini", one_picture("input_image_url"), "0.16", "0.32", sure=False),
    _v2("/turbo", "Hunyuan3D 2 Turbo", one_picture("input_image_url"), "0.16", "0.32", sure=False),
    _v2(
        "/mini/turbo",
        "Hunyuan3D 2 Mini Turbo",
        one_picture("input_image_url"),
        "0.16",
        "0.32",
        sure=False,
    ),
    *(
        _v2(
            name,
            title,
            named_views(_THREE_VIEWS, required=tuple(_THREE_VIEWS)),
            "0.017",
            "0.034",
            sure=True,
        )
        for name, title in (
            ("/multi-view", "Hunyuan3D 2 multi-view"),
            ("/multi-view/turbo", "Hunyuan3D 2 multi-view Turbo"),
        )
    ),
)
"""Every row of Hunyuan3D."""
