"""What a Redis user with few rights must still be allowed to do."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from image2model.backends.redis.connection.connect import ANSWER_S
from image2model.backends.redis.feed import CHANNEL
from image2model.backends.redis.keys import PREFIX
from image2model.core.errors import InvalidSetting
from image2model.core.generator import RunsOn

_COMMAND = re.compile(r"run the '([^']+)' command")
_PROBE = "image2model-probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """
    What one part of the product does with a Redis.

    Attributes:
        keys: The keys it reads and writes: the pattern to grant, and a key to try it with.
        channels: The channels it publishes to and hears, in the same way.
        patterns: Those that it hears by a pattern, which must be granted letter by letter.
        commands: Harmless calls of commands that may not be granted, by their names.
    """

    keys: Mapping[str, str]
    channels: Mapping[str, str]
    patterns: Sequence[str]
    commands: Mapping[str, Sequence[str]]


def queue_rights(url: str) -> Rights:
    """Tell what the queue and the change feed do with the Redis at *url*."""
    number = urlsplit(url).path.strip("/") or "0"
    queues = {kind.value: kind.value for kind in RunsOn}
    return Rights(
        keys={
            **queues,
            "unacked*": "unacked_index",
            "_kombu.*": f"_kombu.binding.{RunsOn.NETWORK}",
            "*.celery.pidbox": f"{_PROBE}.reply.celery.pidbox",
        },
        channels={CHANNEL: CHANNEL, f"/{number}.celeryev/*": f"/{number}.celeryev/{_PROBE}"},
        patterns=[f"/{number}.celery.pidbox"],
        commands={"brpop": ["unacked_mutex", "0.01"], "script": ["LOAD", "return 1"]},
    )


DATABASE_RIGHTS = Rights(
    keys={f"{PREFIX}*": f"{PREFIX}{_PROBE}"},
    channels={},
    patterns=[],
    commands={"time": [], "script": ["LOAD", "return 1"]},
)
"""What the job store does with a Redis."""


def check_rights(url: str, rights: Rights, *, setting: str) -> None:
    """
    Insist that the user of *url* may do what *rights* tells; a Redis that is away tells nothing.

    Args:
        url: As `connect` takes it.
        rights: What is needed.
        setting: The variable that *url* comes from.

    Raises:
        InvalidSetting: The user may not; says what to grant.
    """
    client = Redis.from_url(
        url,
        socket_timeout=ANSWER_S,
        socket_connect_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        with client:
            missing = list(_missing(client, rights))
    except (RedisError, OSError, ValueError):
        return
    if missing:
        user = unquote(urlsplit(url).username or "") or "default"
        grant = " ".join(dict.fromkeys(missing))
        raise InvalidSetting(
            setting=setting,
            reason=f"names the Redis user '{user}', who lacks rights. "
            f"Grant them there: ACL SETUSER {user} {grant}",
        )


def _missing(client: Redis, rights: Rights) -> Iterator[str]:
    """Yield what is not granted, as `ACL SETUSER` takes it."""
    for pattern, key in rights.keys.items():
        # Removes nothing, and needs the rights to read and to write.
        yield from _refused(pattern, partial(client.execute_command, "SREM", key, _PROBE))
    for command, arguments in rights.commands.items():
        call = partial(client.execute_command, command, *arguments)
        yield from (right for right in _refused("", call) if right.startswith("+"))
    with client.pubsub() as subscription:  # type: ignore[no-untyped-call]  # redis-py has no types here
        for pattern, channel in rights.channels.items():
            subscription.subscribe(channel)
            yield from _refused(pattern, partial(subscription.get_message, timeout=ANSWER_S))
        for pattern in rights.patterns:
            subscription.psubscribe(pattern)
            yield from _refused(pattern, partial(subscription.get_message, timeout=ANSWER_S))


def _refused(pattern: str, call: Callable[[], object]) -> Iterator[str]:
    """Yield the right that *call* lacks: to a command, or to what *pattern* stands for."""
    try:
        call()
    except NoPermissionError as error:
        if command := _COMMAND.search(str(error)):
            yield f"+{command[1]}"
        else:
            yield f"{'&' if 'channel' in str(error) else '~'}{pattern}"
    except ResponseError:
        pass  # It may, though what it was tried with is of another kind.
