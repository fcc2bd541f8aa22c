"""Make files of files, and keep them for whoever asks again."""

import json
import logging
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from image2model.core.errors import ArtifactNotFound, StorageError
from image2model.core.ids import ArtifactId, OwnerId
from image2model.core.job import Description
from image2model.core.values.hashing import hash_of_text
from image2model.geometry.conversion.request import Conversion
from image2model.jobs.computations import ConvertedFile, convert_model, memory_for_model
from image2model.jobs.context import Context
from image2model.jobs.storage.derived_files import keep_derived, make_room
from image2model.jobs.storage.failures import remembering_failure
from image2model.jobs.storage.in_memory import read_whole
from image2model.jobs.storage.temporary_files import (
    Scratch,
    fetch_to,
    read_file,
    remove_files,
    scratch,
    telling_of_storage,
)

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
        origin: What the source is known by: its id here, or its provider's address.
        owner: Whose it is.
        conversion: What it is to become.
        about: What is said of the object.
    """

    source: ArtifactId | None
    origin: str
    owner: OwnerId
    conversion: Conversion
    about: Description

    @property
    def name(self) -> str:
        """Names it: the same for the same derivation, and nobody can guess it."""
        told = "\0".join([_MADE_BY, self.origin, made_by(self.conversion, self.about)])
        return hash_of_text(told)[:32]

    @property
    def artifact(self) -> ArtifactId | None:
        """The id of the file made; None: it is not kept."""
        return None if self.source is None else ArtifactId(self.name)


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

    What is made is kept beside the source. Several may make the same at once, each process once:
    the last one's stays, and all are equal. Where it cannot be kept, or others are used more, it
    is made again the next time. What failed is not tried again for a while.
    No large file is held in memory here: the process that converts reads one and writes one.

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
    await context.reserve.check()
    needs_bytes = memory_for_model(size_bytes)
    async with context.drawing.lock(ArtifactId(derivation.name)), scratch(context) as files:
        # Whoever waited for others who wanted the same finds it made.
        if (known := await _find(context, derivation)) is not None:
            return known
        async with remembering_failure(context, derivation.name):
            source, target = None, files.new()
            if derivation.source is None:
                source = await fetch_to(context, files, content)
            async with context.compute.room(needs_bytes):
                source = source or await files.spool(content)
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
        found = await find_derived(context, derivation)
        if found is not None and derivation.artifact is not None:
            await context.store.use_derived(derivation.artifact)
    except StorageError:
        return None
    return found


async def _keep(
    context: Context, derivation: Derivation, made: ConvertedFile, files: Scratch, path: Path
) -> Derived:
    about: Mapping[str, Any] = {
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "crc32": made.crc32,
        "notes": list(made.notes),
    }
    head = json.dumps(about).encode()
    start = _HEAD_LENGTH.size + len(head)

    async def chunks() -> AsyncIterator[bytes]:
        yield _HEAD_LENGTH.pack(len(head)) + head
        async for chunk in read_file(path):
            yield chunk

    if derivation.artifact is not None and derivation.source is not None:
        artifact, owner, whole_bytes = (
            derivation.artifact,
            derivation.owner,
            start + made.size_bytes,
        )
        try:
            await context.reserve.check()
            if await make_room(context, owner, whole_bytes) and await keep_derived(
                context,
                derivation.source,
                artifact,
                chunks(),
                owner=owner,
                size_bytes=whole_bytes,
            ):
                return Derived(where=artifact, start=start, **about)
        except StorageError as error:
            _log.warning("cannot keep what was made of artifact %s: %s", derivation.source, error)
    files.keep(path)
    return Derived(where=path, **about)
