"""The Celery application: which broker, which queues, and how long anything may take."""

import ssl
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection, Queue

from image2model.core.errors import InvalidSetting
from image2model.core.generator import RunsOn

RUN_ITEM = "image2model.run_item"
"""The one kind of task; its arguments are the job's id and the item's index."""

_VARIABLE = "IMAGE2MODEL_QUEUE_URL"
_NO_BROKER = "names no broker that Celery knows, such as redis://HOST:6379/0."
_ANSWER_LIMIT_S = 5.0
_OF_REDIS = frozenset({"redis", "rediss", "sentinel"})


class _PatientConnection(Connection):
    """
    A connection whose loss is survived, and which is tried again every few seconds.

    Celery's own wait grows to 30 s. And what is left of a lost connection to Redis raises
    AttributeError (kombu 5.7) where messages that came over it are acknowledged or put back;
    unless that counts as a lost connection, it ends the worker.
    """

    @property
    def connection_errors(self) -> tuple[type[Exception], ...]:
        """What tells that the connection is lost."""
        return (*self.get_transport_cls().connection_errors, AttributeError)

    @property
    def recoverable_connection_errors(self) -> tuple[type[Exception], ...]:
        """The same, where a new connection helps."""
        return self.connection_errors

    def ensure_connection(self, *args: Any, **more: Any) -> Self:
        """Connect, trying for ever unless told otherwise."""
        steps = {"interval_start": 1, "interval_step": 1, "interval_max": 3}
        return super().ensure_connection(*args, **(steps | more))


class _PatientAmqp(AMQP):
    Connection = _PatientConnection


def make_broker(url: str, *, longest_run_s: float) -> Celery:
    """
    Make the Celery application over the broker at *url*; connects to nothing yet.

    A message is a hint: the item's lease decides who works on it. So results are not kept, and a
    message is acknowledged when its run is over, which lets a broker show what is under way. One
    that comes again, because its worker was killed, finds nothing to do.

    Args:
        url: As Celery takes it: `redis://`, `rediss://`, `sentinel://`, `amqp://`, `sqs://`, …;
            a Sentinel's names the master by `?master_name=`.
        longest_run_s: The longest a message may be under way, in seconds; later brokers without
            acknowledgements of their own (Redis, SQS) hand it to somebody else.

    Raises:
        InvalidSetting: *url* names no broker that Celery knows, or one whose library is missing.
    """
    if "://" not in url:
        raise InvalidSetting(setting=_VARIABLE, reason=_NO_BROKER)
    # What follows the question mark of a Sentinel is for us: it has no place of its own in Celery.
    plain = url.partition("?")[0] if url.startswith("sentinel:") else url
    app = Celery("image2model", broker=plain, amqp=_PatientAmqp, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(kind.value) for kind in RunsOn],
        task_default_queue=RunsOn.NETWORK.value,
        task_ignore_result=True,
        task_acks_late=True,
        task_serializer="json",
        accept_content=["json"],
        worker_pool="threads",
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_ANSWER_LIMIT_S,
        broker_transport_options=_transport_options(url, visible_s=2 * longest_run_s),
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.0, "interval_max": 0.2},
    )
    if urlsplit(url).scheme == "rediss" and "ssl_cert_reqs" not in parse_qs(urlsplit(url).query):
        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    _check(app)
    return app


def _transport_options(url: str, *, visible_s: float) -> dict[str, Any]:
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps", "pyamqp"}:
        return {}  # RabbitMQ sees by itself when a worker is gone.
    options: dict[str, Any] = {"visibility_timeout": visible_s}
    if scheme in _OF_REDIS:
        options |= {
            "socket_timeout": _ANSWER_LIMIT_S,
            "socket_connect_timeout": _ANSWER_LIMIT_S,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "max_connections": 100,
            # One list for each queue, not one for each of ten priorities, of which we have none.
            "priority_steps": [0],
        }
    if scheme == "sentinel":
        query = parse_qs(urlsplit(url.rpartition(";")[2]).query)
        options["master_name"] = query.get("master_name", ["mymaster"])[0]
    return options


def _check(app: Celery) -> None:
    try:
        app.connection_for_write().transport_cls  # noqa: B018 - looks it up
    except (KeyError, ValueError):
        reason = _NO_BROKER
    except ImportError as error:
        reason = f"needs a library that is not installed ({error.name or error})."
    else:
        return
    raise InvalidSetting(setting=_VARIABLE, reason=reason)
