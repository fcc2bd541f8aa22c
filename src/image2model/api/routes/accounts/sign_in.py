"""Routes that sign a browser in through the organisation's own service (OpenID Connect)."""

import hmac
import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from image2model.api.access.callers import (
    Caller,
    begin_signed_in,
    delete_cookie,
    read_cookie,
    set_cookie,
)
from image2model.api.dependencies import Parts, PartsIn
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.core.errors import SignInNotOffered, SignInRefused
from image2model.jobs.signed_in_users import PERSON_LIFE, open_person_session, person_owner
from image2model.ports.sign_in import SignIn, SignInAttempt
from image2model.wire.paths import API_PREFIX

_COOKIE = "image2model_sign_in"
_LASTS = timedelta(minutes=10)
_PATH = "/session/openid"
_BACK = f"{_PATH}/callback"

router = APIRouter(tags=["account"])


@router.get(
    _PATH,
    operation_id="beginSignIn",
    summary="Sign a browser in through your organisation",
    response_description="Where to sign in: at the organisation's own service.",
    status_code=303,
    response_class=RedirectResponse,
    responses=problems(errors.SignInNotOffered, errors.SignInUnavailable),
)
async def begin_sign_in(
    request: Request,
    parts: PartsIn,
    to: Annotated[
        str,
        Query(
            max_length=500,
            description="The page to come back to, below this server.",
            examples=["/history"],
        ),
    ] = "/",
) -> RedirectResponse:
    """Send the browser to where the organisation signs people in; it comes back by itself."""
    service, return_to = _offered(parts)
    attempt = SignInAttempt(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
    )
    response = RedirectResponse(await service.begin(attempt, return_to=return_to), status_code=303)
    begun = " ".join((attempt.state, attempt.nonce, attempt.verifier, _own_page(to)))
    set_cookie(request, response, _COOKIE, begun, life=_LASTS)
    return response


@router.get(
    _BACK,
    operation_id="endSignIn",
    summary="Come back from the organisation's service",
    response_description="The browser is signed in, and sent on to its page.",
    status_code=303,
    response_class=RedirectResponse,
    responses=problems(errors.SignInNotOffered, errors.SignInRefused, errors.SignInUnavailable),
)
async def end_sign_in(
    request: Request,
    parts: PartsIn,
    state: Annotated[
        str,
        Query(max_length=200, description="What the sign-in began with.", examples=["kq0m1zX6bq"]),
    ] = "",
    code: Annotated[
        str,
        Query(
            max_length=4_000,
            description="What the service gives for who came.",
            examples=["SplxlOBeZQQYbYS6WxSbIA"],
        ),
    ] = "",
    error: Annotated[
        str, Query(max_length=200, description="Why nobody comes.", examples=["access_denied"])
    ] = "",
) -> RedirectResponse:
    """End the sign-in that this browser began, and begin its session."""
    service, return_to = _offered(parts)
    begun = (read_cookie(request, _COOKIE) or "").split(" ", 3)
    if len(begun) != 4 or not hmac.compare_digest(begun[0].encode(), state.encode()):
        raise SignInRefused(reason="this browser did not begin it, or began it too long ago")
    if error or not code:
        raise SignInRefused(reason="the service did not let you in")
    attempt = SignInAttempt(state=begun[0], nonce=begun[1], verifier=begun[2])
    name = await service.finish(attempt, code=code, return_to=return_to)
    response = RedirectResponse(_own_page(begun[3]), status_code=303)
    delete_cookie(request, response, _COOKIE)
    token = await open_person_session(parts.context, name)
    caller, owner = Caller(request, parts, None), person_owner(name)
    await begin_signed_in(caller, response, token, owner, life=PERSON_LIFE, by="openid")
    return response


def _offered(parts: Parts) -> tuple[SignIn, str]:
    """Find the service, and the address to come back to."""
    if parts.sign_in is None or parts.public_url is None:
        raise SignInNotOffered
    return parts.sign_in, f"{parts.public_url}{API_PREFIX}{_BACK}"


def _own_page(path: str) -> str:
    """Keep *path* if it is one of ours: nobody is sent to another site."""
    plain = path.isascii() and path.isprintable() and not set(path) & {"\\", " "}
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
