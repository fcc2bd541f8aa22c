"""Artifacts as objects in a bucket."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, timedelta
from typing import Any, NoReturn

import obstore
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store, from_url

from image2model.backends.objects.errors import bucket_errors, storage_errors
from image2model.backends.objects.upload import PART_BYTES, multipart_upload
from image2model.core.errors import (
    ArtifactNotFound,
    ArtifactTooLarge,
    InvalidSetting,
    StorageUnavailable,
)
from image2model.core.ids import ArtifactId, is_hex_id, new_hex_id
from image2model.ports.artifacts import StoredArtifact

CHUNK_BYTES = 256 * 1024
"""How much is read at a time at least."""

PROBE = b"image2model checks that this bucket can be used"

_RETRY_S = 20
"""How long the library repeats a request that failed for reasons that pass, in seconds."""

_REQUEST_LIMIT_S = 120
_CONNECT_LIMIT_S = 5


class ObjectArtifactStore:
    """
    An `ArtifactStore` over a bucket: S3 and what speaks its protocol, Google Cloud, Azure.

    Objects are named by their ids below the path of *url*. An object is there when it is complete,
    and a reader goes on reading the one it began with, so nothing is ever half written.

    Credentials come from where the clouds' own tools take them: `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `GOOGLE_APPLICATION_CREDENTIALS`,
    `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, and from the roles of machines.
    """

    def __init__(
        self, url: str, *, endpoint_url: str | None = None, where: str | None = None
    ) -> None:
        """
        Keep objects below *url*.

        Args:
            url: Such as `s3://bucket/prefix`.
            endpoint_url: Where a store lives that speaks S3's protocol; None: at Amazon.
            where: What errors call it, with the setting that it comes from; None: *url*.

        Raises:
            InvalidSetting: It names no bucket.
        """
        self._where = where or url
        self._store = _open(url, endpoint_url)

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        """
        Store *chunks* under *artifact*, replacing what it named before; see `ArtifactStore`.

        Up to 8 MiB travel in one request, more in parts, of which 16 MiB are held in memory.
        """
        if not is_hex_id(artifact):
            raise ValueError(f"not an id of ours: {artifact!r}")
        start = bytearray()
        async for chunk in chunks:
            start += chunk
            if len(start) > limit_bytes:
                raise ArtifactTooLarge(limit_bytes=limit_bytes)
            if len(start) > PART_BYTES:
                return await self._put_parts(artifact, start, chunks, limit_bytes=limit_bytes)
        await self._put_whole(artifact, bytes(start))
        return len(start)

    async def stat(self, artifact: ArtifactId) -> StoredArtifact:
        """
        Look up *artifact* without reading it.

        Raises:
            ArtifactNotFound: There is no such object.
            StorageUnavailable: The bucket cannot be read.
        """
        if not is_hex_id(artifact):
            raise ArtifactNotFound(artifact=artifact)
        try:
            with storage_errors(self._where):
                return _stored(await obstore.head_async(self._store, artifact))
        except FileNotFoundError:
            await self._not_found(artifact)

    async def read(
        self, artifact: ArtifactId, *, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """
        Read *artifact* in chunks of at least 256 KiB; see `ArtifactStore`.

        Raises:
            ArtifactNotFound: There is no such object (raised by the first step).
            StorageUnavailable: The bucket cannot be read.
        """
        wanted: obstore.GetOptions = {}
        if not is_hex_id(artifact):
            raise ArtifactNotFound(artifact=artifact)
        if start or length is not None:
            # Stores answer an error to a range that is empty or begins behind the end.
            size = (await self.stat(artifact)).size_bytes
            end = size if length is None else min(size, start + length)
            if start >= end:
                return
            wanted = {"range": (start, end)}
        try:
            with storage_errors(self._where):
                found = await obstore.get_async(self._store, artifact, options=wanted)
                async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                    yield bytes(chunk)
        except FileNotFoundError:
            await self._not_found(artifact)

    async def delete(self, artifact: ArtifactId) -> None:
        """Remove *artifact*; one that is not there is fine."""
        if not is_hex_id(artifact):
            return
        try:
            with storage_errors(self._where):
                await obstore.delete_async(self._store, artifact)
        except FileNotFoundError:
            # Google Cloud and Azure say so, S3 does not.
            await self._check_bucket()

    async def all(self) -> AsyncGenerator[StoredArtifact]:
        """List everything, in no order; what comes or goes meanwhile may be missing."""
        with storage_errors(self._where):
            async for page in obstore.list(self._store):
                for meta in page:
                    if is_hex_id(meta["path"]):
                        yield _stored(meta)

    async def remove_leftovers(self, *, older_than_s: float) -> int:  # noqa: ARG002
        """Return 0: uploads that were broken off are no files, and the bucket's rule ends them."""
        return 0

    async def check(self) -> None:
        """
        Write, read and remove a small object, to say whether the store works.

        Raises:
            StorageUnavailable: It cannot be written or read.
        """
        path = f"check-{new_hex_id()}"
        with bucket_errors(self._where):
            await obstore.put_async(self._store, path, PROBE)
            found = await (await obstore.get_async(self._store, path)).bytes_async()
            await obstore.delete_async(self._store, path)
        if bytes(found) != PROBE:
            raise StorageUnavailable(
                where=self._where, reason="an object reads back other than it was written"
            )

    async def direct_url(self, artifact: ArtifactId, *, life_s: float) -> str | None:
        """
        Sign a URL from which whoever has it reads *artifact*, for *life_s* seconds.

        Returns:
            The URL; None: the credentials in use cannot sign.
        """
        if not is_hex_id(artifact) or not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        try:
            with storage_errors(self._where):
                return await obstore.sign_async(
                    self._store, "GET", artifact, timedelta(seconds=life_s)
                )
        except StorageUnavailable:
            return None

    async def _put_whole(self, artifact: ArtifactId, content: bytes) -> None:
        with bucket_errors(self._where):
            await obstore.put_async(self._store, artifact, content, use_multipart=False)

    async def _put_parts(
        self,
        artifact: ArtifactId,
        start: bytearray,
        rest: AsyncIterator[bytes],
        *,
        limit_bytes: int,
    ) -> int:
        size = len(start)
        async with multipart_upload(self._store, where=self._where, path=artifact) as upload:
            await upload.write(bytes(start))
            start.clear()
            async for chunk in rest:
                size += len(chunk)
                if size > limit_bytes:
                    raise ArtifactTooLarge(limit_bytes=limit_bytes)
                if chunk:
                    await upload.write(bytes(chunk))
        return size

    async def _not_found(self, artifact: ArtifactId) -> NoReturn:
        # A bucket that is gone must not pass for objects that do not exist.
        await self._check_bucket()
        raise ArtifactNotFound(artifact=artifact)

    async def _check_bucket(self) -> None:
        with bucket_errors(self._where):
            async for _ in obstore.list(self._store, chunk_size=1):
                return


def _open(url: str, endpoint_url: str | None) -> ObjectStore:
    options: dict[str, Any] = {
        **({} if endpoint_url is None else {"endpoint": endpoint_url}),
        "retry_config": {"max_retries": 5, "retry_timeout": timedelta(seconds=_RETRY_S)},
        "client_options": {
            "timeout": timedelta(seconds=_REQUEST_LIMIT_S),
            "connect_timeout": timedelta(seconds=_CONNECT_LIMIT_S),
            # Who names an endpoint without TLS, in their own network, means it.
            "allow_http": (endpoint_url or "").startswith("http://"),
        },
    }
    try:
        with storage_errors(url):
            return from_url(url, **options)
    except (StorageUnavailable, ValueError, TypeError) as error:
        raise InvalidSetting(
            setting="IMAGE2MODEL_STORAGE_URL",
            reason=f"{error}. Write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX.",
        ) from error


def _stored(meta: "obstore.ObjectMeta") -> StoredArtifact:
    return StoredArtifact(
        artifact=ArtifactId(meta["path"]),
        size_bytes=meta["size"],
        stored_at=meta["last_modified"].astimezone(UTC),
    )
