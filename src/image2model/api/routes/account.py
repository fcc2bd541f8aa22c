"""The route about the caller: what they have and may spend here."""

from fastapi import APIRouter

from image2model.api.answers import problems
from image2model.api.auth import CallerIn
from image2model.api.parts import ContextIn
from image2model.jobs.access import is_key_owner
from image2model.wire.models import AccountOut

router = APIRouter(tags=["account"])


@router.get(
    "/account",
    operation_id="getAccount",
    summary="Tell who you are, and what you have here",
    response_description="The account.",
    responses=problems(),
)
async def get_account(caller: CallerIn, context: ContextIn) -> AccountOut:
    """Return how many jobs you have, what they take, and what is left of the day's budget."""
    usage = await context.store.usage(caller.owner)
    budget_usd = context.rules.day_budget_usd
    return AccountOut(
        access="keys" if caller.parts.keys_only else "sessions",
        signed_in=is_key_owner(caller.owner),
        jobs=usage.jobs,
        stored_bytes=usage.stored_bytes,
        day_budget_usd=None if budget_usd is None else float(budget_usd),
        day_spent_usd=float(usage.day_usd),
    )
