"""Send everything a job has made as one ZIP file, written while it is sent."""

import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import anyio.to_thread

from image2model.core.errors import ArtifactNotFound, Image2ModelError, StorageUnavailable
from image2model.core.ids import ArtifactId, JobId, OwnerId
from image2model.core.job import Job
from image2model.core.text.names import clean_name
from image2model.documents.zip_writer import Deflater, Packed, ZipWriter
from image2model.jobs.access import owned_job
from image2model.jobs.archives.manifest import Manifest, Written
from image2model.jobs.archives.names import MANIFEST_CSV, MANIFEST_JSON
from image2model.jobs.archives.plan import (
    MODEL,
    ArchivePlan,
    ArchiveRequest,
    Entry,
    Kept,
    missing_of,
    note_of_spare,
    plan_archive,
)
from image2model.jobs.context import Context
from image2model.jobs.provider_links import Offer
from image2model.jobs.results.convert import drop_derived, read_derived
from image2model.jobs.results.download import Model, convert_model
from image2model.jobs.results.fidelity import score_all
from image2model.jobs.results.previews import draw_all

_WORTH_PACKING = frozenset({"stl", "ply", "obj", "gltf"})
_FAST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The bytes of one of our files as a part of an archive; the rest is as of `Kept`."""

    artifact: ArtifactId
    start: int
    size_bytes: int
    made_of: Model | None


class Archive:
    """
    The ZIP file of a job.

    Attributes:
        name: Its file name.
        size_bytes: Its length; None: only known when all of it has been sent.
        etag: Changes with its bytes; None: they may be others each time.
    """

    def __init__(self, context: Context, plan: ArchivePlan) -> None:
        self._context = context
        self._plan = plan
        self.name = f"{clean_name(plan.job.name, fallback='models')}.zip"
        self.size_bytes: int | None = None
        self.etag: str | None = None

    async def measure(self) -> None:
        """Settle length and ETag, where all is known beforehand; reads no file."""
        if not self._plan.is_fixed:
            return
        size, digest = 0, hashlib.sha256()
        building = _Building(self._context, self._plan, digest=_pretend_digest)
        async for part in building.parts():
            size += _length(part)
            digest.update(part if isinstance(part, bytes) else part.artifact.encode())
        self.size_bytes, self.etag = size, digest.hexdigest()

    async def read(self, *, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """
        Yield the archive, or the part of it that begins at *start*; memory stays flat.

        What cannot be had when its turn comes is listed in the manifest instead.

        Args:
            start: The first byte wanted, from 0; only of an archive with a size.
            length: How many bytes; None: to the end.

        Raises:
            StorageError, ResultExpired, FetchError: A file broke off in its middle: what was
                sent is no whole archive.
        """
        position, end = 0, None if length is None else start + length
        async for part in _Building(self._context, self._plan, digest=_read_digest).parts():
            size = _length(part)
            first = min(max(start - position, 0), size)
            last = size if end is None else min(max(end - position, first), size)
            position += size
            if first == last:
                continue
            if isinstance(part, bytes):
                yield part[first:last]
            else:
                async for chunk in self._stored(part, first, last - first):
                    yield chunk
            if end is not None and position >= end:
                return

    async def _stored(self, part: _Stored, start: int, length: int) -> AsyncIterator[bytes]:
        left = length
        first = part.start + start
        chunks = self._context.artifacts.read(part.artifact, start=first, length=length)
        try:
            async for chunk in chunks:
                left -= len(chunk)
                yield chunk
        except ArtifactNotFound:
            if part.made_of is None or left < length:
                raise
            made = await convert_model(self._context, part.made_of)
            try:
                async for chunk in read_derived(self._context, made, start=start, length=length):
                    left -= len(chunk)
                    yield chunk
            finally:
                await drop_derived(made)
        if left:
            raise StorageUnavailable(where=part.artifact, reason="a file is shorter than it was")


async def open_archive(
    context: Context, owner: OwnerId, job_id: JobId, request: ArchiveRequest
) -> Archive:
    """
    Prepare the archive of a job: of a job that still runs, of what it has made so far.

    Where nothing must be converted (any more) or fetched, the same version of the job always makes
    the same bytes, and any part of them can be read without those before it. So of an archive with
    conversions the first download must come through, and later ones may go on where they broke.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidRequest: The template makes no file names.
        FormatUnsupported: A format can neither be had nor made of any item.
    """
    job = await owned_job(context, owner, job_id)
    if request.scores:
        job = await score_all(context, owner, job)
    if request.previews:
        job = await draw_all(context, job)
    archive = Archive(context, await plan_archive(context, job, request))
    await archive.measure()
    return archive


async def shared_archive(context: Context, job: Job, *, pictures: bool) -> Archive:
    """
    Prepare the archive of what is shared of *job*, without what it cost.

    Args:
        context: The ports.
        job: As `open_shared_link` shows it.
        pictures: Whether the pictures are shared, too.
    """
    request = ArchiveRequest(pictures=pictures, shows_costs=False)
    archive = Archive(context, await plan_archive(context, job, request))
    await archive.measure()
    return archive


class _Building:
    """One pass over all that an archive is made of."""

    def __init__(self, context: Context, plan: ArchivePlan, *, digest: "_Digest") -> None:
        self._context = context
        self._plan = plan
        self._digest = digest
        self._zip = ZipWriter(plan.job.finished_at or plan.job.created_at)
        self._written: list[Written] = []
        self._missing = list(plan.missing)

    async def parts(self) -> AsyncIterator["bytes | _Stored"]:
        """Yield what the archive consists of, in order."""
        for entry in self._plan.entries:
            async for part in self._entry(entry, entry.source):
                yield part
        async for part in self._spares():
            yield part
        manifest = Manifest(
            self._context,
            self._plan.job,
            self._written,
            self._missing,
            shows_costs=self._plan.shows_costs,
        )
        table = manifest.to_csv()
        texts = {MANIFEST_CSV: table, MANIFEST_JSON: manifest.to_json(table=table)}
        for path, text in texts.items():
            yield self._zip.begin(path, _packed(text)) + text
        yield self._zip.finish()

    async def _spares(self) -> AsyncIterator["bytes | _Stored"]:
        """Yield a model as it was delivered of every item of which none could be made."""
        made = {one.entry.index for one in self._written if one.entry.role == MODEL}
        for index in sorted(self._plan.spares.keys() - made):
            spare = self._plan.spares[index]
            reasons = [one.reason for one in self._missing if one.index == index]
            entry = replace(spare, notes=[note_of_spare(*reasons)])
            if isinstance(entry.source, Kept):
                try:
                    await self._context.artifacts.stat(entry.source.artifact)
                except ArtifactNotFound as error:
                    self._missing.append(missing_of(entry, error))
                    continue
            async for part in self._entry(entry, entry.source):
                yield part

    def _entry(
        self, entry: Entry, source: Kept | Offer | Model
    ) -> AsyncIterator["bytes | _Stored"]:
        if isinstance(source, Kept):
            return self._kept(entry, source)
        if isinstance(source, Model):
            return self._made(entry, source)
        return self._fetched(entry, source)

    async def _kept(self, entry: Entry, source: Kept) -> AsyncIterator["bytes | _Stored"]:
        size = source.size_bytes
        crc32, sha256 = await self._digest(self._context, source)
        packed = Packed(size_bytes=size, packed_bytes=size, crc32=crc32)
        yield self._zip.begin(entry.path, packed)
        yield _Stored(
            artifact=source.artifact,
            start=source.start,
            size_bytes=size,
            made_of=source.made_of,
        )
        written = Written(entry=entry, size_bytes=size, sha256=sha256, notes=entry.notes)
        self._written.append(written)

    async def _made(self, entry: Entry, source: Model) -> AsyncIterator[bytes]:
        try:
            made = await convert_model(self._context, source)
        except Image2ModelError as error:
            self._missing.append(missing_of(entry, error))
            return
        try:
            chunks = read_derived(self._context, made)
            if entry.format in _WORTH_PACKING:
                deflater = Deflater()
                yield self._zip.begin_unknown(entry.path, limit_bytes=made.size_bytes)
                async for chunk in chunks:
                    yield await anyio.to_thread.run_sync(deflater.pack, chunk)
                yield deflater.finish()
                yield self._zip.end_unknown(deflater.packed)
            else:
                size = made.size_bytes
                packed = Packed(size_bytes=size, packed_bytes=size, crc32=made.crc32)
                yield self._zip.begin(entry.path, packed)
                async for chunk in chunks:
                    yield chunk
        finally:
            await drop_derived(made)
        written = Written(
            entry=entry, size_bytes=made.size_bytes, sha256=made.sha256, notes=made.notes
        )
        self._written.append(written)

    async def _fetched(self, entry: Entry, source: Offer) -> AsyncIterator[bytes]:
        limit_bytes = self._context.rules.result_bytes
        digest, deflater = hashlib.sha256(), Deflater()
        reading = self._context.links.read_on(source, limit_bytes=limit_bytes)
        async with aclosing(reading) as chunks:
            try:
                first = await anext(chunks, b"")
            except Image2ModelError as error:
                self._missing.append(missing_of(entry, error))
                return
            yield self._zip.begin_unknown(entry.path, limit_bytes=limit_bytes)
            digest.update(first)
            yield deflater.pack(first)
            async for chunk in chunks:
                digest.update(chunk)
                yield deflater.pack(chunk)
        yield deflater.finish()
        packed = deflater.packed
        yield self._zip.end_unknown(packed)
        written = Written(
            entry=entry,
            size_bytes=packed.size_bytes,
            sha256=digest.hexdigest(),
            notes=entry.notes,
        )
        self._written.append(written)


_Digest = Callable[[Context, Kept], Awaitable[tuple[int, str]]]
"""Tells the CRC-32 and the SHA-256 of a file of ours."""


async def _read_digest(context: Context, source: Kept) -> tuple[int, str]:
    if source.crc32 is not None and source.sha256 is not None:
        return source.crc32, source.sha256
    crc32, digest = 0, hashlib.sha256()
    async for chunk in context.artifacts.read(source.artifact):
        crc32 = zlib.crc32(chunk, crc32)
        digest.update(chunk)
    return crc32, digest.hexdigest()


async def _pretend_digest(_context: Context, source: Kept) -> tuple[int, str]:
    """Say something of the right length."""
    return 0, source.sha256 or "0" * 64


def _packed(content: bytes) -> Packed:
    size = len(content)
    return Packed(size_bytes=size, packed_bytes=size, crc32=zlib.crc32(content))


def _length(part: "bytes | _Stored") -> int:
    return len(part) if isinstance(part, bytes) else part.size_bytes
