"""Routes about the caller: what they have and may spend here, and how they are forgotten."""

from fastapi import APIRouter, Request, Response

from image2model.api.answers import problems
from image2model.api.auth import CallerIn, forget_session, session_token, set_session
from image2model.api.parts import ContextIn
from image2model.core import errors
from image2model.core.scopes import Scope, includes
from image2model.jobs.access import is_key_owner, rotate_token
from image2model.jobs.ending import forget_owner
from image2model.wire.models import AccountOut, ForgottenOut

router = APIRouter(tags=["account"])


@router.get(
    "/account",
    operation_id="getAccount",
    summary="Tell who you are, and what you have here",
    response_description="The account.",
    responses=problems(),
)
async def get_account(
    request: Request, response: Response, caller: CallerIn, context: ContextIn
) -> AccountOut:
    """
    Return how many jobs you have, what they take, and what is left of the day's budget.

    A browser gets another token for its session here from time to time.
    """
    session, token = caller.session, session_token(request)
    if session is not None and token is not None:
        new = await rotate_token(context, token, session)
        if new is not None:
            life = session.ends_at - context.clock.now()
            set_session(request, response, new, life=life)
    usage = await context.store.usage(caller.owner)
    budget_usd = context.rules.day_budget_usd
    return AccountOut(
        access="keys" if caller.parts.keys_only else "sessions",
        signed_in=is_key_owner(caller.owner),
        scopes=[scope.value for scope in Scope if includes(caller.scopes, scope)],
        jobs=usage.jobs,
        stored_bytes=usage.stored_bytes,
        day_budget_usd=None if budget_usd is None else float(budget_usd),
        day_spent_usd=float(usage.day_usd),
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
