"""Generators for tests, as the API shows them."""

from typing import Any

from image2model.wire.generators import GeneratorOut, PriceOut


def card(**more: Any) -> GeneratorOut:
    """Describe a generator that takes a single picture, unless *more* says otherwise."""
    plain: dict[str, Any] = {
        "id": "test/one",
        "title": "One",
        "summary": "For tests.",
        "good_for": ["tests"],
        "poor_for": ["the rest"],
        "provider": "test",
        "runs_on": "cpu",
        "default": False,
        "required_views": ["front"],
        "optional_views": [],
        "min_views": 1,
        "max_views": 1,
        "options_schema": {"type": "object", "properties": {}},
        "price": PriceOut(base_usd=0.0, surcharges=[], note=""),
        "typical_s": 1.0,
        "output_formats": ["glb"],
        "licence": "none",
        "notes": [],
    }
    return GeneratorOut.model_validate({**plain, **more})


HULL = card(
    id="test/hull",
    required_views=["front", "left"],
    optional_views=["back"],
    min_views=2,
    max_views=3,
)
"""Needs two views."""

MANY = card(
    id="test/many",
    optional_views=["left", "back", "right", "front-left"],
    max_views=5,
)
"""Needs one view, and takes more."""
