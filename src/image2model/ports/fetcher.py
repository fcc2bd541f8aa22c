"""Port: read files from URLs that somebody else wrote."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """
    A file on its way.

    Attributes:
        start: The first byte that comes, from 0; a server may ignore the one that was asked for.
        size_bytes: Length of the whole file as the server says; None: it does not say.
        media_type: What the server calls it; "" if nothing. Not to be believed.
        chunks: The bytes from *start*, in order; to be read once, within the block.
    """

    start: int
    size_bytes: int | None
    media_type: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """
    What a server says of a file without sending it.

    Attributes:
        alive: Whether it is there.
        size_bytes: Its length; None: not known.
    """

    alive: bool
    size_bytes: int | None = None


class Fetcher(Protocol):
    """
    Reads public https URLs, and nothing that is private to this machine or its network.

    Sends no credentials and follows redirects only to URLs that it would fetch itself.
    """

    def fetch(
        self, url: str, *, limit_bytes: int, start: int = 0
    ) -> AbstractAsyncContextManager[Fetched]:
        """
        Open *url* for reading.

        What goes wrong while `Fetched.chunks` is read is raised there, by the same errors.

        Args:
            url: What to read.
            limit_bytes: The largest file accepted, in bytes; refused, never cut off.
            start: The first byte wanted, from 0, to go on with a broken download.

        Raises:
            FetchRefused: The URL, or one it redirects to, is not one to read.
            FetchGone: The server says that there is no such file (any more).
            FetchBroken: It cannot be read now; trying again may help.
            ArtifactTooLarge: It is larger than *limit_bytes*.
        """
        ...

    async def peek(self, url: str, *, limit_s: float) -> Peek:
        """
        Ask whether *url* can be read, without reading it.

        Args:
            url: What to ask for.
            limit_s: The longest it may take, in seconds.

        Raises:
            FetchRefused: The URL, or one it redirects to, is not one to read.
            FetchBroken: That cannot be found out now.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        ...
