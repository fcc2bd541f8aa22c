"""Rows of Rodin, Meshy and Hi3D."""

from typing import Any

from image2model.testing.fal_simulator.catalog import Endpoint, Images, Output, Price
from image2model.testing.fal_simulator.endpoints.shared import (
    IMAGE,
    MAPS,
    MESH,
    NAMED_VIEWS,
    SEED,
    URLS,
    flat_price,
    one_picture,
    several_pictures,
)


def _rodin(name: str, images: Images, price: Price, **more: Any) -> Endpoint:
    outputs = {"model_mesh": MESH, "seed": SEED, "textures": Output(kind="images")}
    if name:
        outputs["model_meshes"] = Output(kind="meshes")
    return Endpoint(
        id=f"fal-ai/hyper3d/rodin{name}",
        title="Rodin",
        images=images,
        outputs=outputs,
        price=price,
        defaults={"geometry_file_format": "glb"},
        choices={"geometry_file_format": ("glb", "usdz", "fbx", "obj", "stl")},
        ranges={"seed": (0, 65_535)},
        format_option="geometry_file_format",
        **more,
    )


# The schemas of this family require nothing, so an empty input is accepted and billed.
RODIN = (
    _rodin(
        "",
        several_pictures("input_image_urls", required=False),
        Price(unit_price_usd=0.4, by_option={"addons": {"HighPack": 2}}),
    ),
    _rodin(
        "/v2",
        several_pictures("input_image_urls", at_most=5, required=False),
        Price(unit_price_usd=0.4, by_option={"addons": {"HighPack": 2}}),
    ),
    _rodin(
        "/v2.5",
        several_pictures("image_urls", at_most=5, required=False),
        Price(unit_price_usd=0.4, by_option={"tier": {"Gen-2.5-Extreme-High": 1}}),
    ),
    _rodin(
        "/v2.5/fast", several_pictures("image_urls", at_most=5, required=False), flat_price(0.1)
    ),
)


def _meshy(path: str, images: Images, price: Price) -> Endpoint:
    return Endpoint(
        id=path,
        title="Meshy",
        images=images,
        outputs={
            "model_glb": MESH,
            "thumbnail": IMAGE,
            "model_urls": URLS,
            "texture_urls": MAPS,
            "seed": SEED,
        },
        price=price,
        defaults={"should_texture": True},
        choices={
            "model_type": ("standard", "lowpoly", "smart-topology"),
            "topology": ("triangle", "quad"),
            "symmetry_mode": ("off", "auto", "on"),
        },
        ranges={"target_polycount": (100, 300_000)},
    )


# A fifth and later picture is ignored without a word, hence no limit on these lists.
MESHY = (
    _meshy("fal-ai/meshy/v6/image-to-3d", one_picture("image_url"), flat_price(0.8)),
    _meshy("fal-ai/meshy/v6-preview/image-to-3d", one_picture("image_url"), flat_price(0.8)),
    _meshy("fal-ai/meshy/v6/multi-image-to-3d", several_pictures("image_urls"), flat_price(0.8)),
    _meshy("fal-ai/meshy/v5/multi-image-to-3d", several_pictures("image_urls"), flat_price(0.4)),
    *(
        _meshy(
            f"meshy/v7.1/{name}",
            images,
            Price(unit_price_usd=0.8, by_option={"should_texture": {True: 0.5}}),
        )
        for name, images in (
            ("image-to-3d", one_picture("image_url")),
            ("multi-image-to-3d", several_pictures("image_urls")),
        )
    ),
)


def _hi3d(name: str, images: Images, price: Price) -> Endpoint:
    return Endpoint(
        id=f"hitem3d/hi3d/{name}",
        title="Hi3D",
        images=images,
        outputs={"model_mesh": MESH, "thumbnail": IMAGE},
        price=price,
        defaults={"export_format": "glb"},
        choices={"export_format": ("glb", "obj", "stl", "fbx", "usdz")},
        ranges={"face_count": (100_000, 5_000_000), "shading": (0, 1)},
        format_option="export_format",
    )


_HI3D_V3_PRICE = Price(
    unit_price_usd=0.7, units=3, by_option={"resolution": {"2048master": 10}}, unit="units"
)
HI3D = (
    _hi3d("v3.0/image-to-3d", one_picture("image_url"), _HI3D_V3_PRICE),
    _hi3d("v3.0/multi-view-to-3d", Images(fields=NAMED_VIEWS, required=()), _HI3D_V3_PRICE),
    _hi3d("image-to-3d", one_picture("image_url"), flat_price(0.3)),
)
