"""Check the queue of scaled mode, and whether anybody takes anything from it."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from image2model.cli.checks.findings import Finding, Level
from image2model.cli.service.in_process import EmbeddedDesk
from image2model.cli.terminal.paths import without_secrets
from image2model.core.generator import RunsOn
from image2model.settings import Settings

_ANSWER_LIMIT_S = 2.0


def check_queue(settings: Settings, desk: EmbeddedDesk) -> Iterator[Finding]:
    """Yield what is to be said of the queue; nothing where there is none."""
    if settings.is_embedded:
        return
    kinds = {card.runs_on for card in desk.context.catalogue.cards()}
    waiting = {kind: desk.call(desk.context.dispatcher.waiting, kind) for kind in sorted(kinds)}
    place = without_secrets(settings.queue_url)
    if None in waiting.values():
        yield Finding(
            what="queue",
            level=Level.FAILURE,
            found=f"{place} does not answer",
            advice="Start the broker, or correct IMAGE2MODEL_QUEUE_URL (address, password, TLS).",
        )
        return
    yield Finding(what="queue", level=Level.OK, found=f"{place} answers")
    workers = _count_workers(settings)
    for kind, count in waiting.items():
        yield _finding_of(kind, waiting=count or 0, workers=workers.get(kind, 0))
    yield from _check_sharing(settings)
    if settings.effective_fal_key and workers.get(RunsOn.NETWORK, 0) > 1:
        yield _share_of_fal(settings, processes=workers[RunsOn.NETWORK])


def _count_workers(settings: Settings) -> Mapping[RunsOn, int]:
    # Imported here, for Celery takes long, and most installations have no queue.
    from image2model.backends.celery.broker import make_broker  # noqa: PLC0415
    from image2model.backends.celery.inspection import count_workers  # noqa: PLC0415

    broker = make_broker(settings.queue_url, longest_run_s=settings.item_hard_limit_s)
    return count_workers(broker, limit_s=_ANSWER_LIMIT_S)


def _finding_of(kind: RunsOn, *, waiting: int, workers: int) -> Finding:
    found = f"{workers} processes work, {waiting} messages wait"
    if workers:
        return Finding(what=f"queue {kind}", level=Level.OK, found=found)
    return Finding(
        what=f"queue {kind}",
        level=Level.WARNING,
        found=f"no worker answers, {waiting} messages wait",
        advice=f"Start one: image2model worker --queue {kind}",
    )


def _check_sharing(settings: Settings) -> Iterator[Finding]:
    if urlsplit(settings.effective_database_url).scheme == "sqlite":
        yield Finding(
            what="database",
            level=Level.WARNING,
            found="SQLite is for processes of one machine, and one of them writes at a time",
            advice="Set IMAGE2MODEL_DATABASE_URL to a PostgreSQL, the same for all processes.",
        )
    if urlsplit(settings.effective_storage_url).scheme == "file":
        yield Finding(
            what="storage",
            level=Level.NOTE,
            found="a folder: all processes must see the same one",
            advice="With more than one machine, set IMAGE2MODEL_STORAGE_URL to a bucket.",
        )


def _share_of_fal(settings: Settings, *, processes: int) -> Finding:
    each = settings.fal.concurrency
    at_once = (
        "each finding out for itself what the account may"
        if each == "auto"
        else f"up to {processes * each} at once together"
    )
    return Finding(
        what="fal.ai",
        level=Level.NOTE,
        found=f"{processes} processes send requests, {at_once}",
        advice="IMAGE2MODEL_FAL__CONCURRENCY holds for each: share the account's limit among them.",
    )
