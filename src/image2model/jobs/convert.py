"""Make files of files, and keep them for whoever asks again."""

import hashlib
import json
import logging
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import ArtifactNotFound, StorageError
from image2model.core.ids import ArtifactId
from image2model.core.job import Description
from image2model.geometry.conversion import Conversion
from image2model.jobs.computations import ConvertedFile, convert_model, memory_for_model
from image2model.jobs.context import Context
from image2model.jobs.scratch import (
    Scratch,
    read_file,
    remove_files,
    scratch,
    telling_of_storage,
)
from image2model.jobs.whole import read_whole

_log = logging.getLogger(__name__)

_HEAD_LENGTH = struct.Struct("<I")
_MADE_BY = "4"
"""Changes when conversions come out differently, so that nobody gets what older versions made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """
    What is made of what.

    Attributes:
        source: The model as we keep it; None: only its provider has it, and nothing is kept.
        conversion: What it is to become.
        about: What is said of the object.
    """

    source: ArtifactId | None
    conversion: Conversion
    about: Description

    @property
    def artifact(self) -> ArtifactId | None:
        """The id of the file made: the same for the same derivation, and nobody can guess it."""
        if self.source is None:
            return None
        told = "\0".join([_MADE_BY, self.source, made_by(self.conversion, self.about)])
        return ArtifactId(hashlib.sha256(told.encode()).hexdigest()[:32])


def made_by(conversion: Conversion, about: Description) -> str:
    """Say by what a file is made of one that was delivered; see `ResultFile.made_by`."""
    return f"{conversion.key} {about.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """
    A file that was made; where it is kept, behind a head that says all this.

    Attributes:
        where: The artifact that holds it; or a file of ours that nobody else knows, to be removed
            by `drop_derived`.
        start: Where its bytes begin there.
        size_bytes: Their length.
        sha256: Of them, hex.
        crc32: Of them.
        notes: What was given up for it.
    """

    where: ArtifactId | Path
    start: int = 0
    size_bytes: int
    sha256: str
    crc32: int
    notes: Sequence[str]


async def find_derived(context: Context, derivation: Derivation) -> Derived | None:
    """
    Find what was made before, without reading more of it than its head; None: it was not.

    Raises:
        StorageError: The store cannot say.
    """
    artifact = derivation.artifact
    if artifact is None:
        return None
    read = context.artifacts.read
    try:
        (length,) = _HEAD_LENGTH.unpack(
            await read_whole(read(artifact, start=0, length=_HEAD_LENGTH.size))
        )
        head = json.loads(await read_whole(read(artifact, start=_HEAD_LENGTH.size, length=length)))
    except ArtifactNotFound:
        return None
    return Derived(where=artifact, start=_HEAD_LENGTH.size + length, **head)


async def read_derived(
    context: Context, derived: Derived, *, start: int = 0, length: int | None = None
) -> AsyncIterator[bytes]:
    """Read a file that was made, or the part of it from *start* over *length*."""
    first = derived.start + start
    length = derived.size_bytes - start if length is None else length
    if isinstance(derived.where, Path):
        chunks = read_file(derived.where, start=first, length=length)
    else:
        chunks = context.artifacts.read(derived.where, start=first, length=length)
    async for chunk in chunks:
        yield chunk


async def drop_derived(derived: Derived) -> None:
    """Remove the file of one that is not kept; may be called twice."""
    if isinstance(derived.where, Path):
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_files, derived.where)


async def derive(
    context: Context,
    derivation: Derivation,
    content: AsyncIterator[bytes],
    *,
    size_bytes: int | None,
) -> Derived:
    """
    Make a file, or find it made.

    What is made is kept beside the source. Several may make the same at once: the last one's
    stays, and all are equal. Where it cannot be kept, it is made again the next time. No large
    file is held in memory here: the process that converts reads one and writes one.

    Args:
        context: The ports.
        derivation: What is to be made.
        content: The source's bytes; only read if it was not made before.
        size_bytes: How many these are; None: not known.

    Returns:
        The file; whoever asked calls `drop_derived` when done with it.

    Raises:
        Whatever reading *content* raises.
        InvalidMesh: The source cannot be understood.
        InvalidRequest: It cannot become as small as asked for.
        ComputeError: The conversion did not come to its end.
        StorageError: There is no place for the files on their way.
    """
    if (known := await _find(context, derivation)) is not None:
        return known
    needs_bytes = memory_for_model(size_bytes)
    async with scratch(context) as files, context.compute.room(needs_bytes):
        # Whoever waited for others who wanted the same finds it made.
        if (known := await _find(context, derivation)) is not None:
            return known
        source, target = await files.spool(content), files.new()
        with telling_of_storage(context.rules.incoming):
            made = await context.compute.run(
                context.rules.compute_s,
                convert_model,
                source,
                target,
                derivation.conversion,
                derivation.about,
            )
        return await _keep(context, derivation, made, files, target)


async def _find(context: Context, derivation: Derivation) -> Derived | None:
    try:
        return await find_derived(context, derivation)
    except StorageError:
        return None


async def _keep(
    context: Context, derivation: Derivation, made: ConvertedFile, files: Scratch, path: Path
) -> Derived:
    about = {
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "crc32": made.crc32,
        "notes": list(made.notes),
    }
    head = json.dumps(about).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield _HEAD_LENGTH.pack(len(head)) + head
        async for chunk in read_file(path):
            yield chunk

    source, artifact = derivation.source, derivation.artifact
    try:
        await context.reserve.check()
        # The job store hears of it first: a crash leaves a name without a file, never a file
        # without a name.
        if source and artifact and await context.store.add_derived(source, artifact):
            await context.artifacts.put(artifact, chunks(), limit_bytes=context.rules.result_bytes)
            return Derived(where=artifact, start=_HEAD_LENGTH.size + len(head), **about)
    except StorageError as error:
        _log.warning("cannot keep what was made of artifact %s: %s", source, error)
    files.keep(path)
    return Derived(where=path, **about)
