"""Rows of endpoints that were withdrawn: they answer 404."""

from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.endpoints.shared import (
    MESH,
    flat_price,
    one_picture,
)


def _retired(path: str) -> Endpoint:
    return Endpoint(
        id=path,
        title="Retired",
        images=one_picture("image_url"),
        outputs={"model_mesh": MESH},
        price=flat_price(0.0),
        retired=True,
    )


RETIRED = tuple(
    map(
        _retired,
        (
            "fal-ai/hunyuan3d-v21",
            "fal-ai/bytedance/seed3d/image-to-3d",
            "fal-ai/ultrashape",
            "fal-ai/omnipart",
            "fal-ai/era-3d",
            "fal-ai/step1x-3d",
        ),
    )
)
