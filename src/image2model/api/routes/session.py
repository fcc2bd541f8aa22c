"""Routes for signing in and out, open to everybody: a browser needs them before it is known."""

from fastapi import APIRouter, Request, Response

from image2model.api.answers import problems
from image2model.api.auth import forget_session, session_token, set_session
from image2model.api.parts import ContextIn
from image2model.jobs.access import SIGNED_IN_LIFE, close_session, open_key_session
from image2model.wire.models import SignInIn

router = APIRouter(tags=["account"])


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
