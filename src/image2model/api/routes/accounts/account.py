"""Routes about the caller: what they have and may spend here, and how they are forgotten."""

from fastapi import APIRouter, Request, Response

from image2model.api.access.callers import (
    BuyerIn,
    CallerIn,
    forget_session,
    session_token,
    set_session,
)
from image2model.api.dependencies import ContextIn
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.core.money import BudgetScope, Cap
from image2model.core.scopes import Scope, includes
from image2model.jobs.access import rotate_token
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.owner_end import forget_owner
from image2model.jobs.signed_in_users import is_known_owner
from image2model.jobs.spending.purchase import Buyer
from image2model.wire.account import AccountOut, BudgetOut, ForgottenOut, SpendingStopOut

router = APIRouter(tags=["account"])


@router.get(
    "/account",
    operation_id="getAccount",
    summary="Tell who you are, and what you have here",
    response_description="The account.",
    responses=problems(),
)
async def get_account(
    request: Request, response: Response, caller: CallerIn, context: ContextIn, buyer: BuyerIn
) -> AccountOut:
    """
    Return how many jobs you have, what they take, and what is left of the budgets.

    What all callers together spend is told to the operator alone.

    A browser gets another token for its session here from time to time.
    """
    session, token = caller.session, session_token(request)
    if session is not None and token is not None:
        new = await rotate_token(context, token, session)
        if new is not None:
            life = session.ends_at - context.clock.now()
            set_session(request, response, new, life=life)
    usage = await context.store.usage(caller.owner)
    stop = await context.store.spending_stop()
    is_operator = includes(caller.scopes, Scope.ADMIN)
    caps = [cap for cap in buyer.budget.caps() if is_operator or cap.scope.is_of_owner]
    budgets = [await _budget_out(context, buyer, cap) for cap in caps]
    of_day = BudgetScope.DAY if is_operator else BudgetScope.OWNER_DAY
    budget_of_day = next((one for one in budgets if one.scope == of_day.value), None)
    day_spent_usd = budget_of_day.spent_usd if budget_of_day else None
    if day_spent_usd is None:
        day_spent_usd = float(await context.store.spent_usd(of_day, owner=caller.owner))
    return AccountOut(
        access="keys" if caller.parts.keys_only else "sessions",
        signed_in=is_known_owner(caller.owner),
        scopes=[scope.value for scope in Scope if includes(caller.scopes, scope)],
        jobs=usage.jobs,
        drafts=usage.drafts,
        unfinished_items=usage.unfinished_items,
        stored_bytes=usage.stored.all_bytes,
        derived_bytes=usage.stored.derived_bytes,
        stored_bytes_limit=context.rules.bounds.bytes_per_owner,
        day_budget_usd=budget_of_day.limit_usd if budget_of_day else None,
        day_spent_usd=day_spent_usd,
        budgets=budgets,
        spending_stop=stop and SpendingStopOut(reason=stop.reason, at=stop.at),
    )


async def _budget_out(context: Context, buyer: Buyer, cap: Cap) -> BudgetOut:
    spent_usd = None
    if cap.scope.period_s is not None:
        spent_usd = float(await context.store.spent_usd(cap.scope, owner=buyer.owner))
    return BudgetOut.model_validate(
        {"scope": cap.scope.value, "limit_usd": float(cap.limit_usd), "spent_usd": spent_usd}
    )


@router.delete(
    "/account",
    operation_id="forgetMe",
    summary="Delete all that is yours here",
    response_description="Your jobs with all their files are gone, and the browser's session is.",
    responses=problems(errors.StorageUnavailable, changes=True),
)
async def forget_me(
    request: Request, response: Response, caller: CallerIn, context: ContextIn
) -> ForgottenOut:
    """
    Delete your jobs, pictures and models, and end your session.

    What is under way is cancelled first. What was paid stays in the operator's ledger. An API key
    stays; who runs the server can revoke it.
    """
    found = await forget_owner(context, caller.identity) if caller.identity else None
    if session_token(request):
        forget_session(request, response)
    return ForgottenOut(jobs=found.jobs if found else 0, paid_jobs=found.paid if found else [])
