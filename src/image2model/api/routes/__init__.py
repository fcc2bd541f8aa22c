"""
The routes by theme; bodies translate, call one use case, and translate back.

A route finds a caller who may call it, by `api.access.scopes`, unless its router is in
`ADMIN_ROUTERS` or `PUBLIC_ROUTERS`.
"""

from image2model.api.routes import generators, ledger
from image2model.api.routes.accounts import account, keys, session, sign_in
from image2model.api.routes.jobs import control, crud, drafts, events, items, preparation
from image2model.api.routes.operations import admin, health, metrics
from image2model.api.routes.results import archive, fidelity, files, inspection
from image2model.api.routes.sharing import links, public
from image2model.api.routes.webhooks import incoming, outgoing

ROUTERS = (
    crud.router,
    events.router,
    control.router,
    drafts.router,
    preparation.router,
    items.router,
    files.router,
    fidelity.router,
    inspection.router,
    archive.router,
    links.router,
    public.router,
    generators.router,
    ledger.router,
    account.router,
    session.router,
    keys.router,
    admin.router,
    sign_in.router,
    outgoing.router,
    incoming.router,
    health.router,
    metrics.router,
)
"""All of them, in the order of the reference."""

ADMIN_ROUTERS = (keys.router, admin.router, metrics.router)
"""Only operators may call these."""

UNSHARED_ROUTERS = (health.router,)
"""Whoever comes may call these, and waits behind nobody."""

PUBLIC_ROUTERS = (session.router, sign_in.router, public.router, incoming.router, *UNSHARED_ROUTERS)
"""Whoever comes may call these; they find out themselves whom they answer."""
