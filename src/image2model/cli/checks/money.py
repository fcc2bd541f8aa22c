"""Whether what may be spent is limited, by the settings and the generators."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from image2model.cli.checks.findings import Finding, Level
from image2model.cli.service.in_process import EmbeddedDesk
from image2model.core.errors import InvalidSetting
from image2model.core.ids import LOCAL_OWNER
from image2model.jobs.catalogue import Catalogue
from image2model.settings import Settings

_WHAT = "spending"
_ANY_ENDPOINT = "fal:owner/endpoint"
_BUDGET_ADVICE = (
    "Set IMAGE2MODEL_BUDGET__DAY_USD or IMAGE2MODEL_BUDGET__MONTH_USD to the most that all jobs "
    "together may cost."
)


def check_budget(settings: Settings, catalogue: Catalogue | None = None) -> None:
    """
    Insist that a server which others may reach, and which can spend money, has a budget.

    Args:
        settings: What is set.
        catalogue: What can be bought; None: what `FAL_KEY` buys.

    Raises:
        InvalidSetting: It has none.
    """
    if lacks_budget(settings, catalogue):
        raise InvalidSetting(
            setting="IMAGE2MODEL_BUDGET__DAY_USD",
            reason="must be set before others can reach a server that can spend money: the most, "
            "in US dollars, that all jobs of any 24 hours may cost. IMAGE2MODEL_BUDGET__MONTH_USD "
            "does as well. Example: IMAGE2MODEL_BUDGET__DAY_USD=10",
        )


def lacks_budget(settings: Settings, catalogue: Catalogue | None = None) -> bool:
    """Tell whether a server must not start: others may reach it and spend without a limit."""
    if not settings.others_may_come or _is_limited(settings):
        return False
    # A key counts before it is known what it buys, for `serve` asks before anything can start.
    has_key = settings.effective_fal_key is not None
    return has_key or (catalogue is not None and can_buy(catalogue, settings))


def can_buy(catalogue: Catalogue, settings: Settings) -> bool:
    """Tell whether any generator that may be used costs money and can be used now."""
    return any(
        card.price.may_cost and not card.missing and settings.allows(card.id)
        for card in catalogue.cards()
    )


def _is_limited(settings: Settings) -> bool:
    budget = settings.budget
    if budget.day_usd is not None or budget.month_usd is not None:
        return True
    # Sessions can be begun at will, and each has the limits of an owner anew.
    of_owner = budget.owner_day_usd is not None or budget.owner_month_usd is not None
    return of_owner and not _strangers_pay(settings)


def _strangers_pay(settings: Settings) -> bool:
    return settings.serve.access != "keys" and settings.anonymous_may_pay


def check_money(settings: Settings, desk: EmbeddedDesk) -> Iterator[Finding]:
    """Yield what is unsafe about the settings of money, and whether spending is stopped."""
    catalogue = desk.context.catalogue
    buys = can_buy(catalogue, settings)
    found = [*_weaknesses(settings, catalogue, buys=buys), *_spent(desk)]
    yield from found or [Finding(what=_WHAT, level=Level.OK, found=_told(settings, buys=buys))]


def _told(settings: Settings, *, buys: bool) -> str:
    if not buys:
        return "nothing that costs money can be used"
    given = settings.budget.model_dump(exclude_none=True, exclude={"anonymous"})
    told = ", ".join(f"{name} {value}" for name, value in given.items())
    return f"limited: {told}" if told else "not limited"


def _weaknesses(settings: Settings, catalogue: Catalogue, *, buys: bool) -> Iterator[Finding]:
    public = settings.others_may_come
    level = Level.WARNING if public else Level.NOTE
    unlimited = "nothing limits what is spent"
    if lacks_budget(settings, catalogue):
        yield Finding(
            what=_WHAT,
            level=Level.FAILURE,
            found=f"{unlimited}, so `serve` does not start",
            advice=_BUDGET_ADVICE,
        )
    elif buys and not _is_limited(settings):
        yield Finding(what=_WHAT, level=Level.NOTE, found=unlimited, advice=_BUDGET_ADVICE)
    if buys and public and _strangers_pay(settings):
        yield Finding(
            what=_WHAT,
            level=Level.WARNING,
            found="everybody who reaches the server may spend money, without an API key",
            advice="Set IMAGE2MODEL_BUDGET__ANONYMOUS=free, or IMAGE2MODEL_SERVE__ACCESS=keys.",
        )
    patterns = settings.allowed_generators or ()
    wide = [pattern for pattern in patterns if fnmatchcase(_ANY_ENDPOINT, pattern)]
    if wide:
        yield Finding(
            what=_WHAT,
            level=level,
            found=f"IMAGE2MODEL_ALLOWED_GENERATORS has '{wide[0]}', which allows every endpoint "
            "of a provider, listed or not",
            advice="Name the generators that you want, such as `local/*,fal/*`.",
        )
    if buys and settings.budget.unknown_price_usd is not None and settings.budget.day_usd is None:
        yield Finding(
            what=_WHAT,
            level=level,
            found="what has no known price is bought, and no budget of a day stops it when it "
            "costs more than IMAGE2MODEL_BUDGET__UNKNOWN_PRICE_USD",
            advice=_BUDGET_ADVICE,
        )
    if buys and not settings.is_embedded:
        yield Finding(
            what=_WHAT,
            level=Level.NOTE,
            found="each worker keeps the budgets that are set in its own environment",
            advice="Give all processes the same IMAGE2MODEL_BUDGET__… variables.",
        )


def _spent(desk: EmbeddedDesk) -> Iterator[Finding]:
    stop = desk.call(desk.context.store.spending_stop)
    if stop is not None:
        yield Finding(
            what=_WHAT,
            level=Level.WARNING,
            found=f"stopped since {stop.at:%Y-%m-%d %H:%M} UTC by {stop.by}: {stop.reason}",
            advice="`image2model admin go` lets it go on.",
        )
    for cap in desk.context.rules.budget.caps():
        if cap.scope.period_s is None or cap.scope.is_of_owner:
            continue
        spent_usd = desk.call(desk.context.store.spent_usd, cap.scope, owner=LOCAL_OWNER)
        if spent_usd >= cap.limit_usd:
            yield Finding(
                what=_WHAT,
                level=Level.WARNING,
                found=f"the budget of a {cap.scope}, ${cap.limit_usd:.2f}, is used up: "
                f"${spent_usd:.2f} are spent or reserved",
                advice=f"Wait, or raise IMAGE2MODEL_BUDGET__{cap.scope.name}_USD.",
            )
