"""Files on their way, so that no large one is held in memory; gone when their block ends."""

import errno
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import StorageFull, StorageUnavailable
from image2model.core.ids import new_hex_id
from image2model.jobs.context import Context

_BLOCK_BYTES = 1024 * 1024


class Scratch:
    """Makes names of files in a folder, and removes what is there under them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: set[Path] = set()

    def new(self) -> Path:
        """Name a file that is not there yet."""
        path = self._folder / f"{new_hex_id()}.part"
        self._paths.add(path)
        return path

    async def spool(self, chunks: AsyncIterable[bytes]) -> Path:
        """
        Write *chunks* to a new file.

        Raises:
            Whatever reading *chunks* raises.
            StorageError: It could not be written.
        """
        path = self.new()
        with telling_of_storage(self._folder):
            async with await anyio.open_file(path, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)
        return path

    def keep(self, path: Path) -> None:
        """Leave the file *path* where it is when the block ends."""
        self._paths.discard(path)

    async def aclose(self) -> None:
        """Remove what is there."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_files, *self._paths)


@asynccontextmanager
async def scratch(context: Context) -> AsyncIterator[Scratch]:
    """Have a place for files within the block."""
    files = Scratch(context.rules.incoming)
    try:
        yield files
    finally:
        await files.aclose()


async def fetch_to(context: Context, files: Scratch, chunks: AsyncIterable[bytes]) -> Path:
    """
    Write a model that only its provider has to a new file, and raise what `Scratch.spool` does.

    Its provider may be slow: nobody holds memory for computing meanwhile, but one of few places.
    """
    async with context.fetching_models.hold():
        return await files.spool(chunks)


async def read_file(
    path: Path, *, start: int = 0, length: int | None = None
) -> AsyncIterator[bytes]:
    """Read a file in order, or the part of it from *start* over *length*."""
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(start)
        left = length
        while left is None or left > 0:
            chunk = await file.read(_BLOCK_BYTES if left is None else min(left, _BLOCK_BYTES))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk


@contextmanager
def telling_of_storage(folder: Path) -> Iterator[None]:
    """
    Tell of a file in *folder* that cannot be written.

    Raises:
        StorageError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(where=str(folder)) from error
        reason = error.strerror or type(error).__name__
        raise StorageUnavailable(where=str(folder), reason=reason) from error


def remove_files(*paths: Path) -> None:
    """Remove files, as far as they are there."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
