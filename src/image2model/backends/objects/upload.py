"""An upload of unknown length that is whole or not there at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import obstore
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from obstore.store import ObjectStore

from image2model.backends.objects.errors import bucket_errors
from image2model.core.errors import StorageUnavailable

PART_BYTES = 8 * 1024 * 1024
"""Size of a part: S3 wants 5 MiB at least, and takes 10,000 of them."""

PARTS_AT_ONCE = 2
"""How many parts of one file travel at once: each is held in memory until it arrived."""


class _GivenUp(Exception):
    """Tells the object store to drop the parts it has."""


class MultipartUpload:
    """
    Sends a file in parts; made by `multipart_upload`.

    Args:
        store: Where to.
        where: Its name, for errors.
        path: The object's name.
    """

    def __init__(self, store: ObjectStore, *, where: str, path: str) -> None:
        self._store = store
        self._where = where
        self._path = path
        self._send: MemoryObjectSendStream[bytes | _GivenUp]
        self._receive: MemoryObjectReceiveStream[bytes | _GivenUp]
        self._send, self._receive = anyio.create_memory_object_stream()
        self.failure: StorageUnavailable | None = None

    async def write(self, chunk: bytes) -> None:
        """
        Append *chunk*; waits while earlier ones are on their way.

        Raises:
            StorageUnavailable: The store refused an earlier part.
        """
        try:
            await self._send.send(chunk)
        except anyio.BrokenResourceError:
            if self.failure is not None:
                raise self.failure from None
            raise

    async def give_up(self) -> None:
        """Drop what was sent; waits until the store has heard of it, also when cancelled."""
        with anyio.CancelScope(shield=True), suppress(anyio.BrokenResourceError):
            await self._send.send(_GivenUp())

    def end(self) -> None:
        """Say that nothing more comes."""
        self._send.close()

    async def run(self) -> None:
        """Send what is written, until the end."""
        # Shielded, as only its source ends an upload cleanly.
        with anyio.CancelScope(shield=True), self._receive:
            try:
                with bucket_errors(self._where):
                    await obstore.put_async(
                        self._store,
                        self._path,
                        self._chunks(),
                        chunk_size=PART_BYTES,
                        max_concurrency=PARTS_AT_ONCE,
                    )
            except _GivenUp:
                return
            except StorageUnavailable as error:
                self.failure = error

    async def _chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._receive:
            if isinstance(chunk, _GivenUp):
                raise chunk
            yield chunk


@asynccontextmanager
async def multipart_upload(
    store: ObjectStore, *, where: str, path: str
) -> AsyncIterator[MultipartUpload]:
    """
    Upload what is written within the context; an error there drops all of it.

    The parts travel from a task of their own: an upload that is cancelled while it waits for the
    next chunk would leave its parts in the bucket, where nobody sees them and everybody pays for
    them; one whose source fails removes them.

    Raises:
        StorageUnavailable: The store did not take it.
    """
    upload = MultipartUpload(store, where=where, path=path)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(upload.run)
        try:
            yield upload
        except Exception as error:  # noqa: BLE001  # raised below, outside of the group
            failure = error
            await upload.give_up()
        except BaseException:
            await upload.give_up()
            raise
        finally:
            upload.end()
    if failure := failure or upload.failure:
        raise failure
