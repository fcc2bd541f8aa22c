"""Fetch a picture from a URL that a person gave, and check it like an upload."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import anyio

from image2model.core.errors import (
    ArtifactTooLarge,
    FetchError,
    FetchRefused,
    PictureNotFetched,
    TooManyRequests,
    UploadTooLarge,
)
from image2model.core.text.names import name_of_file
from image2model.jobs.computations import PictureFacts
from image2model.jobs.context import Context
from image2model.jobs.intake.pictures import (
    Upload,
    check_upload,
    drop_upload,
    read_upload,
    receive_upload,
)

FETCH_LIMIT_S = 60.0
"""Nobody waits longer before a page for one picture."""

_SLOW_AFTER_S = 5.0
_SLOWEST_BYTES_PER_S = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPicture:
    """
    A checked picture on its way to whoever asked for it.

    Attributes:
        name: A file name, after the URL's.
        media_type: By its bytes.
        size_bytes: Its length.
        chunks: Its bytes, to be read once; its file is removed when they are read or closed.
    """

    name: str
    media_type: str
    size_bytes: int
    chunks: AsyncIterator[bytes]


async def fetch_picture(context: Context, url: str) -> FetchedPicture:
    """
    Fetch and check the picture at *url*; it is not kept.

    Raises:
        PictureNotFetched: The URL is not one to read, leads nowhere, or not within a minute.
        TooManyRequests: The owner has as many fetched as allowed, and none ended in time.
        UploadTooLarge: It is larger than `Rules.picture_bytes`.
        InvalidPictureError: It is no usable picture.
        StorageError, ComputeError: It could not be written or checked.
    """
    upload = await _receive(context, url)
    try:
        facts = await check_upload(context, upload)
    except BaseException:
        await drop_upload(upload)
        raise
    return FetchedPicture(
        name=_name_of(url, facts.media_type),
        media_type=facts.media_type,
        size_bytes=facts.size_bytes,
        chunks=_read_once(upload, facts),
    )


async def _receive(context: Context, url: str) -> Upload:
    async with AsyncExitStack() as place:
        try:
            await place.enter_async_context(context.fetching.hold(patience_s=FETCH_LIMIT_S))
            of_host = context.fetching_from.hold(_host_of(url), patience_s=FETCH_LIMIT_S)
            await place.enter_async_context(of_host)
        except TimeoutError:
            raise TooManyRequests(limit="fetches_at_once", retry_after_s=FETCH_LIMIT_S) from None
        return await _receive_now(context, url)


async def _receive_now(context: Context, url: str) -> Upload:
    limit_bytes = context.rules.picture_bytes
    try:
        with anyio.fail_after(FETCH_LIMIT_S):
            async with context.fetcher.fetch(url, limit_bytes=limit_bytes) as fetched:
                return await receive_upload(context, _not_too_slow(context, fetched.chunks, url))
    except ArtifactTooLarge as error:
        raise UploadTooLarge(limit_bytes=limit_bytes) from error
    except TimeoutError:
        reason = f"it takes longer than {FETCH_LIMIT_S:g} s"
        raise PictureNotFetched(host=_host_of(url), reason=reason) from None
    except FetchError as error:
        reason = str(error.details.get("reason") or f"it answers {error.details['status']}")
        kind = "refused" if isinstance(error, FetchRefused) else None
        raise PictureNotFetched(host=_host_of(url), reason=reason, kind=kind) from error


async def _not_too_slow(
    context: Context, chunks: AsyncIterator[bytes], url: str
) -> AsyncIterator[bytes]:
    """Give up a host that sends so slowly that it only keeps others from their place."""
    began_s, size_bytes = context.clock.monotonic_s(), 0
    async for chunk in chunks:
        size_bytes += len(chunk)
        took_s = context.clock.monotonic_s() - began_s
        if took_s > _SLOW_AFTER_S and size_bytes < _SLOWEST_BYTES_PER_S * took_s:
            reason = f"it sends less than {_SLOWEST_BYTES_PER_S // 1000} kB a second"
            raise PictureNotFetched(host=_host_of(url), reason=reason)
        yield chunk


async def _read_once(upload: Upload, facts: PictureFacts) -> AsyncIterator[bytes]:
    # If nobody ever asks for the first chunk, housekeeping finds the file.
    try:
        async for chunk in read_upload(upload, facts):
            yield chunk
    finally:
        await drop_upload(upload)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "there"
    except ValueError:
        return "there"


def _name_of(url: str, media_type: str) -> str:
    last = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    stem = name_of_file(last, fallback=_host_of(url))
    return f"{stem}.{media_type.rpartition('/')[2]}"
