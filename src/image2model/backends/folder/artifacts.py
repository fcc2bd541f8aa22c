"""Artifacts as files in a folder of this computer."""

import os
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from image2model.backends.folder.errors import storage_errors
from image2model.backends.folder.part_file import PartFile
from image2model.core.errors import (
    ArtifactNotFound,
    ArtifactTooLarge,
    StorageError,
    StorageUnavailable,
)
from image2model.core.ids import ArtifactId, is_hex_id, new_hex_id
from image2model.ports.artifacts import StoredArtifact

T = TypeVar("T")
Args = TypeVarTuple("Args")

CHUNK_BYTES = 256 * 1024
"""How much is read or written at a time: large enough to make the hop to a thread cheap."""

THREADS = 16
"""Disk operations at once: a slow disk must not hold the threads that others need."""

SUBFOLDER_NAME = re.compile(r"[0-9a-f]{2}")

PROBE = b"image2model checks that this folder can be used"


class FolderArtifactStore:
    """
    An `ArtifactStore` over *folder*, which must exist and be on one disk.

    Files lie in 256 subfolders by the first two digits of their ids, so that no folder grows
    large; files being written lie in `incoming/`. Files and folders are for this user alone.

    A stored file outlives a power cut: it is flushed to the disk before `put` returns. That is
    nearly all of what a `put` waits for: 100 kB took 16 ms on the disk of a virtual machine and
    0.2 ms without flushing, but 200 at once took 2 ms each, as the disk flushes them together.
    A deletion is not flushed; what comes back after a power cut is only deleted again.

    Several processes may use one folder. An id that was not made by `new_hex_id` never becomes a
    path: there is no such file, and storing under it is a `ValueError`.
    """

    def __init__(self, folder: Path, *, where: str | None = None) -> None:
        """
        Keep files in *folder*.

        Args:
            folder: Where they are.
            where: What errors call it, with the setting that it comes from; None: its path.
        """
        self._folder = folder
        self._where = where or str(folder)
        self._incoming = folder / "incoming"
        self._threads = anyio.CapacityLimiter(THREADS)

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        """
        Store *chunks* under *artifact*, replacing what it named before; see `ArtifactStore`.

        Cancelling leaves what was there before, and no part of a file.
        """
        if not is_hex_id(artifact):
            raise ValueError(f"not an id of ours: {artifact!r}")
        part = self._new_part(artifact)
        try:
            size = await self._write(part, chunks, limit_bytes=limit_bytes)
            await self._in_thread(part.commit, self._path(artifact))
        except BaseException:
            # Shielded: a cancelled upload must still remove its part file. Where that
            # fails too, the first error is the one to know; `remove_leftovers` tidies up.
            with anyio.CancelScope(shield=True), suppress(StorageError):
                await self._in_thread(part.discard)
            raise
        return size

    async def stat(self, artifact: ArtifactId) -> StoredArtifact:
        """
        Look up *artifact* without reading it.

        Raises:
            ArtifactNotFound: There is no such file.
            StorageUnavailable: The folder cannot be read.
        """
        found = await self._in_thread(self._find, artifact, Path.stat)
        return _stored(artifact, found)

    async def read(
        self, artifact: ArtifactId, *, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """
        Read *artifact* in chunks of 256 KiB; see `ArtifactStore`.

        A file that is deleted or replaced meanwhile is still read to its end as it was.

        Raises:
            ArtifactNotFound: There is no such file (raised by the first step).
            StorageUnavailable: The folder cannot be read.
        """
        file = await self._in_thread(self._open, artifact, start)
        # No `async with`: a reader that goes away in the middle leaves this generator to the
        # garbage collector, where nothing can be awaited. Closing a file that was only read
        # does not wait for the disk.
        with file:
            left = length
            while left is None or left > 0:
                wanted = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                chunk = await self._in_thread(file.read, wanted)
                if not chunk:
                    return
                if left is not None:
                    left -= len(chunk)
                yield chunk
                if len(chunk) < wanted:
                    return  # Only at its end does a file give less than it is asked for.

    async def delete(self, artifact: ArtifactId) -> None:
        """Remove *artifact*; one that is not there is fine."""
        await self._in_thread(self._remove, artifact)

    async def all(self) -> AsyncGenerator[StoredArtifact]:
        """List everything, in no order; what comes or goes meanwhile may be missing."""
        for name in await self._in_thread(os.listdir, self._folder):
            if SUBFOLDER_NAME.fullmatch(name):
                for stored in await self._in_thread(_list, self._folder / name):
                    yield stored

    async def direct_url(self, artifact: ArtifactId, *, life_s: float) -> str | None:  # noqa: ARG002
        """Return None: files of this computer are read through us."""
        return None

    async def check(self) -> None:
        """
        Write, read and remove a small file, to say whether the store works.

        Raises:
            StorageFull: No space is left.
            StorageUnavailable: It cannot be written or read.
        """
        if await self._in_thread(self._probe) != PROBE:
            raise StorageUnavailable(
                where=self._where, reason="a file reads back other than it was written"
            )

    async def remove_leftovers(self, *, older_than_s: float) -> int:
        """
        Remove what processes that were killed left half written.

        Call it at the start. May run while others write, as long as none of them takes longer
        than *older_than_s* between two chunks.

        Args:
            older_than_s: The least time since a part file was last written, in seconds.

        Returns:
            How many files were removed.
        """
        return await self._in_thread(self._remove_leftovers, older_than_s)

    async def _write(
        self, part: PartFile, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        size = 0
        waiting = bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise ArtifactTooLarge(limit_bytes=limit_bytes)
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                full, waiting = waiting, bytearray()
                await self._in_thread(part.write, full)
        await self._in_thread(part.write, waiting)
        return size

    async def _in_thread(self, work: Callable[[*Args], T], *args: *Args) -> T:
        with storage_errors(self._where):
            return await anyio.to_thread.run_sync(work, *args, limiter=self._threads)

    def _path(self, artifact: ArtifactId) -> Path:
        return self._folder / artifact[:2] / artifact

    def _new_part(self, artifact: ArtifactId) -> PartFile:
        # An item whose lease ran out may be writing this id at the same moment,
        # so each writer has its own part file and the last rename wins whole.
        return PartFile(self._incoming / f"{artifact}.{secrets.token_hex(8)}.part")

    def _find(self, artifact: ArtifactId, look: Callable[[Path], T]) -> T:
        if not is_hex_id(artifact):
            raise ArtifactNotFound(artifact=artifact)
        try:
            return look(self._path(artifact))
        except FileNotFoundError:
            # A disk that is not mounted must not pass for files that do not exist.
            self._folder.stat()
            raise ArtifactNotFound(artifact=artifact) from None

    def _remove(self, artifact: ArtifactId) -> None:
        with suppress(ArtifactNotFound):
            self._find(artifact, Path.unlink)

    def _open(self, artifact: ArtifactId, start: int) -> IO[bytes]:
        file = self._find(artifact, lambda path: path.open("rb"))
        file.seek(start)
        return file

    def _probe(self) -> bytes:
        path = self._incoming / f"{new_hex_id()}.part"
        part = PartFile(path)
        try:
            part.write(PROBE)
            return path.read_bytes()
        finally:
            part.discard()

    def _remove_leftovers(self, older_than_s: float) -> int:
        removed = 0
        newest = time.time() - older_than_s
        for path in self._incoming.glob("*.part"):
            try:
                if path.stat().st_mtime <= newest:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                # Its writer has just finished or given up.
                continue
        return removed


def _stored(artifact: ArtifactId, found: os.stat_result) -> StoredArtifact:
    return StoredArtifact(
        artifact=artifact,
        size_bytes=found.st_size,
        stored_at=datetime.fromtimestamp(found.st_mtime, UTC),
    )


def _list(folder: Path) -> list[StoredArtifact]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hex_id(entry.name) and entry.name.startswith(folder.name):
                try:
                    found.append(_stored(ArtifactId(entry.name), entry.stat()))
                except FileNotFoundError:
                    continue
    return found
