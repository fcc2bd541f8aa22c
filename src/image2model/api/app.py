"""Put the HTTP API together."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from image2model.api.access.callers import check_operator, check_rights, receive_visitor
from image2model.api.dependencies import Parts
from image2model.api.events.channel import Pace
from image2model.api.events.hub import Hub
from image2model.api.limits.key_uses import KeyUses
from image2model.api.limits.rates import Rate
from image2model.api.limits.watchers import WatcherLimits, Watchers
from image2model.api.limits.wrong_keys import WrongKeys
from image2model.api.middleware import guards
from image2model.api.middleware.forwarded import ForwardedHeaders, Proxies
from image2model.api.pages.routes import index
from image2model.api.pages.routes import router as pages
from image2model.api.pages.web_app import WebApp
from image2model.api.responses.problems import HANDLERS
from image2model.api.routes import ADMIN_ROUTERS, PUBLIC_ROUTERS, ROUTERS, UNSHARED_ROUTERS
from image2model.jobs.context import Context
from image2model.ports.sign_in import SignIn
from image2model.wire.paths import API_PREFIX

_HOUR_S = 3_600.0
_WRONG_KEYS_PER_MINUTE = 20
"""From one address: enough for typing errors, and of no use for guessing."""


def create_api(
    context: Context,
    *,
    allowed_hosts: Collection[str] = (),
    keys_only: bool = False,
    callers_are_operators: bool = False,
    pace: Pace | None = None,
    web_app: Path | None = None,
    admins: Collection[str] = (),
    base_path: str = "",
    proxies: Proxies | None = None,
    watcher_limits: WatcherLimits | None = None,
    public_url: str | None = None,
    sign_in: SignIn | None = None,
    user_header: str | None = None,
) -> FastAPI:
    """
    Make the API over *context*, which somebody else opens and closes.

    Args:
        context: What the use cases take.
        allowed_hosts: Names it answers to besides loopback ones, without port; `*`: any.
        keys_only: Refuse callers without an API key; else each browser has jobs of its own.
        callers_are_operators: Let callers without an API key do everything, for they sit at the
            machine: nobody else can come.
        pace: How often watchers hear something; None: as for people.
        web_app: Folder of the built web app; None: the API alone.
        admins: Names of people who may do everything.
        base_path: The path below which a proxy offers it, such as `/3d`; "": none.
        proxies: The proxies before it, whose words on their callers count; None: none.
        watcher_limits: How many may wait for news at a time; None: the usual numbers.
        public_url: Where the internet finds it; None: nobody has said.
        sign_in: The organisation's service that signs people in; None: there is none.
        user_header: Header in which proxies that were named say who somebody is; None: in none.

    Returns:
        An ASGI application. `api.server.serve_api` runs it so that open streams end in time.
    """
    hub = Hub(context, pace)
    proxies = proxies or Proxies()

    @asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
        yield
        await hub.aclose()

    api = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    api.state.parts = Parts(
        context=context,
        hub=hub,
        requests_rate=Rate(
            context.rules.requests_per_minute, context.clock, limit="requests_per_minute"
        ),
        jobs_rate=Rate(context.rules.jobs_per_minute, context.clock, limit="jobs_per_minute"),
        fetch_rate=Rate(
            context.rules.fetches_per_minute, context.clock, limit="fetches_per_minute"
        ),
        sessions_rate=Rate(
            context.rules.bounds.sessions_per_hour,
            context.clock,
            period_s=_HOUR_S,
            limit="sessions_per_hour",
        ),
        watchers=Watchers(watcher_limits or WatcherLimits()),
        failures=Rate(_WRONG_KEYS_PER_MINUTE, context.clock, limit="wrong_keys_per_minute"),
        wrong_keys=WrongKeys(context.clock),
        key_uses=KeyUses(context),
        keys_only=keys_only,
        callers_are_operators=callers_are_operators,
        admins=frozenset(admins),
        base_path=base_path,
        proxies=proxies,
        public_url=public_url,
        sign_in=sign_in,
    )
    for router in ROUTERS:
        api.include_router(router, prefix=API_PREFIX, dependencies=_checks(router))
    api.include_router(pages)
    if web_app is None:
        api.add_api_route("/", index, include_in_schema=False)
    else:
        api.router.default = WebApp(web_app, base_path=base_path, otherwise=api.router.default)
    # The last one added is the first to see a request.
    api.add_middleware(guards.CrossSiteGuard)
    api.add_middleware(guards.HostGuard, allowed=allowed_hosts)
    if callers_are_operators:
        api.add_middleware(guards.ProxyGuard)
    api.add_middleware(guards.BodyGuard)
    api.add_middleware(guards.SecurityHeaders)
    if base_path:
        api.add_middleware(guards.BelowPath, base_path=base_path)
    api.add_middleware(ForwardedHeaders, proxies=proxies, user_header=user_header)
    return api


def _checks(router: APIRouter) -> Sequence[Any]:
    """Tell what comes before the routes of *router*: who calls, or at least whose turn it is."""
    if router in UNSHARED_ROUTERS:
        return []
    if router in PUBLIC_ROUTERS:
        return [Depends(receive_visitor)]
    return [Depends(check_operator if router in ADMIN_ROUTERS else check_rights)]
