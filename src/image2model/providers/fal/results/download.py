"""Download files to this machine's disk, to their end and checked."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import FetchBroken
from image2model.core.ids import new_hex_id
from image2model.geometry.formats.detection import HEAD_BYTES, glb_length
from image2model.ports.fetcher import Fetcher
from image2model.providers.fal.config import Pace
from image2model.providers.fal.requests.retrying import waits_s
from image2model.providers.fal.results.file_detection import sniff

_log = logging.getLogger(__name__)

_FILE_LIMIT_S = 900.0
_TRIES_OF_BAD_CONTENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """
    A file on disk.

    Attributes:
        path: Where it is; whoever has this removes it.
        format: By its bytes; "": not known.
        size_bytes: Its length.
        is_whole: Whether the server said that this is all of it.
    """

    path: Path
    format: str
    size_bytes: int
    is_whole: bool = True


class BadContent(Exception):
    """
    What was downloaded is not what was offered; the text says why.

    Attributes:
        sha256: Of what came, hex, where the server said that this is all; None: it may be cut.
    """

    def __init__(self, reason: str, *, sha256: str | None = None) -> None:
        super().__init__(reason)
        self.sha256 = sha256


class Spooler:
    """Fetches into *folder*, going on where a connection broke."""

    def __init__(self, fetcher: Fetcher, folder: Path, pace: Pace, *, limit_bytes: int) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._pace = pace
        self._limit_bytes = limit_bytes

    async def spool(self, url: str, *, name: str, wanted: Callable[[str], bool]) -> Spooled:
        """
        Download *url*.

        Args:
            url: What to download.
            name: What it is called.
            wanted: Tells whether a format is what it should be.

        Raises:
            BadContent: It is empty, cut off, a web page, or not wanted; several times over.
            FetchRefused, FetchGone: It cannot be had.
            FetchBroken: It cannot be had now.
            ArtifactTooLarge: It is larger than what is kept.
        """
        for _ in range(_TRIES_OF_BAD_CONTENT - 1):
            try:
                return await self._spool_once(url, name, wanted)
            except BadContent as error:
                _log.info("%s; it is fetched again", error)
                await anyio.sleep(self._pace.first_retry_s)
        return await self._spool_once(url, name, wanted)

    async def _spool_once(self, url: str, name: str, wanted: Callable[[str], bool]) -> Spooled:
        path = self._folder / f"{new_hex_id()}.part"
        try:
            with anyio.fail_after(_FILE_LIMIT_S):
                promised_bytes = await self._download(url, path)
            return await anyio.to_thread.run_sync(_examine, path, name, wanted, promised_bytes)
        except TimeoutError as error:
            await _remove(path)
            raise FetchBroken(host=name, reason=f"it takes over {_FILE_LIMIT_S:g} s") from error
        except BaseException:
            await _remove(path)
            raise

    async def _download(self, url: str, path: Path) -> int | None:
        """Download *url* to *path*, and tell how long it is as the server says."""
        give_up_at_s = anyio.current_time() + self._pace.patience_s
        have_bytes = 0
        for wait_s in waits_s(self._pace):
            before_bytes = have_bytes
            try:
                return await self._append(url, path, start=have_bytes)
            except FetchBroken:
                have_bytes = await anyio.to_thread.run_sync(_size_of, path)
                if have_bytes == before_bytes:
                    # Nothing more came from there: what is here may be wrong.
                    have_bytes = 0
                if anyio.current_time() + wait_s > give_up_at_s:
                    raise
                await anyio.sleep(wait_s)
        return None

    async def _append(self, url: str, path: Path, *, start: int) -> int | None:
        async with self._fetcher.fetch(url, limit_bytes=self._limit_bytes, start=start) as file:
            goes_on = start > 0 and file.start == start
            async with await anyio.open_file(path, "ab" if goes_on else "wb") as target:
                async for chunk in file.chunks:
                    await target.write(chunk)
            return file.size_bytes


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _examine(
    path: Path, name: str, wanted: Callable[[str], bool], promised_bytes: int | None
) -> Spooled:
    size_bytes = path.stat().st_size
    with path.open("rb") as source:
        head = source.read(HEAD_BYTES)
        found = sniff(head, size_bytes=size_bytes, hint=name)
    spooled = Spooled(
        path=path, format=found, size_bytes=size_bytes, is_whole=size_bytes == promised_bytes
    )
    fault = _fault(head, found, name, wanted, size_bytes=size_bytes)
    if fault:
        raise BadContent(fault, sha256=sha256_of(spooled))
    return spooled


def sha256_of(file: Spooled) -> str | None:
    """Hash *file*, hex; None: it may be cut."""
    if not file.is_whole:
        return None
    with file.path.open("rb") as source:
        return file_digest(source, "sha256").hexdigest()


def _fault(
    head: bytes, found: str, name: str, wanted: Callable[[str], bool], *, size_bytes: int
) -> str:
    if size_bytes == 0:
        return f"'{name}' is empty"
    if found == "html" or not wanted(found):
        what = {"html": "a web page", "": "something unknown"}.get(found, f"a {found} file")
        return f"'{name}' is {what}"
    promised = glb_length(head)
    if promised is not None and promised != size_bytes:
        return f"'{name}' has {size_bytes} bytes, its header promises {promised}"
    return ""


async def _remove(path: Path) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))
