"""Take a picture in: stream it to disk, check it in a worker, keep what passed."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import TooManyRequests, UploadTooLarge
from image2model.core.generator import View
from image2model.core.ids import ArtifactId, new_hex_id
from image2model.core.job import Picture
from image2model.jobs.computations import (
    LargePicture,
    PictureFacts,
    check_picture_file,
    check_picture_unless_large,
    memory_for_pictures,
)
from image2model.jobs.context import Context
from image2model.jobs.storage.temporary_files import read_file, remove_files, telling_of_storage

_BLOCK_BYTES = 1024 * 1024
_PATIENCE_S = 10.0
_FEW_PIXELS = 16_000_000
"""What phones take at most, and what any process has the memory for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload that is on disk but not yet checked: its file, SHA-256 (hex) and length."""

    path: Path
    sha256: str
    size_bytes: int

    @property
    def clean_path(self) -> Path:
        """Where the check writes the picture if it must be changed."""
        return self.path.with_suffix(".clean.part")


@asynccontextmanager
async def upload_place(context: Context) -> AsyncIterator[None]:
    """
    Have a place for the uploads of one request within the block; owners share them.

    Raises:
        TooManyRequests: The owner has as many as allowed, and none ended in time.
    """
    async with AsyncExitStack() as place:
        try:
            await place.enter_async_context(context.uploading.hold(patience_s=_PATIENCE_S))
        except TimeoutError:
            raise TooManyRequests(limit="uploads_at_once", retry_after_s=_PATIENCE_S) from None
        yield


async def receive_upload(context: Context, chunks: AsyncIterator[bytes]) -> Upload:
    """
    Stream an upload to disk; pass the result to `accept_upload` or `drop_upload`.

    Raises:
        UploadTooLarge: More bytes came than `Rules.picture_bytes`; nothing is left behind.
        StorageError: It could not be written; nothing is left behind.
    """
    await context.reserve.check()
    path = context.rules.incoming / f"{new_hex_id()}.part"
    try:
        return await _spool(chunks, path, limit_bytes=context.rules.picture_bytes)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_files, path)
        raise


async def drop_upload(upload: Upload) -> None:
    """Remove the files of an upload; may be called twice."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(remove_files, upload.path, upload.clean_path)


async def accept_upload(context: Context, upload: Upload, *, view: View) -> Picture:
    """
    Check an upload and keep it as a picture; its files are removed in any case.

    Args:
        context: The ports.
        upload: What `receive_upload` returned.
        view: Which side of the object it shows.

    Raises:
        InvalidPictureError: It is no usable picture.
        StorageError: It could not be kept.
        ComputeError: The check did not come to its end.
    """
    try:
        facts = await check_upload(context, upload)
        artifact = ArtifactId(new_hex_id())
        await context.artifacts.put(
            artifact, read_upload(upload, facts), limit_bytes=facts.size_bytes
        )
    finally:
        await drop_upload(upload)
    return Picture(
        view=view,
        artifact=artifact,
        media_type=facts.media_type,
        size_bytes=facts.size_bytes,
        sha256=upload.sha256,
        width_px=facts.width_px,
        height_px=facts.height_px,
        notes=facts.notes,
        credentials=facts.credentials,
        source_type=facts.source_type,
    )


async def check_upload(context: Context, upload: Upload) -> PictureFacts:
    """
    Check an upload, whose files stay.

    Raises:
        InvalidPictureError: It is no usable picture.
        ComputeError: The check did not come to its end.
    """
    compute, limit_s = context.compute, context.rules.compute_s
    what = str(upload.path), str(upload.clean_path), context.rules.picture
    found = await compute.run(limit_s, check_picture_unless_large, *what, _FEW_PIXELS)
    if isinstance(found, LargePicture):
        async with compute.room(memory_for_pictures(found.pixels)):
            return await compute.run(limit_s, check_picture_file, *what)
    return found


async def read_upload(upload: Upload, facts: PictureFacts) -> AsyncIterator[bytes]:
    """Read the picture that `check_upload` found *facts* about, in order."""
    async for chunk in read_file(upload.clean_path if facts.rewritten else upload.path):
        yield chunk


async def take_picture(context: Context, chunks: AsyncIterator[bytes], *, view: View) -> Picture:
    """Receive and accept one upload; raises what `receive_upload` and `accept_upload` do."""
    return await accept_upload(context, await receive_upload(context, chunks), view=view)


async def _spool(chunks: AsyncIterator[bytes], path: Path, *, limit_bytes: int) -> Upload:
    digest = hashlib.sha256()
    size = 0

    def keep(block: list[bytes]) -> None:
        file.wrapped.writelines(block)
        for chunk in block:
            digest.update(chunk)

    with telling_of_storage(path.parent):
        async with await anyio.open_file(path, "wb") as file:
            async for block in _blocks(chunks):
                size += sum(map(len, block))
                if size > limit_bytes:
                    raise UploadTooLarge(limit_bytes=limit_bytes)
                await anyio.to_thread.run_sync(keep, block)
    return Upload(path=path, sha256=digest.hexdigest(), size_bytes=size)


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Gather small chunks, since every step to another thread takes as long as writing 100 kB."""
    block: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        block.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= _BLOCK_BYTES:
            yield block
            block, size_bytes = [], 0
    if block:
        yield block
