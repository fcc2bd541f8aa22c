"""All rows, and generators that have none."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from image2model.core.generator import GeneratorId, Price, View
from image2model.providers.fal.catalogue.hunyuan import HUNYUAN
from image2model.providers.fal.catalogue.open_weights import OPEN_MODELS
from image2model.providers.fal.catalogue.partners import PARTNERS
from image2model.providers.fal.catalogue.pieces import PARTNER, words
from image2model.providers.fal.catalogue.rodin import RODIN
from image2model.providers.fal.catalogue.row import Pictures, Row
from image2model.providers.fal.catalogue.tripo import TRIPO

PICTURE_FIELD = "picture_field"
"""Option of unlisted endpoints: the input field that takes the picture."""

ROWS: Mapping[GeneratorId, Row] = MappingProxyType(
    {
        GeneratorId(f"fal/{row.short}"): row
        for row in (*TRIPO, *OPEN_MODELS, *HUNYUAN, *RODIN, *PARTNERS)
    }
)
"""Every listed endpoint by the id of its generator, the default one first."""

_UNLISTED = re.compile(r"fal:(?P<endpoint>[\w.-]+(/[\w.-]+){1,6})", re.ASCII)


def row_of(generator: GeneratorId) -> Row | None:
    """
    Find the row of a generator.

    `fal:owner/alias/path` names any endpoint, listed or not.

    Returns:
        Its row, or None: it cannot be one of fal's.
    """
    match = _UNLISTED.fullmatch(generator)
    if match is None or ".." in generator:
        return ROWS.get(generator)
    return _unlisted(match["endpoint"])


def is_listed(row: Row) -> bool:
    """Tell whether *row* is of the catalogue, so that its options and its price are known."""
    return bool(row.mesh_keys)


def _unlisted(endpoint: str) -> Row:
    return Row(
        short=endpoint,
        endpoint=endpoint,
        title=endpoint,
        summary="An endpoint of fal.ai that this catalogue does not describe.",
        good_for=(),
        poor_for=(),
        pictures=Pictures(list_field=PICTURE_FIELD, views=tuple(View), at_most=8),
        options={
            PICTURE_FIELD: words(
                "Picture field",
                "The input field that takes the picture; one that ends in 's' takes a list.",
                "image_url",
                longest=80,
            )
        },
        mesh_keys=(),
        price=Price(known=False, note="Not known here; fal.ai says what it was afterwards."),
        typical_s=120.0,
        licence=PARTNER,
        notes=("Options are sent as they are given; fal.ai refuses wrong ones late, if at all.",),
    )
