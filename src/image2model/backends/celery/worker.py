"""A worker process: Celery takes messages, one event loop runs their items."""

import logging
import os
import socket
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery, bootsteps, signals
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.exceptions import Reject, SecurityWarning

from image2model.backends.celery.broker import RUN_ITEM
from image2model.backends.celery.item_loop import ItemLoop, LoopStopped, OpenRunner
from image2model.core.errors import Image2ModelError
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, new_hex_id
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)

_GOODBYE_S = 8.0
"""A process that was told to end is gone after this long, whatever hangs in it."""


def add_item_task(broker: Celery, open_runner: OpenRunner) -> ItemLoop:
    """
    Make *broker* an application that workers can be started with.

    In the pools `threads` and `solo` all items of a process share one loop, in `prefork` those of
    each child. Told to end, a worker takes nothing more, cuts its runs short, and puts their
    messages back.

    Args:
        broker: What `make_broker` made.
        open_runner: Opens what runs items; called on the loop, after any fork.

    Returns:
        The loop, which starts with the worker.
    """
    loop = ItemLoop(open_runner)

    @broker.task(name=RUN_ITEM, shared=False)
    def run_item(job: str, index: int) -> None:
        try:
            loop.run(ItemRef(JobId(job), index))
        except LoopStopped as stopped:
            raise Reject(reason="the worker ends", requeue=True) from stopped
        except Image2ModelError as error:
            # Its lease runs out, and then it is sent again.
            _log.warning("item %d of job %s: %s", index, job, error)

    class Items(bootsteps.StartStopStep):
        """Starts the loop before the first message, and stops it before the pool waits for it."""

        requires = ("celery.worker.components:Pool",)

        def start(self, parent: Any) -> None:
            if not issubclass(parent.pool_cls, PreforkPool):
                loop.start()

        def stop(self, parent: Any) -> None:
            del parent
            loop.stop()

        def terminate(self, parent: Any) -> None:
            self.stop(parent)

    broker.steps["worker"].add(Items)
    return loop


def serve_queues(
    broker: Celery,
    loop: ItemLoop,
    *,
    queues: Sequence[RunsOn],
    concurrency: int,
    log_level: str,
    on_ready: Callable[[], None],
) -> int:
    """
    Work until SIGTERM or SIGINT; then leave within seconds.

    Args:
        broker: With the task of `add_item_task`.
        loop: What that returned.
        queues: Where to take messages from.
        concurrency: How many items are under way at once.
        log_level: The least severe messages that Celery writes.
        on_ready: Called as soon as messages are taken.

    Returns:
        The exit code.
    """

    def leave(**_: object) -> None:
        # Each message that is put back would be told with a traceback.
        logging.getLogger("celery.app.trace").setLevel(logging.ERROR)
        # In a thread: it is called from within a signal handler, whatever the process does now.
        threading.Thread(target=loop.stop, name="leaving", daemon=True).start()
        end = threading.Timer(_GOODBYE_S, os._exit, [0])
        end.daemon = True
        end.start()

    def tell_ready(**_: object) -> None:
        on_ready()

    def keep_logging(**_: object) -> None:
        """Leave the log as the command line has set it up."""

    signals.worker_shutting_down.connect(leave)
    signals.worker_ready.connect(tell_ready)
    signals.setup_logging.connect(keep_logging)
    names = [queue.value for queue in queues]
    # Celery warns whoever works as root, of messages that make objects; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = broker.Worker(
        hostname=f"{'-'.join(names)}-{new_hex_id()[:8]}@{socket.gethostname()}",
        queues=names,
        pool_cls="threads",
        concurrency=concurrency,
        loglevel=log_level.upper(),
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
