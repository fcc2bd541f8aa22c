"""Free space that is kept for what is paid for already and still on its way."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from image2model.core.errors import StorageFull

USUAL_RESERVE_BYTES = 500_000_000
_SHARE_OF_DISK = 0.05
"""Of a small disk no more than this is kept free, unless the operator says how much."""

_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is free where a folder is, and how much of it is kept free, in bytes."""

    folder: Path
    free_bytes: int
    reserve_bytes: int


class Reserve:
    """
    Watches the free space of *folders*.

    Below the reserve nothing new is begun: no upload, no job, no submission, no derived file. So
    there is room for the results of what was submitted before.

    Args:
        folders: Where things are written; none: nothing is ever refused.
        reserve_bytes: How much is kept free on each of their disks, in bytes; None: what is usual,
            and less on a small disk.
        files: Which of the folders has the files that are kept; None: they are on no disk here.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        reserve_bytes: int | None = None,
        *,
        files: Path | None = None,
    ) -> None:
        self._folders = folders
        self._reserve_bytes = reserve_bytes
        self._files = files
        self._looked_at_s = -_LOOK_EVERY_S
        self._lack: Space | None = None

    async def check(self) -> None:
        """
        Insist that there is more free space than the reserve; what was seen counts for a second.

        Raises:
            StorageFull: There is less.
        """
        if time.monotonic() - self._looked_at_s >= _LOOK_EVERY_S:
            self._lack = await anyio.to_thread.run_sync(self._look, self._folders)
            self._looked_at_s = time.monotonic()
        if self._lack is not None:
            raise StorageFull(
                where=str(self._lack.folder),
                free_bytes=self._lack.free_bytes,
                reserve_bytes=self._lack.reserve_bytes,
            )

    async def missing_bytes(self) -> int:
        """Tell how much should be deleted of the files that are kept, so that enough is free."""
        if self._files is None:
            return 0
        lack = await anyio.to_thread.run_sync(self._look, [self._files])
        return 0 if lack is None else lack.reserve_bytes - lack.free_bytes

    async def spaces(self) -> Sequence[Space]:
        """Tell how much is free in each folder now."""
        return await anyio.to_thread.run_sync(lambda: list(self._measure(self._folders)))

    def _look(self, folders: Sequence[Path]) -> Space | None:
        """Find a folder without enough space."""
        measured = self._measure(folders)
        return next((space for space in measured if space.free_bytes < space.reserve_bytes), None)

    def _measure(self, folders: Sequence[Path]) -> Iterator[Space]:
        for folder in folders:
            try:
                usage = shutil.disk_usage(folder)
            except OSError:
                continue  # What is wrong with it shows where it is used.
            reserve_bytes = self._reserve_bytes
            if reserve_bytes is None:
                reserve_bytes = min(USUAL_RESERVE_BYTES, int(usage.total * _SHARE_OF_DISK))
            yield Space(folder=folder, free_bytes=usage.free, reserve_bytes=reserve_bytes)
