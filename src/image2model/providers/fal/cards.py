"""Show rows of the catalogue as cards."""

from image2model.core.generator import GeneratorCard, GeneratorId, RunsOn
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.catalogue.rows import is_listed


def card_of(generator: GeneratorId, row: Row, *, missing: str = "") -> GeneratorCard:
    """Make the card of the generator whose row is *row*; *missing*: as `GeneratorCard` has it."""
    pictures = row.pictures
    return GeneratorCard(
        id=generator,
        title=row.title,
        summary=row.summary,
        good_for=row.good_for,
        poor_for=row.poor_for,
        runs_on=RunsOn.NETWORK,
        required_views=tuple(pictures.required),
        optional_views=tuple(view for view in pictures.views if view not in pictures.required),
        min_views=len(pictures.required),
        max_views=pictures.at_most,
        options_schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": row.options,
            "additionalProperties": not is_listed(row),
        },
        price=row.price,
        typical_s=row.typical_s,
        output_formats=tuple(row.formats),
        licence=row.licence,
        missing=missing,
        notes=(
            *row.notes,
            "Pictures and results pass through fal.ai; its endpoint is " + row.endpoint,
        ),
    )
