"""What a job would cost and how long it would take."""

from dataclasses import dataclass, replace
from decimal import Decimal

from image2model.core.generator import GeneratorCard, GeneratorId, Options
from image2model.jobs.catalogue import fill_options
from image2model.jobs.spending.purchase import Buyer, Wanted


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
        may_pay: Whether who asks may have it made, as far as money is concerned.
    """

    card: GeneratorCard
    options: Options
    items: int
    item_usd: Decimal
    total_usd: Decimal
    may_pay: bool


def estimate_job(
    buyer: Buyer,
    *,
    generator: GeneratorId | None,
    options: Options,
    items: int,
    items_with_views: int = 0,
) -> Estimate:
    """
    Forecast a job by the generator's price list.

    Args:
        buyer: Who asks.
        generator: None: the default one.
        options: As given.
        items: How many items.
        items_with_views: How many of them have more than one picture.

    Raises:
        GeneratorNotFound: There is no such generator.
        InvalidOptions: The options do not fit it.
        GeneratorNotAllowed, PriceUnknown: They may not buy it, whoever pays.
    """
    catalogue = buyer.context.catalogue
    card = catalogue.card(generator or catalogue.default)
    buyer.check_use(card)
    filled = fill_options(card, options)
    one = Wanted(card=card, options=filled)
    item_usd = buyer.price_usd(one)
    with_views_usd = buyer.price_usd(replace(one, pictures=2))
    with_views = min(items_with_views, items)
    total_usd = item_usd * (items - with_views) + with_views_usd * with_views
    return Estimate(
        card=card,
        options=filled,
        items=items,
        item_usd=item_usd,
        total_usd=total_usd,
        may_pay=buyer.may_pay or total_usd == 0,
    )
