"""Routes for signing in and out, open to everybody: a browser needs them before it is known."""

from fastapi import APIRouter, Request, Response

from image2model.api.access.callers import (
    Caller,
    begin_signed_in,
    counting_failures,
    end_session,
    forget_session,
    identify_browser,
)
from image2model.api.dependencies import ContextIn, PartsIn
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.jobs.access import SIGNED_IN_LIFE, open_key_session
from image2model.jobs.signed_in_users import is_known_owner
from image2model.wire.account import SessionOut, SignInIn

router = APIRouter(tags=["account"])


@router.get(
    "/session",
    operation_id="getSession",
    summary="Tell whether a browser is signed in, and how it can be",
    response_description="The session.",
    responses=problems(),
)
async def get_session(request: Request, parts: PartsIn) -> SessionOut:
    """Answer to everybody: a page asks before it lets somebody sign in."""
    caller = Caller(request, parts, await identify_browser(request, parts))
    return SessionOut(
        signed_in=is_known_owner(caller.owner),
        person=caller.person,
        openid=parts.sign_in is not None and parts.public_url is not None,
    )


@router.post(
    "/session",
    operation_id="signIn",
    summary="Sign a browser in with an API key",
    response_description="The browser has a cookie that stands for the key.",
    status_code=204,
    response_class=Response,
    responses=problems(errors.TooManyRequests, changes=True),
)
async def sign_in(
    given: SignInIn, request: Request, parts: PartsIn, context: ContextIn
) -> Response:
    """
    Begin a session that reaches the key's jobs, for 30 days or until the key ends.

    It ends after 7 days without use, too. The cookie can be read by no script, and the key need
    not be kept. The session takes the place of the one that the browser had, which ends. Who sends
    wrong keys too often has to wait.
    """
    caller = Caller(request, parts, None)
    if caller.counted_as is not None:
        # Before it is looked at: here a guess must not even be told to be right.
        parts.failures.check(caller.counted_as)
    async with counting_failures(request, parts):
        token, owner = await open_key_session(context, given.key.strip())
    response = Response(status_code=204)
    await begin_signed_in(caller, response, token, owner, life=SIGNED_IN_LIFE, by="key")
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
async def sign_out(request: Request, parts: PartsIn) -> Response:
    """
    End the session whose cookie came; without one nothing happens.

    Jobs of a browser that was not signed in can be reached by nobody then: what waits of them is
    not made. `DELETE /account` deletes jobs and files, too.
    """
    await end_session(Caller(request, parts, None))
    response = Response(status_code=204)
    forget_session(request, response)
    return response
