"""Who works: asking the workers themselves, through the broker."""

from collections import Counter
from collections.abc import Mapping

from celery import Celery

from image2model.core.generator import RunsOn


def count_workers(broker: Celery, *, limit_s: float) -> Mapping[RunsOn, int]:
    """
    Count the workers of each queue that answer within *limit_s* seconds.

    Raises:
        OSError, and what the broker's library raises: The broker cannot be reached.
    """
    answers = broker.control.inspect(timeout=limit_s).active_queues() or {}
    names = Counter(queue["name"] for queues in answers.values() for queue in queues)
    return {kind: names[kind.value] for kind in RunsOn}
