"""The routes by theme; bodies translate, call one use case, and translate back."""

from image2model.api.routes import (
    account,
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
    ledger,
    metrics,
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
    generators.router,
    ledger.router,
    account.router,
    webhooks.router,
    hooks.router,
    health.router,
    metrics.router,
)
"""All of them, in the order of the reference."""
