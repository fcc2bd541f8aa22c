"""Rows of the Tripo family."""

from image2model.testing.fal_simulator.catalog import Endpoint, Images, Output, Price
from image2model.testing.fal_simulator.endpoints.shared import (
    IMAGE,
    MESH,
    NAMED_VIEWS,
    TEXT,
    TIMINGS,
    URLS,
    flat_price,
    one_picture,
    several_pictures,
)


def _tripo_v25(name: str, images: Images) -> Endpoint:
    return Endpoint(
        id=f"tripo3d/tripo/v2.5/{name}",
        title="Tripo v2.5",
        images=images,
        outputs={
            "task_id": TEXT,
            "model_mesh": Output(kind="mesh", null_if=("pbr", True)),
            "base_model": Output(kind="mesh", only_if=("texture", "no")),
            "pbr_model": Output(kind="mesh", only_if=("pbr", True)),
            "rendered_image": IMAGE,
        },
        price=Price(
            unit_price_usd=0.1,
            units=2,
            by_option={"texture": {"no": 0, "standard": 1, "HD": 2}, "quad": {True: 0.5}},
        ),
        defaults={"texture": "standard", "pbr": False, "quad": False},
        choices={
            "texture": ("no", "standard", "HD"),
            "texture_alignment": ("original_image", "geometry"),
            "orientation": ("default", "align_image"),
        },
        format_if=((("quad", True), "fbx"),),
    )


def _tripo_h31(name: str, images: Images) -> Endpoint:
    return Endpoint(
        id=f"tripo3d/h3.1/{name}",
        title="Tripo H3.1",
        images=images,
        outputs={"model_mesh": MESH, "model_urls": URLS, "rendered_image": IMAGE},
        price=Price(
            unit_price_usd=0.1,
            units=2,
            by_option={
                "texture": {True: 1},
                "texture_quality": {"detailed": 1},
                "geometry_quality": {"detailed": 2},
                "quad": {True: 0.5},
            },
        ),
        defaults={"texture": True, "pbr": True, "quad": False},
        choices={
            "texture_quality": ("standard", "detailed"),
            "geometry_quality": ("standard", "detailed"),
        },
        ranges={"face_limit": (500, 2_000_000)},
        format_if=((("quad", True), "fbx"),),
    )


TRIPO = (
    _tripo_v25("image-to-3d", one_picture("image_url")),
    _tripo_v25("multiview-to-3d", Images(fields=NAMED_VIEWS, required=NAMED_VIEWS[:1])),
    _tripo_h31("image-to-3d", one_picture("image_url")),
    _tripo_h31("multiview-to-3d", several_pictures("image_urls", at_most=4)),
    Endpoint(
        id="tripo3d/p1/image-to-3d",
        title="Tripo P1",
        images=one_picture("image_url"),
        outputs={"model_mesh": MESH, "model_urls": URLS, "rendered_image": IMAGE},
        price=Price(unit_price_usd=0.1, units=4, by_option={"texture": {True: 1}}),
        defaults={"texture": True},
        ranges={"face_limit": (48, 20_000)},
    ),
    Endpoint(
        id="tripo3d/p2/image-to-3d",
        title="Tripo P2",
        images=one_picture("image_url"),
        outputs={"model_mesh": MESH, "model_urls": URLS, "rendered_image": IMAGE},
        price=Price(
            unit_price_usd=0.01,
            unit="credits",
            units=100,
            by_option={
                "texture_quality": {"standard": 10, "detailed": 20, "extreme": 30},
                "texture": {False: -10},
            },
        ),
        defaults={"texture": True, "texture_quality": "standard", "quad": False},
        choices={"texture_quality": ("fast", "standard", "detailed", "extreme")},
        ranges={"face_limit": (48, 50_000)},
        format_if=((("quad", True), "fbx"),),
    ),
    Endpoint(
        id="tripo3d/triposplat",
        title="TripoSplat",
        images=one_picture("image_url"),
        outputs={"model_mesh": MESH, "preprocessed_image": IMAGE, "timings": TIMINGS},
        price=flat_price(0.05),
        defaults={"output_format": "ply"},
        choices={"output_format": ("ply", "splat")},
        format_option="output_format",
        mesh_content_type="application/octet-stream",
    ),
)
