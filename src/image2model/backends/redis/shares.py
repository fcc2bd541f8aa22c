"""A `ShareStore` in Redis."""

from collections.abc import Sequence

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import read_link, write_link
from image2model.backends.redis.connection.database import Conflict, RedisDatabase
from image2model.core.ids import JobId
from image2model.ports.shares import SharedLink

_Read = tuple[SharedLink, str]
"""A link, and as it is written."""


class RedisShareStore:
    """A `ShareStore` over *database*, which somebody else closes."""

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    async def add_link(self, link: SharedLink) -> None:
        """Remember a link."""
        change = Change()
        change.run("HSET", keys.SHARED_LINKS, link.token_sha256, write_link(link))
        change.run("SADD", keys.links_to(link.job), link.token_sha256)
        change.run("ZADD", keys.LINK_ENDS, seconds(link.expires_at), link.token_sha256)
        await self._database.commit(change)

    async def find_link(self, token_sha256: str) -> SharedLink | None:
        """Find a link that works."""
        found = await self._read([token_sha256])
        return found[0][0] if found else None

    async def list_links(self, job: JobId) -> Sequence[SharedLink]:
        """List the working links to a job, newest first."""
        links = [link for link, _ in await self._links_to(job)]
        return sorted(links, key=lambda link: (link.created_at, link.id), reverse=True)

    async def remove_link(self, job: JobId, link_id: str) -> bool:
        """Stop a link from working."""
        for link, text in await self._links_to(job):
            if link.id == link_id:
                return await self._forget(link, text)
        return False

    async def remove_expired_links(self) -> int:
        """Forget links that have expired."""
        now = seconds(await self._database.now())
        over = await self._database.run("ZRANGE", keys.LINK_ENDS, "-inf", now, "BYSCORE")
        count = 0
        for token in over:
            if text := await self._database.run("HGET", keys.SHARED_LINKS, token):
                count += await self._forget(read_link(text), text)
        return count

    async def _links_to(self, job: JobId) -> list[_Read]:
        return await self._read(sorted(await self._database.run("SMEMBERS", keys.links_to(job))))

    async def _read(self, tokens: Sequence[str]) -> list[_Read]:
        if not tokens:
            return []
        texts = await self._database.run("HMGET", keys.SHARED_LINKS, *tokens)
        now = await self._database.now()
        links = [(read_link(text), text) for text in texts if text is not None]
        return [(link, text) for link, text in links if link.expires_at > now]

    async def _forget(self, link: SharedLink, text: str) -> bool:
        """Forget a link; False: another process was faster."""
        change = Change()
        change.check(keys.SHARED_LINKS, link.token_sha256, text)
        change.run("HDEL", keys.SHARED_LINKS, link.token_sha256)
        change.run("SREM", keys.links_to(link.job), link.token_sha256)
        change.run("ZREM", keys.LINK_ENDS, link.token_sha256)
        try:
            await self._database.commit(change)
        except Conflict:
            return False
        return True
