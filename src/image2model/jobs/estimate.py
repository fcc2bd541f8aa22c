"""What a job would cost and how long it would take."""

from dataclasses import dataclass
from decimal import Decimal

from image2model.core.generator import GeneratorCard, GeneratorId, Options
from image2model.jobs.catalogue import Catalogue, fill_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A forecast for a job.

    Attributes:
        card: The generator.
        options: With defaults filled in.
        items: How many items.
        item_usd: US dollars per item of one picture.
        total_usd: US dollars for all of them.
    """

    card: GeneratorCard
    options: Options
    items: int
    item_usd: Decimal
    total_usd: Decimal


def estimate_job(
    catalogue: Catalogue,
    *,
    generator: GeneratorId | None,
    options: Options,
    items: int,
    items_with_views: int = 0,
) -> Estimate:
    """
    Forecast a job by the generator's price list.

    Args:
        catalogue: The generators.
        generator: None: the default one.
        options: As given.
        items: How many items.
        items_with_views: How many of them have more than one picture.

    Raises:
        GeneratorNotFound: There is no such generator.
        InvalidOptions: The options do not fit it.
    """
    card = catalogue.card(generator or catalogue.default)
    filled = fill_options(card, options)
    item_usd = card.price.of(filled)
    more_usd = card.price.more_views_usd * min(items_with_views, items)
    return Estimate(
        card=card,
        options=filled,
        items=items,
        item_usd=item_usd,
        total_usd=item_usd * items + more_usd,
    )
