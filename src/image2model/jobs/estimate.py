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
        item_usd: US dollars per item.
        total_usd: US dollars for all of them.
    """

    card: GeneratorCard
    options: Options
    items: int
    item_usd: Decimal
    total_usd: Decimal


def estimate_job(
    catalogue: Catalogue, *, generator: GeneratorId | None, options: Options, items: int
) -> Estimate:
    """
    Forecast a job of *items* items by the generator's price list.

    Raises:
        GeneratorNotFound: There is no such generator.
        InvalidOptions: The options do not fit it.
    """
    card = catalogue.card(generator or catalogue.default)
    filled = fill_options(card, options)
    item_usd = card.price.of(filled)
    return Estimate(
        card=card, options=filled, items=items, item_usd=item_usd, total_usd=item_usd * items
    )
