"""
The routes by theme; bodies translate, call one use case, and translate back.

A route finds a caller who may call it, by `api.rights`, unless its router is in `ADMIN_ROUTERS` or
`PUBLIC_ROUTERS`.
"""

from image2model.api.routes import (
    account,
    admin,
    archive,
    control,
    drafts,
    events,
    fidelity,
    files,
    generators,
    health,
    hooks,
    inspection,
    intake,
    items,
    jobs,
    keys,
    ledger,
    metrics,
    session,
    shared,
    shares,
    sign_in,
    webhooks,
)

ROUTERS = (
    jobs.router,
    events.router,
    control.router,
    drafts.router,
    intake.router,
    items.router,
    files.router,
    fidelity.router,
    inspection.router,
    archive.router,
    shares.router,
    shared.router,
    generators.router,
    ledger.router,
    account.router,
    session.router,
    keys.router,
    admin.router,
    sign_in.router,
    webhooks.router,
    hooks.router,
    health.router,
    metrics.router,
)
"""All of them, in the order of the reference."""

ADMIN_ROUTERS = (keys.router, admin.router, metrics.router)
"""Only operators may call these."""

UNSHARED_ROUTERS = (health.router,)
"""Whoever comes may call these, and waits behind nobody."""

PUBLIC_ROUTERS = (session.router, sign_in.router, shared.router, hooks.router, *UNSHARED_ROUTERS)
"""Whoever comes may call these; they find out themselves whom they answer."""
