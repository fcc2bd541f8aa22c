"""What a Redis does not promise to keep."""

from collections.abc import Sequence

from image2model.backends.redis.database import RedisDatabase


async def find_weaknesses(database: RedisDatabase) -> Sequence[str]:
    """
    Say, each in a sentence, what in the server's settings may lose jobs; none: nothing does.

    Raises:
        DatabaseUnavailable: The server does not answer.
    """
    # Servers of providers forbid CONFIG, but not this.
    facts = await database.run("INFO", "everything")
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
