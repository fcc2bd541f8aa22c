"""A web of a few files in memory."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from image2model.core.errors import ArtifactTooLarge, FetchBroken, FetchGone
from image2model.ports.fetcher import Fetched, Peek

_CHUNK_BYTES = 64 * 1024


class MemoryFetcher:
    """
    A `Fetcher` of the files it is given.

    Attributes:
        files: What is under each URL; what is missing is gone.
        broken: URLs that cannot be read now.
        breaks: After how many bytes the next readings of a URL break off, one after the other.
        whole_only: Whether it sends files from their beginning, wherever it is asked to begin.
        peeks: How often each URL was asked for without being read.
        reads: How often each URL was opened for reading.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken: set[str] = set()
        self.breaks: dict[str, list[int]] = {}
        self.whole_only = False
        self.peeks: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()

    @asynccontextmanager
    async def fetch(
        self, url: str, *, limit_bytes: int, start: int = 0
    ) -> AsyncGenerator[Fetched, None]:
        """Open *url* for reading."""
        self.reads[url] += 1
        content = self._content(url)
        if len(content) > limit_bytes:
            raise ArtifactTooLarge(limit_bytes=limit_bytes)
        begin = 0 if self.whole_only else start
        yield Fetched(
            start=begin,
            size_bytes=len(content),
            media_type="application/octet-stream",
            chunks=self._chunks(url, content[begin:]),
        )

    async def _chunks(self, url: str, content: bytes) -> AsyncIterator[bytes]:
        breaks = self.breaks.get(url)
        sent = content[: breaks.pop(0)] if breaks else content
        for start in range(0, len(sent), _CHUNK_BYTES):
            yield sent[start : start + _CHUNK_BYTES]
        if len(sent) < len(content):
            raise FetchBroken(host=urlsplit(url).hostname or "?", reason="it broke off")

    async def peek(self, url: str, *, limit_s: float) -> Peek:
        """Ask whether *url* can be read; takes no time."""
        del limit_s
        self.peeks[url] += 1
        try:
            return Peek(alive=True, size_bytes=len(self._content(url)))
        except FetchGone:
            return Peek(alive=False)

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _content(self, url: str) -> bytes:
        host = urlsplit(url).hostname or "?"
        if url in self.broken:
            raise FetchBroken(host=host, reason="it was told to be")
        if url not in self.files:
            raise FetchGone(host=host, status=404)
        return self.files[url]
