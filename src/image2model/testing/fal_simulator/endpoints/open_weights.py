"""Rows of endpoints that run openly published models."""

from collections.abc import Mapping

from image2model.testing.fal_simulator.catalog import Endpoint, Images, Output, Price
from image2model.testing.fal_simulator.endpoints.shared import (
    MESH,
    SEED,
    TIMINGS,
    flat_price,
    one_picture,
    several_pictures,
)


def _trellis_2(name: str, images: Images, outputs: Mapping[str, Output]) -> Endpoint:
    return Endpoint(
        id=f"fal-ai/trellis-2{name}",
        title="TRELLIS.2",
        images=images,
        outputs=outputs,
        price=Price(
            unit_price_usd=0.05,
            units=5,
            unit="units",
            by_option={"resolution": {512: 0, 1024: 1, 1536: 2, "512": 0, "1024": 1, "1536": 2}},
        ),
        defaults={"resolution": 1024},
        choices={
            "resolution": (512, 1024, 1536, "512", "1024", "1536"),
            "texture_size": (1024, 2048, 4096, "1024", "2048", "4096"),
        },
        ranges={"decimation_target": (5_000, 2_000_000)},
    )


def _trellis(name: str, images: Images) -> Endpoint:
    return Endpoint(
        id=f"fal-ai/trellis{name}",
        title="TRELLIS",
        images=images,
        outputs={"model_mesh": MESH, "timings": TIMINGS},
        price=flat_price(0.02),
        choices={"texture_size": (512, 1024, 2048)},
        ranges={"mesh_simplify": (0.9, 0.98), "ss_sampling_steps": (1, 50)},
        mesh_content_type="image/png",
    )


_GLB_ONLY = {"model_glb": MESH}
_GLB_AND_SEED = {"model_glb": MESH, "seed": SEED}

OPEN_WEIGHTS = (
    _trellis("", one_picture("image_url")),
    _trellis("/multi", several_pictures("image_urls")),
    _trellis_2("", one_picture("image_url"), _GLB_ONLY),
    _trellis_2("/multi", several_pictures("image_urls"), _GLB_ONLY),
    _trellis_2("-lora", one_picture("image_url"), _GLB_AND_SEED),
    Endpoint(
        id="fal-ai/pixal3d",
        title="Pixal3D",
        images=one_picture("image_url"),
        outputs=_GLB_AND_SEED,
        price=flat_price(0.3),
        choices={"resolution": (1024, 1536, "1024", "1536")},
    ),
    Endpoint(
        id="fal-ai/triposr",
        title="TripoSR",
        images=one_picture("image_url"),
        outputs={"model_mesh": MESH, "timings": TIMINGS},
        price=flat_price(0.07),
        defaults={"output_format": "glb"},
        choices={"output_format": ("glb", "obj")},
        ranges={"foreground_ratio": (0.5, 1), "mc_resolution": (32, 1024)},
        format_option="output_format",
        mesh_content_type="application/octet-stream",
    ),
    Endpoint(
        id="fal-ai/sam-3/3d-objects",
        title="SAM 3D Objects",
        images=one_picture("image_url"),
        outputs={
            "gaussian_splat": Output(kind="splat"),
            "model_glb": MESH,
            "individual_glbs": Output(kind="meshes"),
            "metadata": Output(kind="empty_list"),
            "artifacts_zip": Output(kind="archive"),
        },
        price=flat_price(0.02),
        ranges={"detection_threshold": (0.1, 1)},
    ),
    Endpoint(
        id="fal-ai/reconviagen-0.5",
        title="ReconViaGen 0.5",
        images=several_pictures("image_urls"),
        outputs=_GLB_AND_SEED,
        price=Price(unit_price_usd=0.00111, units=210, unit="compute seconds"),
        choices={"resolution": (512, 1024, 1536)},
    ),
)
