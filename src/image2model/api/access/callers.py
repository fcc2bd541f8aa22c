"""Who asks: an API key, or a browser session in a cookie."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, TypedDict

from anyio import CancelScope
from fastapi import BackgroundTasks, Depends, Request
from fastapi.responses import Response

from image2model.api.access.scopes import needed_scope
from image2model.api.dependencies import Parts, parts_of
from image2model.api.limits.rates import Rate
from image2model.api.middleware.forwarded import PERSON
from image2model.core.audit import Actor, AuditAction, act_as
from image2model.core.errors import NotAuthenticated, ScopeMissing
from image2model.core.ids import OwnerId
from image2model.core.scopes import USER_SCOPES, Scope, includes
from image2model.core.shares import Share, work_for
from image2model.core.text.hosts import is_loopback, network_of
from image2model.jobs.access import (
    SESSION_LIFE,
    Identity,
    drop_session,
    identify_key,
    identify_session,
    new_owner,
    open_session,
    repeating_owner,
)
from image2model.jobs.auditing import audit
from image2model.jobs.lifecycle.owner_end import close_session
from image2model.jobs.signed_in_users import is_known_owner, person_of, person_owner
from image2model.jobs.spending.purchase import Buyer, buyer_of
from image2model.ports.sessions import Session

COOKIE = "image2model_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""As browsers have it over https, where the server is offered at the root."""

NOBODY = OwnerId("nobody")
"""Owns no job: whoever has neither a key nor a session yet."""

_OPERATOR_SCOPES = frozenset({Scope.ADMIN})


