"""A `ShareStore` in memory: for tests and for trying things out."""

from collections.abc import Sequence

from image2model.core.ids import JobId
from image2model.ports.clock import Clock
from image2model.ports.shares import SharedLink


class MemoryShareStore:
    """A `ShareStore` that forgets all when it goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: dict[str, SharedLink] = {}

    async def add_link(self, link: SharedLink) -> None:
        """Remember a link."""
        self._links[link.token_sha256] = link

    async def find_link(self, token_sha256: str) -> SharedLink | None:
        """Find a link that works."""
        link = self._links.get(token_sha256)
        return link if link is not None and self._works(link) else None

    async def list_links(self, job: JobId) -> Sequence[SharedLink]:
        """List the working links to a job, newest first."""
        found = [one for one in self._links.values() if one.job == job and self._works(one)]
        return sorted(found, key=lambda link: (link.created_at, link.id), reverse=True)

    async def remove_link(self, job: JobId, link_id: str) -> bool:
        """Stop a link from working."""
        for link in await self.list_links(job):
            if link.id == link_id:
                del self._links[link.token_sha256]
                return True
        return False

    async def remove_expired_links(self) -> int:
        """Forget links that have expired."""
        over = [token for token, link in self._links.items() if not self._works(link)]
        for token in over:
            del self._links[token]
        return len(over)

    def _works(self, link: SharedLink) -> bool:
        return link.expires_at > self._clock.now()
