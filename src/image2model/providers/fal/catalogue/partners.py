"""Rows of Meshy and Hi3D."""

from collections.abc import Mapping, Sequence

from image2model.core.generator import Price
from image2model.providers.fal.catalogue.pieces import (
    PARTNER,
    UNCONFIRMED_PRICE,
    choice,
    flat_price,
    number,
    price,
    seed,
    switch,
    words,
)
from image2model.providers.fal.catalogue.row import (
    FOUR_VIEWS,
    OnlyWith,
    Pictures,
    Row,
    Schema,
    any_views,
    named_views,
    one_picture,
)

_MESHY_OPTIONS: Mapping[str, Schema] = {
    "should_texture": switch("Texture", "Colours.", default=True),
    "enable_pbr": switch("PBR", "Materials that answer to light."),
    "should_remesh": switch("Remesh", "Even faces, as many as asked for.", default=True),
    "topology": choice("Corners", "Of the faces.", ["triangle", "quad"], "triangle"),
    "target_polycount": number("Faces", "About how many.", 100, 300_000, 30_000),
    "symmetry_mode": choice("Symmetry", "Left and right alike.", ["off", "auto", "on"], "auto"),
    "texture_prompt": words("Texture in words", "How it should look. Empty: as in the picture."),
    "seed": seed(),
}
_RULES = (
    OnlyWith(option="topology", other="should_remesh", among=[True]),
    OnlyWith(option="target_polycount", other="should_remesh", among=[True]),
    OnlyWith(option="enable_pbr", other="should_texture", among=[True], otherwise=False),
    OnlyWith(option="texture_prompt", other="should_texture", among=[True]),
)
_KIND: Mapping[str, Schema] = {
    "model_type": choice(
        "Kind",
        "Standard, or few faces, which takes no notice of the options of remeshing.",
        ["standard", "lowpoly"],
        "standard",
    ),
    "pose_mode": choice(
        "Pose", "Of people: as they are, arms down, or arms spread.", ["", "a-pose", "t-pose"], ""
    ),
}
_FINENESS: Mapping[str, Schema] = {
    "geometry_resolution": choice("Fineness", "Of the shape.", ["standard", "2k"], "standard")
}


def _meshy(
    short: str,
    endpoint: str,
    title: str,
    pictures: Pictures,
    *,
    cost: Price,
    more: Mapping[str, Schema] | None = None,
) -> Row:
    return Row(
        short=short,
        endpoint=endpoint,
        title=title,
        summary="Models with even faces and good textures, ready for games.",
        good_for=("characters", "game props", "toys"),
        poor_for=("whole rooms", "glass"),
        pictures=pictures,
        options={**_MESHY_OPTIONS, **(more or {})},
        rules=_RULES,
        mesh_keys=("model_glb", "model_urls.glb", "model_urls.fbx", "model_urls.obj"),
        preview_keys=("thumbnail",),
        price=cost,
        typical_s=200.0,
        licence=PARTNER,
        # A fifth picture would be left out without a word.
        notes=("Takes up to 4 pictures.",) if pictures.at_most > 1 else (),
    )


_V71_PRICE = price("0.80", ("should_texture", True, "0.40"))

_HI3D_OPTIONS: Mapping[str, Schema] = {
    "resolution": choice(
        "Quality",
        "Master costs several times as much.",
        ["2048quality", "2048master"],
        "2048quality",
    ),
    "face_count": number("Faces", "About how many. Empty: as it comes.", 100_000, 5_000_000),
    "enable_texture": switch("Texture", "Colours.", default=True),
    "enable_pbr": switch("PBR", "Materials that answer to light."),
    "export_format": choice("Format", "Of the file.", ["glb", "obj", "stl", "fbx", "usdz"], "glb"),
    "shading": number("Shading", "How much light stays in the texture.", 0.0, 1.0, 0.5),
}
_HI3D_FORMATS = ("glb", "obj", "stl", "fbx", "usdz")


def _hi3d(short: str, path: str, title: str, pictures: Pictures) -> Row:
    return Row(
        short=short,
        endpoint=f"hitem3d/hi3d/v3.0/{path}",
        title=title,
        summary="Very dense models of about two million faces; slow and dear.",
        good_for=("sculptures", "printing in high resolution", "scans"),
        poor_for=("real-time scenes", "small budgets"),
        pictures=pictures,
        options=_HI3D_OPTIONS,
        rules=[
            OnlyWith(option="enable_pbr", other="enable_texture", among=[True], otherwise=False)
        ],
        mesh_keys=("model_mesh",),
        preview_keys=("thumbnail",),
        price=price("2.10", ("resolution", "2048master", "7.00")),
        typical_s=540.0,
        formats=_HI3D_FORMATS,
        licence=PARTNER,
        notes=("Takes JPEG, PNG and WebP up to 20 MB.",),
    )


PARTNERS: Sequence[Row] = (
    _meshy(
        "meshy-v7.1",
        "meshy/v7.1/image-to-3d",
        "Meshy 7.1",
        one_picture("image_url"),
        cost=_V71_PRICE,
        more={**_KIND, **_FINENESS},
    ),
    _meshy(
        "meshy-v7.1-multiview",
        "meshy/v7.1/multi-image-to-3d",
        "Meshy 7.1 multi-view",
        any_views("image_urls", at_most=4),
        cost=_V71_PRICE,
        more=_FINENESS,
    ),
    _meshy(
        "meshy-v6",
        "fal-ai/meshy/v6/image-to-3d",
        "Meshy 6",
        one_picture("image_url"),
        cost=flat_price("0.80"),
        more=_KIND,
    ),
    _meshy(
        "meshy-v6-preview",
        "fal-ai/meshy/v6-preview/image-to-3d",
        "Meshy 6 Preview",
        one_picture("image_url"),
        cost=flat_price("0.80"),
    ),
    _meshy(
        "meshy-v6-multiview",
        "fal-ai/meshy/v6/multi-image-to-3d",
        "Meshy 6 multi-view",
        any_views("image_urls", at_most=4),
        cost=flat_price("0.80", note=UNCONFIRMED_PRICE),
    ),
    _meshy(
        "meshy-v5-multiview",
        "fal-ai/meshy/v5/multi-image-to-3d",
        "Meshy 5 multi-view",
        any_views("image_urls", at_most=4),
        cost=flat_price("0.40"),
    ),
    _hi3d("hi3d-v3", "image-to-3d", "Hi3D 3", one_picture("image_url")),
    _hi3d("hi3d-v3-multiview", "multi-view-to-3d", "Hi3D 3 multi-view", named_views(FOUR_VIEWS)),
    Row(
        short="hi3d",
        endpoint="hitem3d/hi3d/image-to-3d",
        title="Hi3D 2",
        summary="Dense models; the generation before.",
        good_for=("sculptures", "printing"),
        poor_for=("real-time scenes",),
        pictures=one_picture("image_url"),
        options={
            "export_format": choice(
                "Format", "Of the file.", ["glb", "obj", "stl", "fbx", "usdz"], "glb"
            ),
        },
        mesh_keys=("model_mesh",),
        preview_keys=("thumbnail",),
        price=flat_price("0.90", note="0.30 to 0.90 US dollars. " + UNCONFIRMED_PRICE),
        typical_s=240.0,
        formats=_HI3D_FORMATS,
        licence=PARTNER,
        notes=("Takes JPEG, PNG and WebP up to 20 MB.",),
    ),
)
"""Every row of Meshy and Hi3D."""
