"""
The processes that run items in scaled mode.

`celery -A image2model.worker …` finds `app` here: for `celery status`, `celery inspect active`,
Flower, and for those who start workers by Celery's own command.
"""

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from image2model.backends.celery.broker import make_broker
from image2model.backends.celery.item_loop import ItemLoop
from image2model.backends.celery.worker import add_item_task, serve_queues
from image2model.backends.redis.rights import check_rights, queue_rights
from image2model.bootstrap import open_worker
from image2model.core.errors import InvalidSetting
from image2model.core.generator import RunsOn
from image2model.settings import Settings, load_settings, warn_of_variables

_log = logging.getLogger(__name__)


def work(
    settings: Settings, queue: RunsOn, *, concurrency: int, on_ready: Callable[[], None]
) -> int:
    """
    Take items from *queue* until SIGTERM or SIGINT; then leave within seconds.

    Args:
        settings: Where the queue, the database and the storage are.
        queue: What the generators of the items need.
        concurrency: How many items are under way at once.
        on_ready: Called as soon as messages are taken.

    Returns:
        The exit code.

    Raises:
        InvalidSetting: There is no queue to take anything from, or its user may not do so.
    """
    if urlsplit(settings.queue_url).scheme in {"redis", "rediss"}:
        url = settings.queue_url
        check_rights(url, queue_rights(url), setting="IMAGE2MODEL_QUEUE_URL")
    first = settings.worker_metrics_port
    port = None if first is None else first + list(RunsOn).index(queue)
    broker, loop = _make_app(settings, metrics_port=port)
    return serve_queues(
        broker,
        loop,
        queues=[queue],
        concurrency=concurrency,
        log_level=settings.log_level,
        on_ready=on_ready,
    )


def _make_app(settings: Settings, *, metrics_port: int | None = None) -> tuple[Celery, ItemLoop]:
    if settings.is_embedded:
        raise InvalidSetting(
            setting="IMAGE2MODEL_QUEUE_URL",
            reason="must name a broker, such as redis://127.0.0.1:6379/0: without one, "
            "`image2model serve` does all the work itself.",
        )
    broker = make_broker(settings.queue_url, longest_run_s=settings.item_hard_limit_s)
    return broker, add_item_task(broker, partial(open_worker, settings, metrics_port=metrics_port))


@cache
def _app_of_environment() -> Celery:
    settings = load_settings()
    for line in warn_of_variables(settings):
        _log.warning("%s", line)
    broker, _ = _make_app(settings)
    return broker


def __getattr__(name: str) -> Any:
    # Made when Celery asks for it: importing a module does nothing.
    if name == "app":
        return _app_of_environment()
    raise AttributeError(name)