class _CookieTerms(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request; *identity* is None for somebody without a key or a living session."""

    request: Request
    parts: Parts
    identity: Identity | None

    @property
    def known(self) -> OwnerId | None:
        """Whose jobs the caller has; None for somebody without a key or a living session."""
        return self.identity.owner if self.identity else None

    @property
    def session(self) -> Session | None:
        """The caller's browser session; None: there is none, or a key came with the request."""
        return self.identity.session if self.identity else None

    @property
    def owner(self) -> OwnerId:
        """Whose jobs the caller may see."""
        return self.known or NOBODY

    @property
    def address(self) -> str:
        """Where the caller is, as far as trusted proxies say."""
        return self.request.client.host if self.request.client else ""

    @property
    def person(self) -> str | None:
        """Who it is by name, where somebody vouches for them."""
        return person_of(self.owner)

    @property
    def actor(self) -> Actor:
        """Who it is to the audit log."""
        unnamed = self.parts.callers_are_operators and not is_known_owner(self.owner)
        return Actor(name="operator" if unnamed else self.owner, address=self.address)

    @property
    def scopes(self) -> Collection[Scope]:
        """What the caller may do."""
        if self.identity and self.identity.key:
            return self.identity.key.scopes
        if self.person is not None:
            return _OPERATOR_SCOPES if self.person in self.parts.admins else USER_SCOPES
        return _OPERATOR_SCOPES if self.parts.callers_are_operators else USER_SCOPES

    def require(self, scope: Scope) -> None:
        """
        Insist that the caller may do what *scope* allows.

        Raises:
            ScopeMissing: They may not.
        """
        if not includes(self.scopes, scope):
            raise ScopeMissing(scope=scope)

    @property
    def may_use_webhooks(self) -> bool:
        """Whether others are called on its behalf: strangers must not choose whom we call."""
        return is_known_owner(self.owner) or self.parts.callers_are_operators

    @property
    def counted_as(self) -> str | None:
        """
        Under which name its expensive requests are counted; None: not, it is the operator.

        Sessions can be begun at will, so without an API key the network it comes from counts. Where
        others may come, this machine is no exception: they may come through a proxy on it.
        """
        if is_loopback(self.address) and self.parts.callers_are_operators:
            return None
        if self.known is not None and is_known_owner(self.known):
            return self.known
        return network_of(self.address)

    def count(self, rate: Rate) -> None:
        """
        Count that it does something that is limited by *rate*.

        Raises:
            TooManyRequests: Too often.
        """
        if (name := self.counted_as) is not None:
            rate.take(name)

    def maker(self, idempotency_key: str | None = None) -> OwnerId:
        """
        Tell who will own what is created now: a new owner where there is none.

        The same new one where the same *idempotency_key* comes again, unless it can be guessed.
        """
        repeating = None
        if self.known is None and idempotency_key is not None:
            repeating = repeating_owner(network_of(self.address), idempotency_key)
        return self.known or repeating or new_owner()

    @asynccontextmanager
    async def making(self, owner: OwnerId, response: Response) -> AsyncIterator[None]:
        """
        Let something be created for *owner*, who may be a new one, within the block.

        A new one has a session then, unless the block fails.

        Raises:
            TooManyRequests: Too many sessions were begun lately where the caller is.
        """
        if self.known is not None:
            yield
            return
        self.count(self.parts.sessions_rate)
        token = await open_session(self.parts.context, owner)
        # One who repeats a request may have ended the session before.
        await self.parts.context.store.reopen_owner(owner)
        try:
            yield
        except BaseException:
            with CancelScope(shield=True):
                await drop_session(self.parts.context, token)
            raise
        set_session(self.request, response, token, life=SESSION_LIFE)


def set_session(request: Request, response: Response, token: str, *, life: timedelta) -> None:
    """Have the browser send *token* from now on."""
    set_cookie(request, response, COOKIE, token, life=life)


async def begin_signed_in(
    caller: Caller, response: Response, token: str, owner: OwnerId, *, life: timedelta, by: str
) -> None:
    """
    Have the session of *token* take the place of the one that the browser had, which ends.

    Args:
        caller: Who signed in.
        response: What the browser is answered.
        token: Of the new session.
        owner: Whose it is.
        life: How long it lasts.
        by: What they signed in with, for the audit log.
    """
    context = caller.parts.context
    actor = Actor(name=owner, address=caller.address)
    await audit(context, AuditAction.SIGNED_IN, actor=actor, by=by)
    await end_session(caller)
    set_session(caller.request, response, token, life=life)


async def end_session(caller: Caller) -> None:
    """End the session whose cookie came; without one nothing happens."""
    context, token = caller.parts.context, session_token(caller.request)
    identity = await identify_session(context, token) if token else None
    if identity is not None:
        await close_session(context, identity)


def forget_session(request: Request, response: Response) -> None:
    """Have the browser forget its token."""
    delete_cookie(request, response, COOKIE)


def session_token(request: Request) -> str | None:
    """Read the token that the browser sent; None: it sent none."""
    return read_cookie(request, COOKIE)


def set_cookie(
    request: Request, response: Response, name: str, value: str, *, life: timedelta
) -> None:
    """Have the browser send a cookie to this server alone, read by no script."""
    response.set_cookie(
        _prefixed(request, name), value, int(life.total_seconds()), **_kept(request)
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Have the browser forget a cookie, which takes the same terms as setting it."""
    response.delete_cookie(_prefixed(request, name), **_kept(request))


def read_cookie(request: Request, name: str) -> str | None:
    """Read what `set_cookie` set; None: the browser sent none."""
    return request.cookies.get(_prefixed(request, name))


def _kept(request: Request) -> _CookieTerms:
    return {
        "path": _cookie_path(request),
        "secure": is_secure(request),
        "httponly": True,
        "samesite": "lax",
    }


def _prefixed(request: Request, name: str) -> str:
    """
    Name a cookie so that browsers bind it to this host and to https (RFC 6265bis, 4.1.3).

    Where the server is offered below a path, the stricter prefix cannot be had: it needs the root.
    """
    if not is_secure(request):
        return name
    return f"__Host-{name}" if _cookie_path(request) == "/" else f"__Secure-{name}"


def _cookie_path(request: Request) -> str:
    """Tell below which path the cookie is sent: not to what else the host serves."""
    parts: Parts = request.app.state.parts
    return parts.base_path or "/"


def is_secure(request: Request) -> bool:
    """Tell whether the browser speaks https with us, or with the proxy before us."""
    return request.url.scheme == "https"


async def receive_visitor(request: Request, parts: Annotated[Parts, Depends(parts_of)]) -> None:
    """
    Count whoever sent *request*, and have them take turns with others, by where they come from.

    Raises:
        TooManyRequests: Too many come from there.
    """
    visitor = Caller(request, parts, None)
    visitor.count(parts.requests_rate)
    work_for(Share(visitor.counted_as or NOBODY))


async def find_caller(
    request: Request, parts: Annotated[Parts, Depends(parts_of)], afterwards: BackgroundTasks
) -> Caller:
    """
    Find out who sent *request*.

    Raises:
        TooManyRequests: They ask too much, or too many wrong API keys came from there.
        NotAuthenticated: The API key is not valid, or one is needed and neither it nor a session
            that was begun with one was sent.
    """
    # To find out takes the database's time, which is shared by where callers come from, too.
    work_for(Share(Caller(request, parts, None).counted_as or NOBODY))
    caller = await _identify(request, parts)
    caller.count(parts.requests_rate)
    _note_use(parts, caller.identity, afterwards)
    # Sessions can be begun at will, so visitors share by the network they come from.
    work_for(Share(caller.counted_as or caller.owner))
    act_as(caller.actor)
    return caller


async def _identify(request: Request, parts: Parts) -> Caller:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        async with counting_failures(request, parts):
            return Caller(request, parts, await identify_key(parts.context, key.strip()))
    identity = await identify_browser(request, parts)
    caller = Caller(request, parts, identity)
    if parts.keys_only and not is_known_owner(caller.owner):
        raise NotAuthenticated
    return caller


async def identify_browser(request: Request, parts: Parts) -> Identity | None:
    """Tell who is behind *request*, by a trusted proxy or by its session; None: nobody known."""
    if (name := request.scope.get(PERSON)) is not None:
        return Identity(owner=person_owner(name), key=None)
    token = session_token(request)
    return await identify_session(parts.context, token) if token else None


@asynccontextmanager
async def counting_failures(request: Request, parts: Parts) -> AsyncIterator[None]:
    """
    Count wrong API keys from where *request* comes, and have the audit log tell of them.

    Raises:
        TooManyRequests: There were too many; a right one is let in all the same.
    """
    try:
        yield
    except NotAuthenticated as error:
        caller = Caller(request, parts, None)
        place = caller.counted_as
        if (failures := parts.wrong_keys.count(place or "")) is not None:
            await audit(
                parts.context, AuditAction.SIGN_IN_FAILED, actor=caller.actor, failures=failures
            )
        # Whoever has a key that expired guesses nothing, and should hear just that.
        if place is not None and "expired_at" not in error.details:
            parts.failures.take(place)
        raise


def _note_use(parts: Parts, identity: Identity | None, afterwards: BackgroundTasks) -> None:
    if identity is not None and identity.key is not None and parts.key_uses.is_due(identity.key):
        afterwards.add_task(parts.key_uses.note, identity.key)


async def check_rights(request: Request, caller: Annotated[Caller, Depends(find_caller)]) -> None:
    """
    Insist that the caller may call the route that *request* is for.

    Raises:
        ScopeMissing: They are known, but may not.
    """
    route = request.scope["route"]
    caller.require(needed_scope(getattr(route, "operation_id", None), request.method))


async def check_operator(caller: Annotated[Caller, Depends(find_caller)]) -> None:
    """
    Insist that the caller is an operator.

    Raises:
        ScopeMissing: They are known, but are none.
    """
    caller.require(Scope.ADMIN)


async def find_owner(caller: Annotated[Caller, Depends(find_caller)]) -> OwnerId:
    """Tell whose jobs the sender may see."""
    return caller.owner


async def count_job(caller: Annotated[Caller, Depends(find_caller)]) -> None:
    """
    Count that the caller makes a job.

    Raises:
        TooManyRequests: Too often.
    """
    caller.count(caller.parts.jobs_rate)


async def count_fetch(caller: Annotated[Caller, Depends(find_caller)]) -> None:
    """
    Count that the caller has a picture fetched.

    Raises:
        TooManyRequests: Too often.
    """
    caller.count(caller.parts.fetch_rate)


async def count_watcher(caller: Annotated[Caller, Depends(find_caller)]) -> AsyncIterator[None]:
    """
    Count that the caller waits for news, until it is answered in full.

    Raises:
        TooManyRequests: There are as many as there may be.
    """
    with caller.parts.watchers.one_more(caller.counted_as):
        yield


async def find_caller_as_buyer(caller: Annotated[Caller, Depends(find_caller)]) -> Buyer:
    """Tell what the sender may buy."""
    key = caller.identity.key if caller.identity else None
    return buyer_of(caller.parts.context, caller.owner, key)


BuyerIn = Annotated[Buyer, Depends(find_caller_as_buyer)]
CallerIn = Annotated[Caller, Depends(find_caller)]
OwnerIn = Annotated[OwnerId, Depends(find_owner)]


async def insist_on_key(caller: CallerIn) -> None:
    """
    Let only those call who have an API key, or sit at the machine.

    Raises:
        NotAuthenticated: The caller is neither.
    """
    if not caller.may_use_webhooks:
        raise NotAuthenticated
