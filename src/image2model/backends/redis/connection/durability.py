"""What a Redis does not promise to keep."""

from collections.abc import Sequence

from redis.exceptions import NoPermissionError

from image2model.backends.redis.connection.database import RedisDatabase
from image2model.core.errors import DatabaseUnavailable

_UNKNOWN = (
    "Whether it keeps jobs over a restart cannot be told: its user may not run INFO. Grant the "
    "right (ACL SETUSER … +info), or look yourself: `appendonly` must be `yes` and "
    "`maxmemory-policy` `noeviction`."
)


async def find_weaknesses(database: RedisDatabase) -> Sequence[str]:
    """
    Say, each in a sentence, what in the server's settings may lose jobs; none: nothing does.

    Raises:
        DatabaseUnavailable: The server does not answer.
    """
    # Servers of providers forbid CONFIG, but seldom this.
    try:
        facts = await database.run("INFO", "everything")
    except DatabaseUnavailable as error:
        if not isinstance(error.__cause__, NoPermissionError):
            raise
        return [_UNKNOWN]
    weaknesses = []
    if not int(facts["aof_enabled"]):
        weaknesses.append(
            "It writes no append-only file: jobs, and what was paid for, are gone after a restart. "
            "Set `appendonly yes`."
        )
    policy = facts["maxmemory_policy"]
    if policy != "noeviction":
        weaknesses.append(
            f"It throws jobs away when its memory is full ({policy}). "
            "Set `maxmemory-policy noeviction`."
        )
    return weaknesses
