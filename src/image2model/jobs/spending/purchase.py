"""What may be bought, by whom, and for how much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase

from image2model.core.errors import (
    GeneratorNotAllowed,
    PaymentNotAllowed,
    PriceUnknown,
)
from image2model.core.generator import GeneratorCard, Options
from image2model.core.ids import LOCAL_OWNER, OwnerId
from image2model.core.job import Submission
from image2model.core.money import Budget
from image2model.jobs.access import find_owners_key
from image2model.jobs.context import Context
from image2model.jobs.signed_in_users import is_known_owner
from image2model.ports.sessions import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    An item to be made.

    Attributes:
        card: By which generator.
        options: With every default filled in.
        pictures: Of how many pictures.
    """

    card: GeneratorCard
    options: Options
    pictures: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """
    What one owner may buy.

    Attributes:
        context: The generators and the rules.
        owner: Whose jobs it is about.
        budget: What may be spent, the owner's own limits included.
        generators: Ids and patterns of the generators that the owner may use; None: those that
            everybody may.
    """

    context: Context
    owner: OwnerId
    budget: Budget
    generators: Sequence[str] | None = None

    @property
    def may_pay(self) -> bool:
        """Whether the owner may use what costs money."""
        known = self.owner == LOCAL_OWNER or is_known_owner(self.owner)
        return known or self.context.rules.anonymous_may_pay

    def may_use(self, card: GeneratorCard) -> bool:
        """Tell whether the operator lets the owner use the generator of *card*."""
        return self._is_sold(card) and (self.generators is None or _names(self.generators, card))

    def _is_sold(self, card: GeneratorCard) -> bool:
        """Tell whether the operator lets anybody like the owner use the generator of *card*."""
        allowed = self.context.rules.allowed_generators
        if allowed is None:
            return self.owner == LOCAL_OWNER or self.context.catalogue.lists(card)
        return _names(allowed, card)

    def check_use(self, card: GeneratorCard) -> None:
        """
        Insist that the owner may use the generator of *card*, whatever it costs.

        Raises:
            GeneratorNotAllowed: The operator does not let them.
        """
        if not self.may_use(card):
            of_key = self.generators if self._is_sold(card) else None
            raise GeneratorNotAllowed(generator=card.id, of_key=of_key)

    def price_usd(self, wanted: Wanted) -> Decimal:
        """
        Tell what an item costs, in US dollars, at most where nobody knows how much.

        Raises:
            PriceUnknown: There is no limit to it.
        """
        card = wanted.card
        if card.price.known:
            return card.price.of(wanted.options, pictures=wanted.pictures)
        most_usd = self.context.rules.unknown_price_usd
        # What an option that is not described does to the price cannot be known either. Who set
        # the limit may know it; who is only a guest must not get around it.
        strange = sorted(wanted.options.keys() - card.options_schema.get("properties", {}).keys())
        if most_usd is None or (strange and self.owner != LOCAL_OWNER):
            raise PriceUnknown(generator=card.id, options=strange if most_usd is not None else ())
        return most_usd

    def check_purchase(self, wanted: Wanted) -> Decimal:
        """
        Insist that the owner may have an item made.

        Returns:
            What it costs at most, in US dollars.

        Raises:
            GeneratorNotAllowed: The operator does not let them use the generator.
            PriceUnknown: Nobody knows what it costs at most.
            PaymentNotAllowed: It costs something, and the owner may use only what is free.
        """
        self.check_use(wanted.card)
        usd = self.price_usd(wanted)
        if usd > 0 and not self.may_pay:
            raise PaymentNotAllowed(generator=wanted.card.id, usd=float(usd))
        return usd

    def reserve(self, submission: Submission, wanted: Wanted) -> Submission:
        """
        Have *submission* count as the most that it may cost.

        Raises:
            As `check_purchase`.
        """
        usd = self.check_purchase(wanted)
        if submission.estimated_usd > 0 and wanted.card.price.known:
            return submission  # It leaves out what has no effect with the other options.
        return replace(submission, estimated_usd=max(usd, submission.estimated_usd))


async def find_buyer(context: Context, owner: OwnerId) -> Buyer:
    """Find out what *owner* may buy."""
    return buyer_of(context, owner, await find_owners_key(context.sessions, owner))


def buyer_of(context: Context, owner: OwnerId, key: ApiKey | None) -> Buyer:
    """Tell what *owner* may buy, whose API key is *key*; None: the owner is none."""
    budget = context.rules.budget
    if key is None:
        return Buyer(context=context, owner=owner, budget=budget)
    own = replace(budget, owner=budget.owner.within(key.limits))
    return Buyer(context=context, owner=owner, budget=own, generators=key.generators)


def _names(patterns: Sequence[str], card: GeneratorCard) -> bool:
    return any(fnmatchcase(card.id, pattern) for pattern in patterns)
