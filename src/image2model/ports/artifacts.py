"""Port: keep the files a job reads and writes (pictures in, models out)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from image2model.core.ids import ArtifactId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    """
    What a store knows of one file.

    Attributes:
        artifact: Its id.
        size_bytes: Its length.
        stored_at: When it was put there.
    """

    artifact: ArtifactId
    size_bytes: int
    stored_at: datetime


class ArtifactStore(Protocol):
    """Holds files under ids. A file is absent or whole, never half written."""

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        """
        Store *chunks*, replacing what *artifact* named before.

        Args:
            artifact: The id to store under.
            chunks: The content, in order; read once and never held whole.
            limit_bytes: The largest size accepted, in bytes.

        Returns:
            The size stored, in bytes.

        Raises:
            ArtifactTooLarge: More than *limit_bytes* came; nothing changed.
            StorageFull: No space is left; nothing changed.
            StorageUnavailable: The store cannot be written; nothing changed.
        """
        ...

    async def stat(self, artifact: ArtifactId) -> StoredArtifact:
        """
        Look up *artifact* without reading it.

        Raises:
            ArtifactNotFound: There is no such file.
        """
        ...

    def read(
        self, artifact: ArtifactId, *, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """
        Read *artifact* in chunks.

        Args:
            artifact: The id to read.
            start: The first byte wanted, from 0.
            length: How many bytes; None: to the end.

        Raises:
            ArtifactNotFound: There is no such file (raised by the first step).
        """
        ...

    async def delete(self, artifact: ArtifactId) -> None:
        """Remove *artifact*; one that is not there is fine."""
        ...

    def all(self) -> AsyncIterator[StoredArtifact]:
        """List everything, in no order; what comes or goes meanwhile may be missing."""
        ...

    async def direct_url(self, artifact: ArtifactId, *, life_s: float) -> str | None:
        """
        Make a URL from which whoever has it reads *artifact* without us, for *life_s* seconds.

        Returns:
            The URL, whether or not the file is there; None: this store has no such URLs.
        """
        ...

    async def remove_leftovers(self, *, older_than_s: float) -> int:
        """
        Remove what processes that were killed left half written, and nobody can read.

        May run while others write, as long as none of them takes longer than *older_than_s*
        between two chunks.

        Args:
            older_than_s: The least time since it was last written, in seconds.

        Returns:
            How many files were removed; 0 where none can be left.
        """
        ...

    async def check(self) -> None:
        """
        Write, read and remove a small file, to say whether the store works.

        Raises:
            StorageFull: No space is left.
            StorageUnavailable: It cannot be written or read.
        """
        ...
