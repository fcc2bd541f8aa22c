"""Rows of the Hunyuan3D family."""

from image2model.testing.fal_simulator.catalog import Endpoint, Images, Price
from image2model.testing.fal_simulator.endpoints.shared import (
    IMAGE,
    MESH,
    SEED,
    URLS,
    one_picture,
)


def _hunyuan_v2(name: str, usd: float, images: Images) -> Endpoint:
    return Endpoint(
        id=f"fal-ai/hunyuan3d/v2{name}",
        title="Hunyuan3D 2",
        images=images,
        outputs={"model_mesh": MESH, "seed": SEED},
        price=Price(unit_price_usd=usd, by_option={"textured_mesh": {True: 2}}),
        ranges={
            "num_inference_steps": (1, 50),
            "guidance_scale": (0, 20),
            "octree_resolution": (1, 1024),
        },
        mesh_content_type="application/octet-stream",
    )


_THREE_VIEWS = ("front_image_url", "back_image_url", "left_image_url")
_HUNYUAN_VIEWS = ("back_image_url", "left_image_url", "right_image_url")
_MORE_VIEWS = ("top_image_url", "bottom_image_url", "left_front_image_url", "right_front_image_url")
_HUNYUAN_OUTPUTS = {"model_glb": MESH, "thumbnail": IMAGE, "model_urls": URLS, "seed": SEED}

HUNYUAN = (
    *(
        _hunyuan_v2(name, 0.16, one_picture("input_image_url"))
        for name in ("", "/mini", "/turbo", "/mini/turbo")
    ),
    *(
        _hunyuan_v2(name, 0.017, Images(fields=_THREE_VIEWS, required=_THREE_VIEWS))
        for name in ("/multi-view", "/multi-view/turbo")
    ),
    Endpoint(
        id="fal-ai/hunyuan3d-v3/image-to-3d",
        title="Hunyuan3D 3",
        images=Images(fields=("input_image_url", *_HUNYUAN_VIEWS), required=("input_image_url",)),
        outputs=_HUNYUAN_OUTPUTS,
        price=Price(unit_price_usd=0.375, by_option={"generate_type": {"LowPoly": 0.2}}),
        choices={
            "generate_type": ("Normal", "LowPoly", "Geometry"),
            "polygon_type": ("triangle", "quadrilateral"),
        },
        ranges={"face_count": (40_000, 1_500_000)},
    ),
    Endpoint(
        id="fal-ai/hunyuan-3d/v3.1/pro/image-to-3d",
        title="Hunyuan3D 3.1 Pro",
        images=Images(
            fields=("input_image_url", *_HUNYUAN_VIEWS, *_MORE_VIEWS),
            required=("input_image_url",),
        ),
        outputs=_HUNYUAN_OUTPUTS,
        price=Price(
            unit_price_usd=0.375,
            by_option={"enable_pbr": {True: 0.4}},
            when_present=((("face_count",), 0.4), ((*_HUNYUAN_VIEWS, *_MORE_VIEWS), 0.4)),
        ),
        choices={"generate_type": ("Normal", "Geometry")},
        ranges={"face_count": (40_000, 1_500_000)},
    ),
    Endpoint(
        id="fal-ai/hunyuan-3d/v3.1/rapid/image-to-3d",
        title="Hunyuan3D 3.1 Rapid",
        images=one_picture("input_image_url"),
        outputs={
            "model_glb": MESH,
            "thumbnail": IMAGE,
            "model_urls": URLS,
            "texture": IMAGE,
        },
        price=Price(unit_price_usd=0.225, by_option={"enable_pbr": {True: 2 / 3}}),
        defaults={"enable_geometry": False},
        format_if=((("enable_geometry", False), "obj"),),
    ),
)
