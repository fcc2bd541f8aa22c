"""Routes about the caller: signing in with an API key, and what they have and may spend here."""

from fastapi import APIRouter, Request, Response

from image2model.api.answers import problems
from image2model.api.auth import BuyerIn, CallerIn, forget_session, session_token, set_session
from image2model.api.parts import ContextIn
from image2model.core.money import Cap
from image2model.jobs.access import (
    SIGNED_IN_LIFE,
    close_session,
    is_key_owner,
    open_key_session,
)
from image2model.jobs.context import Context
from image2model.jobs.purchase import Buyer
from image2model.wire.models import AccountOut, BudgetOut, SignInIn, SpendingStopOut

router = APIRouter(tags=["account"])


@router.get(
    "/account",
    operation_id="getAccount",
    summary="Tell who you are, and what you have here",
    response_description="The account.",
    responses=problems(),
)
async def get_account(caller: CallerIn, context: ContextIn, buyer: BuyerIn) -> AccountOut:
    """Return how many jobs you have, what they take, and what is left of the budgets."""
    usage = await context.store.usage(caller.owner)
    stop = await context.store.spending_stop()
    budget_usd = context.rules.budget.day_usd
    return AccountOut(
        access="keys" if caller.parts.keys_only else "sessions",
        signed_in=is_key_owner(caller.owner),
        jobs=usage.jobs,
        stored_bytes=usage.stored_bytes,
        day_budget_usd=None if budget_usd is None else float(budget_usd),
        day_spent_usd=float(usage.day_usd),
        budgets=[await _budget_out(context, buyer, cap) for cap in buyer.budget.caps()],
        spending_stop=stop and SpendingStopOut(reason=stop.reason, at=stop.at),
    )


async def _budget_out(context: Context, buyer: Buyer, cap: Cap) -> BudgetOut:
    spent_usd = None
    if cap.scope.period_s is not None:
        spent_usd = float(await context.store.spent_usd(cap.scope, owner=buyer.owner))
    return BudgetOut.model_validate(
        {"scope": cap.scope.value, "limit_usd": float(cap.limit_usd), "spent_usd": spent_usd}
    )


@router.post(
    "/session",
    operation_id="signIn",
    summary="Sign a browser in with an API key",
    response_description="The browser has a cookie that stands for the key.",
    status_code=204,
    response_class=Response,
    responses=problems(changes=True),
)
async def sign_in(given: SignInIn, request: Request, context: ContextIn) -> Response:
    """
    Begin a session that reaches the key's jobs, for 30 days or until the key is revoked.

    The cookie can be read by no script, and the key need not be kept. It takes the place of the
    session that the browser had.
    """
    token, _ = await open_key_session(context, given.key.strip())
    response = Response(status_code=204)
    set_session(request, response, token, life=SIGNED_IN_LIFE)
    return response


@router.delete(
    "/session",
    operation_id="signOut",
    summary="Sign a browser out",
    response_description="The session is over.",
    status_code=204,
    response_class=Response,
    responses=problems(changes=True),
)
async def sign_out(request: Request, context: ContextIn) -> Response:
    """End the session whose cookie came; without one nothing happens."""
    if token := session_token(request):
        await close_session(context, token)
    response = Response(status_code=204)
    forget_session(request, response)
    return response
